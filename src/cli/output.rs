//! Standard output, and foreign text on it.

use std::io::{self, Write as _};

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, makedev};
use serde::Serialize;

use super::exit::Failure;
use crate::escape::Escaped;

/// Writes human text. Colour goes only to a terminal, and not where NO_COLOR is set.
///
/// # Errors
/// When standard output cannot be written to.
pub fn print(text: &str) -> Result<(), Failure> {
    write(text).map_err(Failure::output)
}

/// As [`print()`], for a caller that has to undo something if it fails.
///
/// # Errors
/// When standard output cannot be written to.
pub fn write(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}

/// Whether standard output was closed when the program started. The runtime opens `/dev/null` in its place, for
/// reading and writing, so that no other file gets descriptor 1. A shell's `>/dev/null` is for writing only, but Python
/// and Node also discard output by one for both, so only a command that is useless without its output may ask.
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
/// When standard output cannot be written to.
pub fn print_json(document: &impl Serialize) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, document)
        .map_err(io::Error::from)
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush())
        .map_err(Failure::output)
}

/// Foreign text of several lines: all of it, with what could act on a terminal spelled out.
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
    fn lines_stay_lines_and_nothing_acts() {
        assert_eq!(escaped_lines("{\n\t\"a\": \"é\x1b\"\r\n}"), "{\n\t\"a\": \"é\\u{1b}\"\\u{d}\n}");
    }
}
