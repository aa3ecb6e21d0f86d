//! Standard output, and foreign text on it.

use std::io::{self, Write as _};

use serde::Serialize;

use super::exit::Failure;
use crate::escape::Escaped;

/// Writes human text. Colour goes only to a terminal, and not where NO_COLOR is set.
///
/// # Errors
/// When standard output cannot be written to.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::output)
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

/// A text as a basic string of TOML, quotes included.
pub fn toml_string(text: &str) -> String {
    let mut utf8 = [0; 4];
    let inside: String = text
        .chars()
        .map(|c| match c {
            '"' | '\\' => format!("\\{c}"),
            // What is escaped on a terminal is escaped for TOML as well, in TOML's way.
            c if Escaped(c.encode_utf8(&mut utf8)).to_string().starts_with('\\') => {
                format!("\\U{:08X}", u32::from(c))
            }
            c => c.to_string(),
        })
        .collect();
    format!("\"{inside}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_stay_lines_and_nothing_acts() {
        assert_eq!(escaped_lines("{\n\t\"a\": \"é\x1b\"\r\n}"), "{\n\t\"a\": \"é\\u{1b}\"\\u{d}\n}");
    }

    proptest! {
        #[test]
        fn toml_reads_back_what_was_escaped(text in any::<String>()) {
            let line = format!("cn = [{}]", toml_string(&text));
            let table = toml::de::DeTable::parse(&line).expect("TOML");
            let read = table.get_ref().get("cn").and_then(|cn| cn.get_ref().get(0)).and_then(|v| v.get_ref().as_str());
            prop_assert_eq!(read, Some(text.as_str()));
        }
    }
}
