//! Escapes untrusted text for log lines, terminals and messages.
//!
//! Text from a peer (the subject of a certificate, a path, a server name) is stored unchanged and escaped only where it
//! is shown. Control characters, bidirectional overrides and other invisible characters are shown as `\u{..}`, and text
//! that is longer than [`SHOWN_CHARS_MAX`] is truncated.

use std::fmt;

/// The most characters of an untrusted text that are shown.
pub const SHOWN_CHARS_MAX: usize = 512;

/// Displays a text escaped and truncated.
#[derive(Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (shown, c) in self.0.chars().enumerate() {
            if shown == SHOWN_CHARS_MAX {
                return write!(f, "… ({} bytes)", self.0.len());
            }
            if is_plain(c) { fmt::Write::write_char(f, c)? } else { write!(f, "{}", c.escape_unicode())? }
        }
        Ok(())
    }
}

impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Displays a text escaped, not truncated, and in quotes if it would be ambiguous without them.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a> {
    text: &'a str,
    quotes: bool,
}

impl<'a> Quoted<'a> {
    /// For a line of words: with quotes, unless the text is one word without special characters.
    pub fn word(text: &'a str) -> Self {
        let special = |c: char| c.is_whitespace() || matches!(c, '"' | '=' | '\\') || !is_plain(c);
        Self { text, quotes: text.is_empty() || text.contains(special) }
    }

    /// For use inside a sentence: without quotes.
    pub fn inside(text: &'a str) -> Self {
        Self { text, quotes: false }
    }
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = if self.quotes { "\"" } else { "" };
        f.write_str(quote)?;
        for c in self.text.chars() {
            match c {
                '"' | '\\' if self.quotes => write!(f, "\\{c}")?,
                c if is_plain(c) => fmt::Write::write_char(f, c)?,
                c => write!(f, "{}", c.escape_unicode())?,
            }
        }
        f.write_str(quote)
    }
}

/// Shows bytes of unknown encoding like [`Escaped`]. Invalid UTF-8 is shown as U+FFFD.
pub fn escaped_bytes(bytes: &[u8]) -> String {
    // Truncated before the conversion: a character has at most four bytes, and at most SHOWN_CHARS_MAX are shown.
    let shown = &bytes[..bytes.len().min(4 * SHOWN_CHARS_MAX + 4)];
    Escaped(&String::from_utf8_lossy(shown)).to_string()
}

/// Formats a text as a basic string of TOML, including the quotes.
pub fn toml_string(text: &str) -> String {
    let mut utf8 = [0; 4];
    let inside: String = text
        .chars()
        .map(|c| match c {
            '"' | '\\' => format!("\\{c}"),
            // Characters that are escaped on a terminal are also escaped for TOML, in the form of TOML.
            c if Escaped(c.encode_utf8(&mut utf8)).to_string().starts_with('\\') => {
                format!("\\U{:08X}", u32::from(c))
            }
            c => c.to_string(),
        })
        .collect();
    format!("\"{inside}\"")
}

/// Displays a character as its code point, with its name if it is invisible or easily confused with another one:
/// `U+FEFF (byte order mark)`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CodePoint(pub char);

impl CodePoint {
    /// Whether the character is invisible or looks like a space.
    pub fn is_invisible(self) -> bool {
        !is_plain(self.0) || self.0.is_whitespace() && self.0 != ' '
    }

    /// Whether it is a quotation mark that word processors insert instead of `"` or `'`.
    pub fn is_smart_quote(self) -> bool {
        matches!(self.0, '\u{2018}'..='\u{201F}' | '\u{00AB}' | '\u{00BB}')
    }

    fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            '\0' => "null",
            '\t' => "tab",
            '\n' => "line feed",
            '\r' => "carriage return",
            ' ' => "space",
            '\u{00A0}' => "no-break space",
            '\u{00AD}' => "soft hyphen",
            '\u{200B}' => "zero-width space",
            '\u{200C}' => "zero-width non-joiner",
            '\u{200D}' => "zero-width joiner",
            '\u{200E}' => "left-to-right mark",
            '\u{200F}' => "right-to-left mark",
            '\u{202F}' => "narrow no-break space",
            '\u{2018}' => "left single quotation mark",
            '\u{2019}' => "right single quotation mark",
            '\u{201C}' => "left double quotation mark",
            '\u{201D}' => "right double quotation mark",
            '\u{201E}' => "low double quotation mark",
            '\u{2060}' => "word joiner",
            '\u{3000}' => "ideographic space",
            '\u{FEFF}' => "byte order mark",
            _ => return None,
        })
    }
}

impl fmt::Display for CodePoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "U+{:04X}", u32::from(self.0))?;
        match self.name() {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}

fn is_plain(c: char) -> bool {
    !(c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{FEFF}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn terminal_control_characters_are_escaped() {
        assert_eq!(Escaped("a\x1b[2Jb\nc").to_string(), r"a\u{1b}[2Jb\u{a}c");
        assert_eq!(Escaped("evil\u{202e}txt").to_string(), r"evil\u{202e}txt");
        assert_eq!(Escaped("Ação é çã").to_string(), "Ação é çã");
    }

    #[test]
    fn long_text_is_truncated_and_its_length_is_shown() {
        let shown = Escaped(&"x".repeat(600)).to_string();
        assert!(shown.ends_with("… (600 bytes)"), "{shown}");
        assert_eq!(shown.chars().filter(|c| *c == 'x').count(), SHOWN_CHARS_MAX);
    }

    #[test]
    fn invalid_utf8_is_shown_as_replacement_characters() {
        assert_eq!(escaped_bytes(b"/a\xff\x00"), "/a\u{fffd}\\u{0}");
    }

    proptest! {
        #[test]
        fn escaped_text_round_trips_through_toml(text in any::<String>()) {
            let line = format!("cn = [{}]", toml_string(&text));
            let table = toml::de::DeTable::parse(&line).expect("TOML");
            let read = table.get_ref().get("cn").and_then(|cn| cn.get_ref().get(0)).and_then(|v| v.get_ref().as_str());
            prop_assert_eq!(read, Some(text.as_str()));
        }
    }
}
