//! Reads the standard error of a command: all of it, so that the command never waits, and keeps its last line.

use std::os::fd::AsFd as _;

use tokio::io::AsyncReadExt as _;
use tokio::process::ChildStderr;

use crate::escape::Escaped;

/// The bytes of one read.
const PIECE: usize = 16 << 10;
/// The bytes that are kept: the longest line of a reason, and a newline after it.
const KEPT: usize = 1 << 10;
/// The pieces that are read after the end of the command, which are more than a pipe contains. Another process may
/// still write.
const PIECES_AT_END: usize = 8;
/// The most characters of the line.
const LINE_CHARS_MAX: usize = 200;

pub(super) struct LastLine {
    stderr: ChildStderr,
    piece: Vec<u8>,
    kept: Vec<u8>,
}

impl LastLine {
    pub(super) fn new(stderr: ChildStderr) -> Self {
        Self { stderr, piece: vec![0; PIECE], kept: Vec::new() }
    }

    /// Reads a piece; false at the end.
    pub(super) async fn read(&mut self) -> bool {
        // An error counts as the end, because it does not affect the result of the command.
        let read = self.stderr.read(&mut self.piece).await.unwrap_or(0);
        self.keep(read);
        read > 0
    }

    fn keep(&mut self, read: usize) {
        self.kept.extend_from_slice(&self.piece[..read]);
        self.kept.drain(..self.kept.len().saturating_sub(KEPT));
    }

    /// Reads what the pipe still contains, without waiting, and returns the last line that is not empty, escaped.
    pub(super) fn finish(mut self) -> String {
        for _ in 0..PIECES_AT_END {
            // Not with the runtime, which may not have received the event for the rest yet.
            match rustix::io::read(self.stderr.as_fd(), &mut self.piece) {
                Ok(0) | Err(_) => break,
                Ok(read) => self.keep(read),
            }
        }
        let text = String::from_utf8_lossy(&self.kept);
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        let cut: String = line.chars().take(LINE_CHARS_MAX).collect();
        Escaped(&cut).to_string()
    }
}
