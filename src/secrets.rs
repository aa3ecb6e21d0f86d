//! Keeps private keys out of messages. A message may quote what it read (a path, a line of webhooks.toml), and people paste
//! keys in the wrong places.

use std::collections::BTreeSet;

/// What is shown instead of a text that may be a private key.
pub const NOT_SHOWN: &str = "(not shown: this may be a private key)";

/// The shortest base64 text that counts as a key. The shortest key, Ed25519 in PKCS#8, has 64 characters.
const KEY_CHARS_MIN: usize = 40;
/// The length of a SHA-256 digest in hex. A key in hex is longer.
const DIGEST_CHARS: usize = 64;
/// A BEGIN line that is longer has something of the block in it.
const BEGIN_LINE_MAX: usize = 48;
const BEGIN: &str = "-----BEGIN";
const END: &str = "-----END";

/// The text up to where a private key may begin.
pub fn without_secrets(text: &str) -> String {
    match secret(text) {
        Some(at) => format!("{}{NOT_SHOWN}", &text[..at]),
        None => text.to_owned(),
    }
}

/// The lines of a text, from 1, that may be part of a private key.
#[derive(Debug, Default)]
pub struct SecretLines {
    lines: BTreeSet<usize>,
    /// The first line that cannot be anything else than PEM or the text of a key.
    pub first: Option<usize>,
}

impl SecretLines {
    /// Finds the lines of PEM blocks, consecutive lines of base64, and lines with a long base64 text.
    pub fn of(text: &str) -> Self {
        let mut found = Self::default();
        let (mut in_block, mut group) = (false, Group::default());
        for (number, line) in (1..).zip(text.lines()) {
            let begin = line.rfind(BEGIN).map(|at| &line[at..]);
            let is_comment = line.trim_start().starts_with('#');
            if begin.is_some() && !is_comment {
                found.first.get_or_insert(number);
            }
            let is_more_than_begin = begin.is_some_and(|begin| begin.len() > BEGIN_LINE_MAX);
            // In a string, line breaks are escaped.
            let joined = line.replace("\\n", "").replace("\\r", "");
            if in_block || is_more_than_begin || secret(&joined).is_some() {
                found.lines.insert(number);
            }
            in_block = begin.map_or(in_block, |_| true) && !begin.unwrap_or(line).contains(END);
            if !group.takes(line) {
                std::mem::take(&mut group).into_lines(number, &mut found);
            }
        }
        group.into_lines(text.lines().count() + 1, &mut found);
        found
    }

    /// Whether a line may be part of a key.
    pub fn contains(&self, line: usize) -> bool {
        self.lines.contains(&line)
    }
}

/// Consecutive lines of nothing but base64.
#[derive(Debug, Default)]
struct Group {
    text: String,
    lines: usize,
}

impl Group {
    fn takes(&mut self, line: &str) -> bool {
        let line = line.trim();
        let takes = !line.is_empty() && line.chars().all(is_base64);
        if takes {
            self.text.push_str(line);
            self.lines += 1;
        }
        takes
    }

    /// Keeps the lines before `end` that the group consists of, if they may be a key.
    fn into_lines(self, end: usize, found: &mut SecretLines) {
        if self.lines > 1 && secret(&self.text).is_some() {
            let first = end - self.lines;
            found.lines.extend(first..end);
            found.first = Some(found.first.map_or(first, |known| known.min(first)));
        }
    }
}

/// Where a base64 text begins that may be a key. Digests in hex and most paths are not mistaken for one.
fn secret(text: &str) -> Option<usize> {
    let mut from = 0;
    for run in text.split(|c| !is_base64(c)) {
        let has = |class: fn(&u8) -> bool| run.as_bytes().iter().any(class);
        let is_mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
        let is_base64 = run.len() >= KEY_CHARS_MIN && is_mixed && run.matches('/').count() * 10 <= run.len();
        let is_hex = run.len() > DIGEST_CHARS && run.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_base64 || is_hex {
            return Some(from);
        }
        let separator = text[from + run.len()..].chars().next().map_or(0, char::len_utf8);
        from += run.len() + separator;
    }
    None
}

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "MC4CAQAwBQYDK2VwBCIEIDyV1x1jNSJPyu1wX6X9oAbcDeFgHiJkLmNoPqRsTuVw";

    #[test]
    fn a_key_in_a_message_ends_it() {
        let message = format!("there is no file `/etc/{KEY}`, nor `x`");
        let shown = without_secrets(&message);
        assert_eq!(shown, format!("there is no file `{NOT_SHOWN}"));
        for plain in [
            "there is no file `/etc/hookspool/certs/Efi2/producao/webhook/cadeia/completa/raiz.pem`",
            "sha256 = \"5f0c9f3aa1b2c3d4e5f60718293a4b5c5f0c9f3aa1b2c3d4e5f60718293a4b5c\"",
            "no `-----BEGIN CERTIFICATE-----` in it",
        ] {
            assert_eq!(without_secrets(plain), plain);
        }
    }

    #[test]
    fn the_lines_of_a_block_and_of_bare_base64_are_secret() {
        let short: String =
            KEY.as_bytes().chunks(16).map(|line| String::from_utf8_lossy(line) + "\n").collect();
        let text = format!(
            "a = 1\nkey = \"\"\"-----BEGIN X-----\nAQID\n-----END X-----\"\"\"\nb = 2\n{KEY}\nAQID\nc = 3\n{short}"
        );
        let found = SecretLines::of(&text);
        let lines: Vec<_> = (1..20).filter(|line| found.contains(*line)).collect();
        assert_eq!((lines, found.first), (vec![3, 4, 6, 7, 9, 10, 11, 12], Some(2)));
        assert_eq!(SecretLines::of(&format!("a = 1\nkey = \"{KEY}\"\n# -----BEGIN X-----\n")).first, None);
    }
}
