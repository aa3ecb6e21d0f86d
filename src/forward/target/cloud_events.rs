//! CloudEvents 1.0: the attributes of an entry, as headers in binary mode (HTTP Protocol Binding, section 3.1.3).

use std::fmt::Write as _;

use crate::spool::EnvelopeFacts;

/// The headers of an entry. The bindings for HTTP and NATS have the same names and encode values in the same way.
pub(super) fn cloud_events(facts: &EnvelopeFacts) -> [(&'static str, String); 5] {
    let EnvelopeFacts { endpoint, sender, .. } = facts;
    let event = facts.event.as_ref().map(|event| format!(".{event}")).unwrap_or_default();
    [
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", encoded(&facts.id)),
        ("ce-source", encoded(&format!("/{endpoint}/{sender}"))),
        ("ce-type", encoded(&format!("hookspool.{endpoint}{event}"))),
        ("ce-time", encoded(&facts.received_at)),
    ]
}

/// Percent-encodes spaces, `"`, `%` and everything outside printable ASCII (section 3.1.3.2).
fn encoded(value: &str) -> String {
    let mut header = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'%') {
            header.push(char::from(byte));
        } else {
            let _ = write!(header, "%{byte:02X}");
        }
    }
    header
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spool::PayloadClaim;

    /// The facts of an entry of endpoint `pix`.
    pub(in crate::forward::target) fn facts(event: Option<&str>) -> EnvelopeFacts {
        EnvelopeFacts {
            id: "019ab1c2-0000-7000-8000-000000000001".to_owned(),
            received_at: "2026-11-23T14:01:00.123456Z".to_owned(),
            endpoint: "pix".to_owned(),
            sender: "efi".to_owned(),
            event: event.map(str::to_owned),
            params: std::collections::BTreeMap::new(),
            payload: PayloadClaim {
                length: 0,
                sha256: "00".repeat(32),
                content_type: Some("application/json".to_owned()),
            },
            duplicate_of: None,
        }
    }

    #[test]
    fn an_entry_has_the_required_attributes_and_its_time() {
        let header = |event, name| {
            let all = cloud_events(&facts(event));
            all.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value).expect(name)
        };
        assert_eq!(header(None, "ce-specversion"), "1.0");
        assert_eq!(header(None, "ce-id"), "019ab1c2-0000-7000-8000-000000000001");
        assert_eq!(header(None, "ce-source"), "/pix/efi");
        assert_eq!(header(None, "ce-type"), "hookspool.pix");
        assert_eq!(header(Some("rec"), "ce-type"), "hookspool.pix.rec");
        assert_eq!(header(Some("a b/ç\"%\n"), "ce-type"), "hookspool.pix.a%20b/%C3%A7%22%25%0A");
        assert_eq!(header(None, "ce-time"), "2026-11-23T14:01:00.123456Z");
    }

    /// Section 3.1.3.2: the value of a header is decoded by one round of percent-decoding.
    fn decoded(header: &str) -> Vec<u8> {
        let mut bytes = header.bytes();
        let mut found = Vec::new();
        while let Some(byte) = bytes.next() {
            found.push(match byte {
                b'%' => {
                    let digits = [bytes.next().expect("a digit"), bytes.next().expect("a digit")];
                    u8::from_str_radix(str::from_utf8(&digits).expect("ASCII"), 16).expect("hex")
                }
                _ => byte,
            });
        }
        found
    }

    proptest! {
        #[test]
        fn every_text_is_a_header_value_and_round_trips(text in any::<String>()) {
            let header = encoded(&text);
            prop_assert!(header.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(decoded(&header), text.into_bytes());
        }
    }
}
