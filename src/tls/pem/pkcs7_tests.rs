//! PKCS#7 that is put together by hand, damaged, and with contents of other kinds.

use proptest::prelude::*;

use super::*;

const CERTIFICATE: &[u8] = &[SEQUENCE, 3, 2, 1, 1];
const LIST: &[u8] = &[SEQUENCE, 3, 2, 1, 2];

fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u8::try_from(content.len()).expect("a short structure");
    let header = if length < 128 { vec![tag, length] } else { vec![tag, 0x81, length] };
    [header, content].concat()
}

/// signedData with the elements that follow its content.
fn message(optional: &[&[u8]]) -> Vec<u8> {
    let content = element(SEQUENCE, &[&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1]]);
    let before: &[&[u8]] = &[&[2, 1, 1], &[SET, 0], &content];
    let parts = [before, optional, &[&[SET, 0]]].concat();
    element(SEQUENCE, &[SIGNED_DATA, &element(TAG_0, &[&element(SEQUENCE, &parts)])])
}

fn items(der: &[u8]) -> Option<Vec<(Label, Vec<u8>)>> {
    read(der).map(|items| items.into_iter().map(|(label, der)| (label, der.to_vec())).collect())
}

#[test]
fn certificates_and_lists_are_read_byte_for_byte() {
    let certificate = || (Label::of(b"CERTIFICATE"), CERTIFICATE.to_vec());
    let list = || (Label::of(b"X509 CRL"), LIST.to_vec());
    let certificates = element(TAG_0, &[CERTIFICATE, CERTIFICATE]);
    let lists = element(TAG_1, &[LIST]);
    for (parts, expected) in [
        (&[][..], vec![]),
        (&[&*certificates], vec![certificate(), certificate()]),
        (&[&*lists], vec![list()]),
        (&[&*certificates, &lists], vec![certificate(), certificate(), list()]),
    ] {
        let der = message(parts);
        assert!(is_pkcs7(&der));
        assert_eq!(items(&der), Some(expected));
    }
}

#[test]
fn other_contents_are_not_read() {
    let (certificates, lists) = (element(TAG_0, &[CERTIFICATE]), element(TAG_1, &[LIST]));
    let attribute_certificate = element(TAG_0, &[CERTIFICATE, &element(TAG_1, &[CERTIFICATE])]);
    let ocsp_response = element(TAG_1, &[LIST, &element(TAG_1, &[LIST])]);
    for parts in [
        &[&*lists, &certificates][..],
        &[&*certificates, &certificates],
        &[&*certificates, &lists, &lists],
        &[&*attribute_certificate],
        &[&*certificates, &ocsp_response],
        &[&element(0xa2, &[LIST])],
    ] {
        assert_eq!(items(&message(parts)), None, "{parts:?}");
    }
    let mut other_type = message(&[&certificates]);
    let at = other_type.windows(SIGNED_DATA.len()).position(|it| it == SIGNED_DATA).expect("its type");
    other_type[at + SIGNED_DATA.len() - 1] = 3;
    assert!(is_pkcs7(&other_type));
    assert_eq!(items(&other_type), None);
    assert_eq!(items(&[message(&[&certificates]), vec![0]].concat()), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn damaged_bytes_are_read_as_structures_or_not_at_all(
        at in any::<prop::sample::Index>(),
        byte: u8,
        cut in any::<prop::sample::Index>(),
        is_cut: bool,
    ) {
        let mut der = message(&[&element(TAG_0, &[CERTIFICATE, CERTIFICATE]), &element(TAG_1, &[LIST])]);
        let at = at.index(der.len());
        der[at] = byte;
        if is_cut {
            der.truncate(cut.index(der.len()));
        }
        for (_, item) in items(&der).unwrap_or_default() {
            prop_assert!(item.first() == Some(&SEQUENCE) && der.windows(item.len()).any(|it| it == item));
        }
        prop_assert!(!is_cut || items(&der).is_none());
    }
}
