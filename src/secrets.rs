//! Removes private keys and shared secrets from messages. A message may quote a path, a line of webhooks.toml or an
//! argument, and people paste keys in the wrong places.
//!
//! A key is recognized by its randomness: within the words of base64 and hex, upper case, lower case and digits
//! alternate far more often than in names, paths and sentences.

use std::collections::{BTreeSet, VecDeque};

/// The text that is shown instead of one that may be a private key.
pub const NOT_SHOWN: &str = "(not shown: this may be a private key or another secret)";

/// The number of characters in a window: half of the shortest key, Ed25519 in PKCS#8 (64 characters of base64).
const WINDOW: usize = 32;
/// A window with at least this number of changes of class within words is random. Base64 has 19 on average, 13 in
/// groups of four; hex has 14, a path with dates and versions up to 9, a sentence none.
const CHANGES_MIN: usize = 10;
/// This number of consecutive hex digits may be a key. Some keys have fewer changes than [`CHANGES_MIN`].
const HEX_MIN: usize = 32;
/// This number of consecutive numbers below 256 may be the bytes of a key.
const BYTES_MIN: usize = 12;
/// This number of consecutive words of equal length may be the groups of a key.
const GROUPS_MIN: usize = 6;
/// The length of an entry's ID, which is a UUID.
const ID_CHARS: usize = 36;
/// A longer BEGIN line contains a part of the block.
const BEGIN_LINE_MAX: usize = 48;
const BEGIN: &str = "-----BEGIN";
const END: &str = "-----END";
/// A directory name of lowercase letters and digits, at least this long, is not a key but a digest of a release, an
/// image or a package.
const DIRECTORY_MIN: usize = 16;
/// The longest name of a directory, in bytes (NAME_MAX). No more is searched at each position of a text.
const DIRECTORY_MAX: usize = 255;
/// The longest user and password before the `@` of a URL, in bytes.
const USER_INFO_MAX: usize = 256;
/// The table of webhooks.toml that may contain a secret instead of the path of its file.
const SECRET_TABLE: &str = "query_secret";
/// Parts of the names of keys whose values may be secrets, also if webhooks.toml has no such key.
const SECRET_KEYS: [&str; 12] = [
    "query_sec",
    "secret",
    "passw",
    "passphrase",
    "token",
    "hmac",
    "credentials",
    "signature",
    "authorization",
    "cookie",
    "api-key",
    "apikey",
];
/// The keys whose values are digests, which look like keys in hex.
const DIGEST_KEYS: [&str; 2] = ["sha256", "spki_sha256"];

/// The text without secrets. Quoted parts that may be a private key are replaced, and a query is cut off. If the rest
/// may contain a key, it is cut at the first quotation mark.
pub fn without_secrets(text: &str) -> String {
    let parts: Vec<_> = text.split('`').collect();
    let is_quoted = |index: usize| index % 2 == 1 && parts.len() % 2 == 1;
    let shown = |(index, part): (usize, &&str)| match query(part) {
        _ if is_quoted(index) && is_secret(part) => NOT_SHOWN.to_owned(),
        Some(query) => format!("{}{NOT_SHOWN}", part.get(..query).unwrap_or_default()),
        None => (*part).to_owned(),
    };
    let text = parts.iter().enumerate().map(shown).collect::<Vec<_>>().join("`");
    if !is_secret(&text) {
        return text;
    }
    let end = text.find(['`', '"', '\'']).map_or(0, |mark| mark + 1);
    format!("{}{NOT_SHOWN}", text.get(..end).unwrap_or_default())
}

/// The numbers of the lines of a text, from 1, that may be part of a private key or contain another secret.
#[derive(Debug, Default)]
pub struct SecretLines {
    lines: BTreeSet<usize>,
    /// The first line that is certainly PEM or the text of a key.
    pub first: Option<usize>,
}

impl SecretLines {
    /// Finds the lines of PEM blocks, of random text and of a `query_secret`.
    pub fn of(text: &str) -> Self {
        let mut found = Self::default();
        let (mut in_block, mut in_secret, mut group) = (false, false, Group::default());
        // Braces of a `query_secret` that are open.
        let mut depth = 0;
        for (number, line) in (1..).zip(text.lines()) {
            let begin = line.rfind(BEGIN).map(|at| &line[at..]);
            let is_comment = line.trim_start().starts_with('#');
            if begin.is_some() && !is_comment {
                found.first.get_or_insert(number);
            }
            let is_more_than_begin = begin.is_some_and(|begin| begin.len() > BEGIN_LINE_MAX);
            if line.trim_start().starts_with('[') {
                in_secret = line.contains(SECRET_TABLE);
            }
            let was_open = depth > 0;
            if was_open || line.contains(SECRET_TABLE) && !is_comment {
                depth += line.matches('{').count();
                depth = depth.saturating_sub(line.matches('}').count());
            }
            let is_shared_secret =
                in_secret || was_open || depth > 0 || has_secret_key(line) || query(line).is_some();
            if in_block || is_more_than_begin || is_shared_secret || is_secret(line) && !is_digest(line) {
                found.lines.insert(number);
            }
            in_block = begin.map_or(in_block, |_| true) && !begin.unwrap_or(line).contains(END);
            if !group.accepts(line) {
                std::mem::take(&mut group).add_to(number, &mut found);
            }
        }
        group.add_to(text.lines().count() + 1, &mut found);
        found
    }

    /// Whether a line may contain a secret.
    pub fn contains(&self, line: usize) -> bool {
        self.lines.contains(&line)
    }
}

/// The position of the part of a URL or path that may be a secret: a query such as `?hmac=…`, or `user:password@`.
fn query(text: &str) -> Option<usize> {
    let is_query = |at: usize| {
        let rest = text.get(at + 1..).unwrap_or_default();
        let name = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "-._~".contains(c));
        name.len() < rest.len() && name.starts_with('=')
    };
    let credentials = |at: usize| {
        let start = at + "://".len();
        // A password may contain a slash, although it must be written as `%2F`.
        let url = text.as_bytes().get(start..)?;
        let end = url.iter().take(USER_INFO_MAX).position(|byte| b"@\" `".contains(byte))?;
        let user = url.get(..end).filter(|_| url[end] == b'@')?;
        // A token of NATS has no colon; the user of PostgreSQL alone is not a secret.
        let is_token = text.get(..at)?.ends_with("nats") || text.get(..at)?.ends_with("tls");
        (is_token && !user.contains(&b'/') || user.contains(&b':')).then_some(start)
    };
    let query = text.match_indices('?').map(|(at, _)| at).find(|at| is_query(*at));
    query.or_else(|| text.match_indices("://").find_map(|(at, _)| credentials(at)))
}

/// Whether a line assigns to a key that may be that of a secret.
fn has_secret_key(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    let keys = line.split('=').take(line.matches('=').count());
    let mut names = keys.filter_map(|key| key.trim_end().rsplit([' ', '{', ',']).next());
    names.any(|name| SECRET_KEYS.iter().any(|part| name.contains(part)))
}

fn is_digest(line: &str) -> bool {
    let key = line.split('=').next().unwrap_or_default().trim();
    DIGEST_KEYS.contains(&key)
}

/// Consecutive lines that may contain a key: base64, numbers and separators.
#[derive(Debug, Default)]
struct Group {
    text: String,
    lines: usize,
    /// Whether all characters are base64.
    is_base64: bool,
}

impl Group {
    fn accepts(&mut self, line: &str) -> bool {
        let line = line.trim();
        let accepts = !line.is_empty() && line.chars().all(|c| is_base64(c) || is_separator(c));
        if accepts {
            self.is_base64 = (self.lines == 0 || self.is_base64) && line.chars().all(is_base64);
            self.text.push_str(line);
            self.text.push(' ');
            self.lines += 1;
        }
        accepts
    }

    /// Adds the lines of the group, which ends before the line `end`, if they may be a key.
    fn add_to(self, end: usize, found: &mut SecretLines) {
        if self.lines > 1 && is_secret(&self.text) {
            let first = end - self.lines;
            found.lines.extend(first..end);
            if self.is_base64 {
                found.first = Some(found.first.map_or(first, |known| known.min(first)));
            }
        }
    }
}

/// Whether a text may contain a private key.
fn is_secret(text: &str) -> bool {
    // Line breaks in a quoted string are escaped.
    let text = text.replace("\\n", " ").replace("\\r", " ");
    is_random(&text) || is_grouped(&text) || is_list_of_bytes(&text)
}

/// Whether a text contains a window with many changes of class, or a long sequence of hex digits. Separators do not
/// count. The ID of an entry and a directory named after a digest are not secret.
fn is_random(text: &str) -> bool {
    let mut sequence = Sequence::default();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let known = if sequence.word > 0 { 0 } else { id_or_directory(rest) };
        if known > 0 {
            sequence = Sequence::default();
            rest = rest.get(known..).unwrap_or_default();
            continue;
        }
        match Class::of(c) {
            Some(class) => sequence.push(class, c),
            // A colon separates the bytes of a dump, but it also occurs in addresses.
            None if is_separator(c) && (c != ':' || sequence.word == 2) => sequence.word = 0,
            None => sequence = Sequence::default(),
        }
        if sequence.is_random() {
            return true;
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    false
}

/// The latest letters and digits of a text, without separators.
#[derive(Debug, Default)]
struct Sequence {
    /// For each character, whether its class differs from the one before it in its word.
    changes: VecDeque<bool>,
    last: Option<Class>,
    /// The number of characters of the last word so far.
    word: usize,
    /// The number of consecutive hex digits at the end, and whether they include letters.
    hex: usize,
    has_letters: bool,
}

impl Sequence {
    fn push(&mut self, class: Class, c: char) {
        // A capital letter at the beginning of a word is not a change.
        let is_capitalized = self.word == 1 && self.last == Some(Class::Upper) && class == Class::Lower;
        self.changes.push_back(self.word > 0 && self.last != Some(class) && !is_capitalized);
        if self.changes.len() > WINDOW {
            self.changes.pop_front();
        }
        (self.last, self.word) = (Some(class), self.word + 1);
        let is_hex = c.is_ascii_hexdigit();
        self.hex = if is_hex { self.hex + 1 } else { 0 };
        self.has_letters = is_hex && (self.has_letters || class != Class::Digit);
    }

    fn is_random(&self) -> bool {
        let changes = self.changes.iter().filter(|change| **change).count();
        changes >= CHANGES_MIN || self.hex >= HEX_MIN && self.has_letters
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Class {
    Upper,
    Lower,
    Digit,
}

impl Class {
    fn of(c: char) -> Option<Self> {
        match c {
            'A'..='Z' => Some(Self::Upper),
            'a'..='z' => Some(Self::Lower),
            '0'..='9' => Some(Self::Digit),
            _ => None,
        }
    }
}

/// Whether a text contains consecutive words of equal length that are random together.
fn is_grouped(text: &str) -> bool {
    let parts: [fn(char) -> bool; 2] = [is_base64, |c| c.is_ascii_alphanumeric()];
    parts.into_iter().any(|is_part| {
        let words: Vec<_> = text.split(|c| !is_part(c)).filter(|word| !word.is_empty()).collect();
        let mut groups = words.chunk_by(|one, other| one.len() == other.len());
        groups.any(|group| group.len() >= GROUPS_MIN && is_random_word(&group.concat()))
    })
}

fn is_random_word(text: &str) -> bool {
    let mut sequence = Sequence::default();
    let letters = text.chars().filter_map(|c| Some((Class::of(c)?, c)));
    letters.fold(false, |found, (class, c)| {
        sequence.push(class, c);
        found || sequence.is_random()
    })
}

/// Whether a text contains a list of bytes in the notation of debuggers or JSON: `48, 46, 2` or `0x30, 0x2e`.
fn is_list_of_bytes(text: &str) -> bool {
    let mut row = 0;
    text.split([',', ' ', '\n', '\t']).filter(|word| !word.is_empty()).any(|word| {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let byte = word.strip_prefix("0x").map_or_else(|| word.parse(), |hex| u8::from_str_radix(hex, 16));
        row = if byte.is_ok() { row + 1 } else { 0 };
        row >= BYTES_MIN
    })
}

/// The length of an entry's ID, or of the name of a directory that is a digest, at the beginning of a text; otherwise 0.
fn id_or_directory(text: &str) -> usize {
    if text.get(..ID_CHARS).is_some_and(|id| uuid::Uuid::try_parse(id).is_ok()) {
        return ID_CHARS;
    }
    let is_in_digest =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._+".contains(&byte);
    let end = text.bytes().take(DIRECTORY_MAX + 1).position(|byte| !is_in_digest(byte)).unwrap_or(0);
    if end >= DIRECTORY_MIN && text[end..].starts_with('/') { end } else { 0 }
}

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '-' | '_')
}

/// Whether a character may separate the groups of a key, or is a character of base64 other than a letter or digit.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || c.is_ascii_punctuation() && !".;()[]{}`".contains(c)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use aws_lc_rs::digest::{SHA384, digest};
    use base64ct::{Base64, Base64Url, Encoding as _};

    use super::*;

    const KEY: &str = "MC4CAQAwBQYDK2VwBCIEIDyV1x1jNSJPyu1wX6X9oAbcDeFgHiJkLmNoPqRsTuVw";

    #[test]
    fn a_message_is_cut_before_a_key() {
        let message = format!("there is no file `/etc/{KEY}`, nor `x`");
        assert_eq!(without_secrets(&message), format!("there is no file `{NOT_SHOWN}`, nor `x`"));
        assert_eq!(without_secrets(KEY), NOT_SHOWN);
        assert_eq!(without_secrets("`/x?hmac=y` is twice"), format!("`/x{NOT_SHOWN}` is twice"));
        for scheme in ["https://u:p@h/", "postgresql://u:p/w@h", "nats://token@h", "tls://token@h"] {
            let (before, _) = scheme.split_once("://").expect("a URL");
            assert_eq!(without_secrets(&format!("no `{scheme}`")), format!("no `{before}://{NOT_SHOWN}`"));
        }
    }

    #[test]
    fn paths_names_dates_and_sentences_are_shown() {
        for plain in [
            "there is no file `/etc/hookspool/certs/Efi2/producao/webhook/cadeia/completa/raiz.pem`",
            "did you mean `path`? as in `path = \"/pix\"`",
            "no `-----BEGIN CERTIFICATE-----` in it",
            "none of TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS13_AES_128_GCM_SHA256, TLS_RSA_WITH_AES_128_CBC_SHA",
            "`spool/pix/new/019ab3c4-7d2e-7a00-8a1b-0d3c4e5f6a7b.hook` and 019ab3c4-7d2e-7a01-9a1b-1d3c4e5f6a7b",
            "valid from 2026-11-25T13:16:57.935343Z to 2027-11-25T13:16:57.935420Z",
            "from = [\"2001:db8:85a3::8a2e:370:7334/128\", \"2001:db8:1::/48\", \"203.0.113.0/24\"]",
            "UID=4c4c4544-0051-4e10-8038-b7c04f4e5931,CN=Banco S.A. 12345678000195,O=ICP-Brasil,C=BR",
            "`/srv/pix/releases/3f786850e387550fdab836ed7e6dc881de23001b/certs/efi-ca.pem`",
            "`/nix/store/9krlzvny65gdc8s7kpb6lkx8cd02c25b-hookspool-1.0/etc/QuoVadis_Root_CA_1_G3/DigiCert_TLS_RSA4096_Root_G5`",
            "`/mnt/c/Users/JoaoSilva/Documents/Projetos/PixAPI/v2/Certs/HML/Efi_Producao_2026.pem`",
            "`postgresql://app@db.example/app` and `https://app.example/@app`",
            "`/home/user/Downloads/C6Bank-Pix-mTLS-PRD-2026-11-25T13h05m.pem`",
            "`/etc/hookspool/certs/Itau-API-Pix-V2-PROD-2026Q4-R2/CA1.pem`",
            "from = [\"10.0.0.0/8\", \"172.16.0.0/12\", \"192.168.1.0/33\"]",
            "the algorithms RSASSA-PSS with SHA-224, brainpoolP256r1, ED448 and ecdsa_secp256r1_sha256",
        ] {
            assert_eq!(without_secrets(plain), plain);
        }
    }

    #[test]
    fn a_long_line_is_searched_in_linear_time() {
        for line in ["-", "a-", ".b/", "?", "? a=", "://", "`", "{\"", "A1 "] {
            let text = line.repeat(200_000);
            assert_eq!(SecretLines::of(&text).first, None);
            let _ = without_secrets(&text);
        }
    }

    #[test]
    fn the_lines_of_pem_blocks_and_of_bare_base64_are_secret() {
        let short: String =
            KEY.as_bytes().chunks(16).map(|line| String::from_utf8_lossy(line) + "\n").collect();
        let text = format!(
            "a = 1\nkey = \"\"\"-----BEGIN X-----\nAQID\n-----END X-----\"\"\"\nb = [2]\n{KEY}\nAQID\nc = [3]\n{short}"
        );
        let found = SecretLines::of(&text);
        let lines: Vec<_> = (1..20).filter(|line| found.contains(*line)).collect();
        assert_eq!((lines, found.first), (vec![3, 4, 6, 7, 9, 10, 11, 12], Some(2)));
        assert_eq!(SecretLines::of(&format!("a = 1\nkey = \"{KEY}\"\n# -----BEGIN X-----\n")).first, None);
    }

    #[test]
    fn the_lines_of_a_query_secret_are_secret_and_those_of_a_digest_are_not() {
        let digest = "5f0c9f3aa1b2c3d4e5f60718293a4b5c".repeat(2);
        let text = format!(
            "query_secret = \"x\"\nname = \"y\"\n[endpoint.query_secret]\nfile = \"z\"\n[[sender]]\n\
             sha256 = [\"{digest}\"]\ncn = [\"{digest}\"]\npath = \"/pix?hmac=x\"\nquery_secret = {{\nname = \"y\",\n\
             file =\n\"z\" }}\nci = 1\nkey_password = \"x\"\nurl = \"https://u:p@h/\"\n"
        );
        let found = SecretLines::of(&text);
        let lines: Vec<_> = (1..20).filter(|line| found.contains(*line)).collect();
        assert_eq!(lines, [1, 3, 4, 7, 8, 9, 10, 11, 12, 14, 15]);
    }

    fn grouped(text: &str, group: usize, separator: &str) -> String {
        let groups: Vec<_> = text.as_bytes().chunks(group).map(String::from_utf8_lossy).collect();
        groups.join(separator)
    }

    #[test]
    fn a_random_key_is_not_shown_in_any_notation() {
        for seed in 0..1_000_u32 {
            let bytes = digest(&SHA384, &seed.to_be_bytes());
            let bytes = bytes.as_ref();
            let (base64, url) = (Base64::encode_string(bytes), Base64Url::encode_string(bytes));
            let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            let numbers: Vec<_> = bytes.iter().map(u8::to_string).collect();
            let mut notations =
                vec![base64.clone(), url, hex.clone(), hex.to_uppercase(), hex[..64].to_owned()];
            notations.extend([numbers.join(", "), numbers.join(" "), grouped(&hex, 2, ":")]);
            for separator in [" ", ", ", "\\n", "\\\\n", "\n", "\" \"", "/", "%0A", "<br>", "\\r\\n"] {
                // The letters of a separator dilute short groups.
                let size = if ["%0A", "<br>"].contains(&separator) { 16 } else { 4 };
                notations.push(grouped(&base64, size, separator));
                // Directories are often named after digests.
                notations.extend((separator != "/").then(|| grouped(&hex, 16, separator)));
            }
            for text in notations {
                let shown = without_secrets(&format!("no file `/etc/{text}`"));
                assert_eq!(shown, format!("no file `{NOT_SHOWN}`"));
            }
        }
    }
}
