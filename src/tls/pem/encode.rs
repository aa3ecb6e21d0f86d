//! Writes certificates as PEM.

use base64ct::{Base64, Encoding as _};

/// The number of characters in a line (RFC 7468, section 2).
const LINE: usize = 64;

/// A certificate as one block of PEM.
pub fn certificate_pem(der: &[u8]) -> String {
    let mut rest = Base64::encode_string(der);
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    while !rest.is_empty() {
        let after = rest.split_off(rest.len().min(LINE));
        text.push_str(&rest);
        text.push('\n');
        rest = after;
    }
    text + "-----END CERTIFICATE-----\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_at_most_64_characters() {
        for length in [1_usize, 48, 49, 1_000] {
            let der: Vec<_> = (0..=u8::MAX).cycle().take(length).collect();
            let text = certificate_pem(&der);
            assert!(text.lines().all(|line| line.len() <= 64), "{text}");
            assert_eq!(pem::parse(&text).expect("PEM").contents(), der);
        }
    }
}
