//! Shows bytes of unknown content as text.
//!
//! JSON is only indented: its numbers and strings stay as the sender wrote them. Control characters and invisible ones are
//! shown as `\u{..}`.

use std::fmt::Write as _;

use serde::de::IgnoredAny;

use crate::escape::Quoted;

/// The most bytes that are shown; the rest can be downloaded.
pub(super) const SHOWN_BYTES_MAX: usize = 256 << 10;
/// The most bytes that are shown in hex.
const HEX_BYTES_MAX: usize = 4 << 10;
/// The deepest indentation, so that nested arrays do not multiply the size.
const INDENT_MAX: usize = 40;

/// Bytes as text.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Shown {
    pub(super) text: String,
    /// Whether bytes at the end are not shown.
    pub(super) is_truncated: bool,
}

/// Shows a payload: indented JSON, or text, or hex.
pub(super) fn shown(bytes: &[u8]) -> Shown {
    let is_json = bytes.len() <= SHOWN_BYTES_MAX && serde_json::from_slice::<IgnoredAny>(bytes).is_ok();
    let head = &bytes[..bytes.len().min(SHOWN_BYTES_MAX)];
    let is_text = |text: &str| !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    match text_of(head).filter(|text| is_json || is_text(text)) {
        Some(text) if is_json => Shown { text: visible(&indented(text)), is_truncated: false },
        Some(text) => Shown { text: visible(text), is_truncated: head.len() < bytes.len() },
        None => {
            let head = &bytes[..bytes.len().min(HEX_BYTES_MAX)];
            Shown { text: hex_lines(head), is_truncated: head.len() < bytes.len() }
        }
    }
}

/// The text in UTF-8, without an incomplete character at its end.
fn text_of(bytes: &[u8]) -> Option<&str> {
    match str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => str::from_utf8(&bytes[..error.valid_up_to()]).ok(),
        Err(_) => None,
    }
}

/// Inserts line breaks and spaces into JSON, and removes those that it has.
fn indented(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut rest = json.chars().peekable();
    let break_line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth.min(INDENT_MAX)));
    };
    while let Some(c) = rest.next() {
        if in_string {
            out.push(c);
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            ' ' | '\t' | '\r' | '\n' => {}
            '{' | '[' => {
                out.push(c);
                while rest.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = rest.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    break_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                break_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                break_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c => {
                in_string = c == '"';
                out.push(c);
            }
        }
    }
    out
}

/// Keeps line breaks and tabs, and shows other characters that cannot be seen as `\u{..}`.
fn visible(text: &str) -> String {
    let line = |line: &str| {
        line.split('\t').map(|part| Quoted::inside(part).to_string()).collect::<Vec<_>>().join("\t")
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// 16 bytes a line: the position, the bytes, and the characters of ASCII.
fn hex_lines(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (number, line) in bytes.chunks(16).enumerate() {
        let _ = write!(out, "{:08x} ", number * 16);
        line.iter().for_each(|byte| out.push_str(&format!(" {byte:02x}")));
        let ascii = line
            .iter()
            .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' });
        let _ = writeln!(out, "{:1$}  {2}", "", 3 * (16 - line.len()), ascii.collect::<String>());
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_is_indented_and_otherwise_unchanged() {
        let json =
            br#"{"pix":[{"valor":1.10,"e":"a\"{,:}\\"} , {} ],"n":[ ],"big":123456789012345678901234567890}"#;
        let expected = "{\n  \"pix\": [\n    {\n      \"valor\": 1.10,\n      \"e\": \"a\\\"{,:}\\\\\"\n    },\n    {}\n  ],\n  \
            \"n\": [],\n  \"big\": 123456789012345678901234567890\n}";
        assert_eq!(shown(json), Shown { text: expected.to_owned(), is_truncated: false });
    }

    #[test]
    fn text_is_shown_as_text_and_other_bytes_in_hex() {
        assert_eq!(shown("não é JSON\r\n\tx\u{202e}".as_bytes()).text, "não é JSON\n\tx\\u{202e}");
        assert_eq!(shown(b"ab\0").text, format!("00000000  61 62 00{:39}  ab.\n", ""));
        assert_eq!(shown(b"").text, "");
        let long = "é".repeat(SHOWN_BYTES_MAX);
        let shown = shown(&[b"x", long.as_bytes()].concat());
        assert!(shown.is_truncated && shown.text.len() == SHOWN_BYTES_MAX - 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_shown_without_control_characters(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let shown = shown(&bytes);
            prop_assert!(!shown.text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')));
        }

        #[test]
        fn indented_json_is_the_same_document(text in "[\\PC\"\\\\{}\\[\\],: \n]{0,40}", number in any::<i64>()) {
            let value = serde_json::json!({ "a": [text.clone(), { text.clone(): [] }], "n": number });
            let compact = value.to_string();
            let again: serde_json::Value = serde_json::from_str(&indented(&compact)).expect("JSON");
            prop_assert_eq!(again, value);
        }
    }
}
