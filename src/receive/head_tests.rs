//! Heads that are put together from parts whose validity is known, by the thousand.

use http::HeaderValue;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const HEADS: u32 = 4_000;
/// The bytes that a header value may contain and an authority may not (RFC 3986, section 3.2).
const NOT_IN_AUTHORITY: &[u8] = b" \t\"#/<>?\\^`{|}\x80\xff";

fn host() -> impl Strategy<Value = (Vec<u8>, bool)> {
    let valid = "[a-zA-Z0-9._~%!$&'()*+,;=:@-]{1,20}|\\[[0-9a-f:]{2,20}\\](:[0-9]{1,5})?|shop_1\\.example";
    let invalid = ("[a-z]{0,9}", select(NOT_IN_AUTHORITY), "[a-z]{0,9}")
        .prop_map(|(before, byte, after)| [before.as_bytes(), &[byte], after.as_bytes()].concat());
    prop_oneof![
        4 => valid.prop_map(|text| (text.into_bytes(), true)),
        1 => invalid.prop_map(|bytes| (bytes, false)),
        1 => Just((Vec::new(), false)),
    ]
}

/// Transfer codings in header fields, with the number of `chunked` and of others.
fn codings() -> impl Strategy<Value = (Vec<String>, usize, usize)> {
    let coding = prop_oneof![
        select(vec!["chunked", "Chunked", "CHUNKED"]).prop_map(|name| (name, true)),
        select(vec!["gzip", "identity", "x", "chunked;q=1", "chunkedx"]).prop_map(|name| (name, false)),
    ];
    let joint = select(vec![",", ", ", " ,\t", ",,", "\n"]);
    prop::collection::vec((coding, joint), 0..4).prop_map(|parts| {
        let chunked = parts.iter().filter(|((_, is_chunked), _)| *is_chunked).count();
        let text: String = parts.iter().flat_map(|((name, _), joint)| [*name, *joint]).collect();
        // A line break stands for a further header field.
        let fields = text.split('\n').filter(|field| !field.is_empty()).map(str::to_owned).collect();
        (fields, chunked, parts.len() - chunked)
    })
}

/// The status, if a head is rejected.
fn status(checked: Result<(), DeliveryError>) -> Option<u16> {
    match checked {
        Ok(()) => None,
        Err(DeliveryError::BadRequest(_)) => Some(400),
        Err(DeliveryError::NotImplemented) => Some(501),
        Err(other) => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(HEADS))]

    #[test]
    fn a_head_is_rejected_for_its_invalid_parts_and_for_nothing_else(
        version in select(vec![Version::HTTP_10, Version::HTTP_11, Version::HTTP_2]),
        (target, scheme_is_valid) in select(vec![
            ("/webhooks/pix", true), ("/a?b=%23c", true), ("https://shop_1.example/a", true),
            ("HTTPS://shop_1.example", true), ("http://shop_1.example/a", false), ("ftp://shop_1.example/a", false),
        ]),
        hosts in prop::collection::vec(host(), 0..4),
        (fields, chunked, others) in codings(),
    ) {
        let uri: Uri = target.parse().expect("a URL");
        let mut headers = HeaderMap::new();
        for (host, _) in &hosts {
            headers.append(HOST, HeaderValue::from_bytes(host).expect("a value"));
        }
        for field in &fields {
            headers.append(TRANSFER_ENCODING, field.parse().expect("a value"));
        }
        let differs = version == Version::HTTP_2 && uri.authority().is_some()
            && hosts.iter().any(|(host, _)| !host.eq_ignore_ascii_case(b"shop_1.example"));
        let hosts_are_valid = match hosts.as_slice() {
            [] => version != Version::HTTP_11,
            [(_, is_valid)] => *is_valid && !differs,
            _ => false,
        };
        let expected = if !scheme_is_valid || !hosts_are_valid || chunked > 1 {
            Some(400)
        } else {
            (others > 0).then_some(501)
        };
        prop_assert_eq!(status(check(&uri, version, &headers)), expected, "{} {:?} {:?}", uri, version, headers);
    }

    #[test]
    fn a_byte_of_a_host_is_accepted_if_and_only_if_an_authority_may_contain_it(byte: u8) {
        let mut headers = HeaderMap::new();
        let Ok(host) = HeaderValue::from_bytes(&[b'a', byte, b'a']) else { return Ok(()) };
        headers.append(HOST, host);
        let checked = check(&Uri::from_static("/"), Version::HTTP_11, &headers);
        let is_allowed = byte.is_ascii_graphic() && !NOT_IN_AUTHORITY.contains(&byte);
        prop_assert_eq!(status(checked).is_none(), is_allowed);
    }
}
