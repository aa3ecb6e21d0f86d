//! A private key, ways in which its file can be damaged, and the parts of it that no output may contain.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use base64ct::{Base64, Encoding as _};

/// The number of consecutive characters of the key that must not appear.
const WINDOW: usize = 12;

/// A key and the texts that would reveal it.
pub struct Secret {
    pub pem: String,
    pub der: Vec<u8>,
    pieces: Vec<String>,
}

impl Secret {
    pub fn of(pem: String) -> Self {
        let body: String = pem.lines().filter(|line| !line.contains("-----")).collect();
        let der = Base64::decode_vec(&body).unwrap();
        let hex: String = der.iter().map(|byte| format!("{byte:02x}")).collect();
        // The part that is equal in all PEM texts is not secret.
        let twice = Base64::encode_string(pem.as_bytes()).split_off(40);
        let mut pieces: Vec<String> = Vec::new();
        for text in
            [body.clone(), body.to_ascii_lowercase(), body.replace('+', "-").replace('/', "_"), hex, twice]
        {
            pieces.extend(
                text.as_bytes().windows(WINDOW).map(|piece| String::from_utf8(piece.to_vec()).unwrap()),
            );
        }
        // Bytes in Rust's debug format.
        pieces.extend(der.windows(5).map(|bytes| format!("{bytes:?}").trim_matches(['[', ']']).to_owned()));
        pieces.sort();
        pieces.dedup();
        Self { pem, der, pieces }
    }

    /// The first part of the key in an output, even if separators were inserted.
    pub fn find(&self, output: &[u8]) -> Option<&str> {
        let text = String::from_utf8_lossy(output).to_string();
        let joined = text.replace("\\n", "").replace([' ', ',', ':', '\n', '\r', '"', '\'', '/', '|'], "");
        let found =
            self.pieces.iter().find(|piece| text.contains(piece.as_str()) || joined.contains(piece.as_str()));
        found.map(String::as_str)
    }

    /// The key's file, damaged in every way that has been observed, and in others.
    pub fn damaged(&self, certificate: &str) -> Vec<Vec<u8>> {
        let pem = self.pem.as_str();
        let lines: Vec<_> = pem.lines().collect();
        let body = lines[1..lines.len() - 1].concat();
        let each =
            |map: fn(&str) -> String| lines.iter().map(|line| map(line)).collect::<Vec<_>>().join("\n");
        let utf_16 = |big: bool| {
            let unit = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
            std::iter::once(0xfeff).chain(pem.encode_utf16()).flat_map(unit).collect::<Vec<u8>>()
        };
        let twice = Base64::encode_string(pem.as_bytes());
        let hex = self.der.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let numbers: Vec<_> = self.der.iter().map(u8::to_string).collect();
        let texts = vec![
            pem.replace('\n', " "),
            pem.replace('\n', ""),
            pem.replace('\n', "\\n"),
            pem.replace('\n', "\\r\\n"),
            pem.replace('\n', "\r\n").replace("\r\n", "\r\r"),
            format!("\"{}\"", pem.replace('\n', "\\n")),
            format!("{{\"key\": \"{}\"}}", pem.replace('\n', "\\n")),
            format!("KEY={}", pem.replace('\n', " ")),
            format!("export KEY='{pem}'"),
            format!("tls.key: |\n{}", each(|line| format!("    {line}"))),
            pem[..pem.len() / 2].to_owned(),
            lines[1..].join("\n"),
            lines[..lines.len() - 1].join("\n"),
            lines[1..lines.len() - 1].join("\n"),
            body.clone(),
            body.replace('+', "-").replace('/', "_"),
            format!("{}{body}\n{}", lines[0], lines[lines.len() - 1]),
            format!("{}\n{body}{}", lines[0], lines[lines.len() - 1]),
            format!("{} {body} {}", lines[0], lines[lines.len() - 1]),
            format!("-----BEGIN {body}-----\n{pem}"),
            format!("-----BEGIN {}", pem.replace("-----BEGIN ", "")),
            twice.clone(),
            format!("{twice}\n{twice}"),
            format!("{}{pem}", certificate.trim_end()),
            format!("{}{}", pem.trim_end(), certificate),
            format!("{}{}", pem.replace('\n', " "), pem.replace('\n', " ")),
            pem.replace("PRIVATE KEY", "CERTIFICATE"),
            pem.replace("PRIVATE KEY", "RSA PRIVATE KEY"),
            pem.replace("PRIVATE KEY", "X509 CRL"),
            pem.replace("PRIVATE KEY", "KEY"),
            pem.replace("END PRIVATE KEY", "END EC PRIVATE KEY"),
            pem.replace(
                "-----BEGIN PRIVATE KEY-----",
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n",
            ),
            pem.replace("-----", "----"),
            pem.replace("-----", "\u{2014}\u{2014}"),
            pem.replace("BEGIN", "begin"),
            each(|line| format!("# {line}")),
            each(|line| format!("> {line}")),
            each(|line| format!("{line}=")),
            each(|line| format!("\"{line}\" +")),
            pem.replacen('A', "\u{e9}", 3),
            pem.replacen('A', "\0", 3),
            pem.replacen('A', "", 1),
            pem.replace('\n', "<br>"),
            body.as_bytes().chunks(30).map(|line| String::from_utf8_lossy(line) + "\n").collect(),
            hex.clone(),
            hex.to_uppercase(),
            hex[72..136].to_owned(),
            grouped(&body, 4, " "),
            grouped(&body, 8, ", "),
            grouped(&body, 16, "\\n"),
            grouped(&body, 6, "/"),
            grouped(&hex, 2, ":"),
            grouped(&hex, 8, " "),
            numbers.join(", "),
            format!("[{}]", numbers.join(",")),
            openssl_text(pem),
        ];
        let mut all: Vec<_> = texts.into_iter().map(String::into_bytes).collect();
        all.extend([utf_16(true), utf_16(false), self.der.clone(), self.der[..self.der.len() - 7].to_vec()]);
        all.push(pem.bytes().map(|byte| if byte == b'A' { 0xe9 } else { byte }).collect());
        all
    }
}

fn grouped(text: &str, size: usize, separator: &str) -> String {
    let groups: Vec<_> = text.as_bytes().chunks(size).map(String::from_utf8_lossy).collect();
    groups.join(separator)
}

/// The output of `openssl pkey -text` for a key.
fn openssl_text(pem: &str) -> String {
    let mut openssl = Command::new("openssl")
        .args(["pkey", "-text", "-noout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(pem.as_bytes()).unwrap();
    String::from_utf8(openssl.wait_with_output().unwrap().stdout).unwrap()
}
