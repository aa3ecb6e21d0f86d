//! Headers of the PROXY protocol: valid ones however they are divided, and every fault.

use std::time::Duration;

use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::*;

const HELLO: &[u8] = b"\x16\x03\x01\x00\x05\r\n\r\n\0";

/// A header of version 2 with these TLVs after its addresses.
fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [V2_START, &[command, family], &length, rest].concat()
}

/// 192.0.2.1:258 to 198.51.100.1:8443, and these TLVs.
fn v4(tlvs: &[u8]) -> Vec<u8> {
    v2(0x21, 0x11, &[b"\xc0\x00\x02\x01\xc6\x33\x64\x01\x01\x02\x20\xfb", tlvs].concat())
}

fn v6(source: &str) -> Vec<u8> {
    let [source, destination] =
        [source, "2001:db8::1"].map(|text| text.parse::<std::net::Ipv6Addr>().unwrap());
    v2(0x21, 0x21, &[&source.octets()[..], &destination.octets(), b"\x01\x02\x20\xfb"].concat())
}

fn with_checksum(tlvs: &[u8]) -> Vec<u8> {
    let mut header = v4(&[tlvs, &[TLV_CRC32C, 0, 4, 0, 0, 0, 0]].concat());
    let checksum = crc32c(&header).to_be_bytes();
    let at = header.len() - 4;
    header[at..].copy_from_slice(&checksum);
    header
}

fn v1_of_length(length: usize) -> Vec<u8> {
    let mut header = b"PROXY UNKNOWN ".to_vec();
    header.resize(length - 2, b'x');
    [&header, &b"\r\n"[..]].concat()
}

/// Valid headers with the address that each names.
fn valid() -> Vec<(Vec<u8>, Option<&'static str>)> {
    let longest_v4 = b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n";
    let rest_of_longest_v2 = vec![4; V2_BYTES_MAX - V2_FIXED_BYTES];
    vec![
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 258 8443\r\n".to_vec(), Some("192.0.2.1:258")),
        (longest_v4.to_vec(), Some("255.255.255.255:65535")),
        (b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\n".to_vec(), Some("1.1.1.1:1")),
        (b"PROXY TCP6 2001:db8::9 2001:db8::1 258 8443\r\n".to_vec(), Some("[2001:db8::9]:258")),
        (b"PROXY TCP6 ::ffff:192.0.2.1 ::1 258 8443\r\n".to_vec(), Some("192.0.2.1:258")),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (b"PROXY UNKNOWN ffff::1 ffff::1 65535 65535\r\n".to_vec(), None),
        (v1_of_length(V1_BYTES_MAX - 1), None),
        (v1_of_length(V1_BYTES_MAX), None),
        (v4(b""), Some("192.0.2.1:258")),
        (v6("2001:db8::9"), Some("[2001:db8::9]:258")),
        (v6("::ffff:192.0.2.1"), Some("192.0.2.1:258")),
        // TLVs: padding, an empty one, an authority that is not UTF-8, an unknown type.
        (v4(b"\x04\x00\x03abc\x05\x00\x00\x02\x00\x01\xff\xee\x00\x01x"), Some("192.0.2.1:258")),
        (with_checksum(b""), Some("192.0.2.1:258")),
        (with_checksum(b"\x04\x00\x03abc"), Some("192.0.2.1:258")),
        // Unix sockets, and no family.
        (v2(0x21, 0x31, &[b'/'; 216]), None),
        (v2(0x21, 0x00, b""), None),
        (v2(0x21, 0x00, b"\x04\x00\x01x"), None),
        // LOCAL, whose family and rest are ignored.
        (v2(0x20, 0x00, b""), None),
        (v2(0x20, 0x11, b""), None),
        (v2(0x20, 0x11, &v4(b"")[V2_FIXED_BYTES..]), None),
        (v2(0x20, 0x00, &rest_of_longest_v2), None),
    ]
}

/// Reads the origin of a connection from 127.0.0.1:9; the rest of the connection.
fn read(first: &[u8], second: &[u8]) -> (Result<Origin, NoOrigin>, Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut stream = first.chain(second);
    let trusted = ["127.0.0.0/8".parse().unwrap()];
    runtime.block_on(async {
        let opening = Opening::new(Duration::from_secs(10), CancellationToken::new());
        let origin =
            read_origin(&mut stream, SocketAddr::from(([127, 0, 0, 1], 9)), &trusted, &opening).await;
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        (origin, rest)
    })
}

fn fault_of(bytes: &[u8]) -> ProxyFault {
    match read(bytes, b"").0 {
        Err(NoOrigin::Faulty(fault)) => fault,
        other => panic!("{}: {other:?}", bytes.escape_ascii()),
    }
}

#[test]
fn every_split_of_a_valid_header_gives_its_address_and_leaves_the_hello() {
    for (header, named) in valid() {
        let stream = [&header, HELLO].concat();
        let connected = SocketAddr::from(([127, 0, 0, 1], 9));
        let expected = match named {
            Some(named) => Origin { address: named.parse().unwrap(), proxy: Some(connected) },
            None => connected.into(),
        };
        let step = if header.len() > 1_000 { 97 } else { 1 };
        for split in (0..=header.len()).step_by(step) {
            let (origin, rest) = read(&stream[..split], &stream[split..]);
            assert_eq!(origin.unwrap(), expected, "{} at {split}", header.escape_ascii());
            assert_eq!(rest, HELLO, "{} at {split}", header.escape_ascii());
        }
    }
}

#[test]
fn every_part_of_a_valid_header_needs_no_more_than_its_rest() {
    for (header, _) in valid() {
        for length in 0..header.len() {
            match parse(&header[..length]) {
                Ok(Progress::Needs(count)) => assert!((1..=header.len() - length).contains(&count)),
                other => panic!("{other:?} for {}", header[..length].escape_ascii()),
            }
        }
        for length in 1..header.len() {
            assert_eq!(fault_of(&header[..length]), ProxyFault::Truncated);
        }
    }
}

#[test]
fn invalid_headers_are_faults() {
    let mut wrong_checksum = with_checksum(b"");
    wrong_checksum[V2_FIXED_BYTES] ^= 1;
    let long = v2(0x20, 0, &vec![0; V2_BYTES_MAX - V2_FIXED_BYTES + 1]);
    let malformed = |version| ProxyFault::Malformed { version };
    let cases: Vec<(Vec<u8>, ProxyFault)> = vec![
        (HELLO.to_vec(), ProxyFault::Missing),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), ProxyFault::Missing),
        (b"PROXY\tTCP4 192.0.2.1 198.51.100.1 258 8443\r\n".to_vec(), ProxyFault::Missing),
        (b"\r\n\r\n\0\r\nQUIT\r\x21\x11\x00\x00".to_vec(), ProxyFault::Missing),
        (v1_of_length(V1_BYTES_MAX + 1), ProxyFault::Unterminated),
        ([&b"PROXY TCP4 "[..], &[b'1'; 200]].concat(), ProxyFault::Unterminated),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 258\r\n".to_vec(), malformed(1)),
        (b"PROXY TCP4 2001:db8::9 2001:db8::1 258 8443\r\n".to_vec(), malformed(1)),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 65536 8443\r\n".to_vec(), malformed(1)),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 258 8443\rx\r\n".to_vec(), malformed(1)),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 258 8443 9\r\n".to_vec(), malformed(1)),
        (b"PROXY UDP4 192.0.2.1 198.51.100.1 258 8443\r\n".to_vec(), malformed(1)),
        (v2(0x11, 0x11, b""), malformed(2)),
        (v2(0x22, 0x11, b""), malformed(2)),
        (v2(0x21, 0x41, b""), malformed(2)),
        (v2(0x21, 0x11, b"\xc0\x00\x02\x01"), malformed(2)),
        (v2(0x21, 0x31, &[b'/'; 215]), malformed(2)),
        (v2(0x21, 0x12, &v4(b"")[V2_FIXED_BYTES..]), ProxyFault::Datagram),
        (long, ProxyFault::Long(V2_BYTES_MAX + 1)),
        (v4(b"\x04"), ProxyFault::Tlvs),
        (v4(b"\x04\x00\x04abc"), ProxyFault::Tlvs),
        (v2(0x21, 0x00, b"\x04\x00\x02x"), ProxyFault::Tlvs),
        (v4(b"\x03\x00\x03abc"), ProxyFault::Checksum),
        (with_checksum(b"\x03\x00\x04abcd"), ProxyFault::Tlvs),
        (wrong_checksum, ProxyFault::Checksum),
    ];
    for (bytes, fault) in cases {
        assert_eq!(fault_of(&bytes), fault, "{}", bytes.escape_ascii());
    }
}

#[test]
fn connection_without_a_byte_is_closed_and_no_fault() {
    let closed = read(b"", b"").0;
    assert!(matches!(closed, Err(NoOrigin::Closed(_))), "{closed:?}");
}

#[test]
fn checksum_is_that_of_the_standard() {
    assert_eq!(crc32c(b"123456789"), 0xE306_9283);
}

fn beginning() -> impl Strategy<Value = Vec<u8>> {
    let fixed = |family| [V2_START, &[0x21, family, 0]].concat();
    prop_oneof![
        Just(Vec::new()),
        Just(V1_START.to_vec()),
        Just(b"PROXY TCP4 ".to_vec()),
        Just(b"PROXY UNKNOWN".to_vec()),
        Just(V2_START.to_vec()),
        prop::sample::select(vec![0x00, 0x11, 0x21, 0x31]).prop_map(fixed),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_give_a_result_within_the_bounds(
        beginning in beginning(),
        more in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let bytes = [beginning, more].concat();
        for length in 0..=bytes.len() {
            if let Ok(Progress::Needs(count)) = parse(&bytes[..length]) {
                prop_assert!(count >= 1 && length + count <= V2_BYTES_MAX);
            }
        }
    }

    #[test]
    fn changed_header_never_names_an_address_that_a_checksum_protects(at in 0_usize..35, bit in 0_u32..8) {
        let mut header = with_checksum(b"");
        // Another type than that of the checksum.
        prop_assume!(at != V2_FIXED_BYTES + 12);
        header[at] ^= 1_u8 << bit;
        let named = read(&header, b"").0.ok().and_then(|origin| origin.proxy);
        prop_assert_eq!(named, None);
    }
}
