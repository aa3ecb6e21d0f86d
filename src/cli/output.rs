//! Writes to standard output, and escapes untrusted text.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, makedev};
use rustix::termios::tcgetwinsize;
use serde::Serialize;

use super::exit::{Failure, shown};
use crate::escape::Escaped;

/// Writes text. Colors are kept only on a terminal, and not if NO_COLOR is set.
///
/// # Errors
/// If standard output cannot be written to.
pub fn print(text: &str) -> Result<(), Failure> {
    write(text).map_err(Failure::output)
}

/// Like [`print()`], for a caller that must undo something if it fails.
///
/// # Errors
/// If standard output cannot be written to.
pub fn write(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}

/// The columns of a terminal that does not report its own.
pub const TERMINAL_COLUMNS: usize = 100;

/// The columns of the terminal that is standard output; `None` if it is not a terminal.
pub fn terminal_columns() -> Option<usize> {
    let out = io::stdout();
    let reported = || tcgetwinsize(&out).map(|size| usize::from(size.ws_col)).ok();
    let columns = || reported().filter(|columns| *columns > 0).unwrap_or(TERMINAL_COLUMNS);
    out.is_terminal().then(columns)
}

/// Whether standard output was closed when the program started. The runtime then opens `/dev/null` for reading and
/// writing as descriptor 1. A shell opens it only for writing, but Python and Node also open it for both to discard
/// output, so only commands that are useless without their output call this.
pub fn was_closed() -> bool {
    let out = io::stdout();
    let is_null = fstat(&out).is_ok_and(|found| {
        FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice && found.st_rdev == makedev(1, 3)
    });
    is_null && fcntl_getfl(&out).is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDWR)
}

/// Writes one JSON document.
///
/// # Errors
/// If standard output cannot be written to.
pub fn print_json(document: &impl Serialize) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, document)
        .map_err(io::Error::from)
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush())
        .map_err(Failure::output)
}

/// A path as a word of a shell's command line, in quotes if it contains a special character.
pub fn shell_word(path: &Path) -> String {
    let text = shown(path);
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=".contains(c);
    if text.chars().all(is_plain) && !text.is_empty() {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Escapes untrusted text except for its line feeds and tabs.
pub fn escaped_lines(text: &str) -> String {
    let mut utf8 = [0; 4];
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c.to_string(),
            c => Escaped(c.encode_utf8(&mut utf8)).to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_feeds_and_tabs_are_kept_and_control_characters_escaped() {
        assert_eq!(escaped_lines("{\n\t\"a\": \"é\x1b\"\r\n}"), "{\n\t\"a\": \"é\\u{1b}\"\\u{d}\n}");
    }
}
