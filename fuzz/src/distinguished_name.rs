//! RFC 4514.

use hookspool::identity::DistinguishedName;

pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match text.parse::<DistinguishedName>() {
        Ok(name) => {
            let written = name.to_string();
            let again: DistinguishedName =
                written.parse().unwrap_or_else(|fault| panic!("{written:?}: {fault}"));
            assert_eq!(again, name);
            assert_eq!(again.to_string(), written);
        }
        Err(fault) => assert!((1..=text.chars().count() + 1).contains(&fault.at), "{fault}"),
    }
}
