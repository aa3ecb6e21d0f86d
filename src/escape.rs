//! Escapes untrusted text for log lines, terminals and messages.
//!
//! Text from a peer (the subject of a certificate, a path, a server name) is stored unchanged and escaped only where it
//! is shown. Control characters, bidirectional overrides and other invisible characters are shown as `\u{..}`, and text
//! that is longer than [`SHOWN_CHARS_MAX`] is truncated.

use std::collections::BTreeSet;
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

/// Formats a text as a string of TOML, including the quotes: a literal string if possible, because JSON, the journal and
/// a text log escape the quotes of a basic string, which then could not be pasted.
pub fn toml_string(text: &str) -> String {
    if !text.contains(|c| c == '\'' || !is_plain(c)) {
        return format!("'{text}'");
    }
    let inside: String = text
        .chars()
        .map(|c| match c {
            '"' | '\\' => format!("\\{c}"),
            c if is_plain(c) => c.to_string(),
            // Characters that are escaped on a terminal are also escaped for TOML, in the form of TOML.
            c => format!("\\U{:08X}", u32::from(c)),
        })
        .collect();
    format!("\"{inside}\"")
}

/// A remark with the code points of the characters that are not ASCII, because some look like ASCII characters; `None`
/// if there are none.
pub fn not_ascii<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let characters: BTreeSet<_> = texts.into_iter().flat_map(str::chars).filter(|c| !c.is_ascii()).collect();
    let shown = joined(characters, ", ", |c| CodePoint(c).to_string());
    (!shown.is_empty()).then(|| format!("not ASCII: {shown}"))
}

/// The largest number of parts that [`joined`] shows.
const JOINED_MAX: usize = 8;
/// The length, in bytes, after which [`joined`] shows no further part.
const JOINED_BYTES_MAX: usize = 2 << 10;

/// Joins the texts of the first items of a list whose length others determine, and says how many more there are. Only
/// these texts are created.
pub fn joined<T>(items: impl IntoIterator<Item = T>, between: &str, text: impl Fn(T) -> String) -> String {
    let mut items = items.into_iter();
    let mut joined = String::new();
    for item in items.by_ref().take(JOINED_MAX) {
        if !joined.is_empty() {
            joined.push_str(between);
        }
        joined.push_str(&text(item));
        if joined.len() > JOINED_BYTES_MAX {
            break;
        }
    }
    match items.count() {
        0 => joined,
        more => format!("{joined}{between}{more} more"),
    }
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

    #[test]
    fn toml_of_ordinary_text_needs_no_escapes_in_json_or_a_text_log() {
        assert_eq!(toml_string("webhook.bank.example"), "'webhook.bank.example'");
        assert_eq!(toml_string("Banco São \"X\""), "'Banco São \"X\"'");
        assert_eq!(toml_string("O'Neil"), "\"O'Neil\"");
        assert_eq!(toml_string("a\u{202e}b"), "\"a\\U0000202Eb\"");
    }

    #[test]
    fn characters_that_look_like_ascii_are_named() {
        assert_eq!(not_ascii(["webhook.bank"]), None);
        let expected = "not ASCII: U+0430, U+200B (zero-width space)";
        assert_eq!(not_ascii(["b\u{430}nk", "\u{200b}\u{430}"]).as_deref(), Some(expected));
    }

    #[test]
    fn a_joined_list_is_bounded_and_counts_the_rest() {
        let text = |length: usize| move |n: usize| format!("{n}{}", "x".repeat(length));
        assert_eq!(joined(0..3, ", ", text(0)), "0, 1, 2");
        assert_eq!(joined(0..800, ",", text(0)), "0,1,2,3,4,5,6,7,792 more");
        let long = joined(0..5, "; ", text(1_000));
        assert!(long.ends_with("; 2 more") && long.len() < 3_100, "{}", long.len());
        assert_eq!(joined(0..0, ", ", text(0)), "");
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
