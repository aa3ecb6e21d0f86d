//! Tests that every block of a file is read or is a fault, and that no fault contains bytes of the file.

use proptest::prelude::*;

use super::*;

const KEY: &[u8] = b"0\x03\x02\x01\x00";

pub(super) fn block(label: &str, der: &[u8]) -> String {
    ::pem::encode_config(
        &::pem::Pem::new(label, der),
        ::pem::EncodeConfig::new().set_line_ending(::pem::LineEnding::LF),
    )
}

/// The number of blocks that a person would see: one for each `-----BEGIN`.
fn seen(text: &[u8]) -> usize {
    text.windows(10).filter(|window| window == b"-----BEGIN").count()
}

fn kinds(text: &str) -> (usize, Vec<BlockFaultKind>) {
    let blocks = scan(text.as_bytes());
    (blocks.read.len(), blocks.faults.named.iter().map(|fault| fault.kind).collect())
}

#[test]
fn blocks_are_read_in_whatever_way_their_lines_end() {
    let two = block("CERTIFICATE", &[1; 100]) + &block("CERTIFICATE", &[2; 100]);
    for text in [
        two.clone(),
        two.replace('\n', "\r\n"),
        two.replace('\n', "\r"),
        two.replace('\n', " \t\n"),
        two.replace('\n', "\n   "),
        two.replace("-----\n-----", "----------"),
        format!("\u{feff}{two}"),
        two.replace("-----BEGIN", "\u{feff}-----BEGIN"),
        format!("subject=CN=x\n\n{two}\nBag Attributes\n  localKeyID: 01"),
        two.replace("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\nComment: a\n\n"),
    ] {
        let found = certificates(text.as_bytes()).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert_eq!(found.iter().map(|der| der[0]).collect::<Vec<_>>(), [1, 2], "{text}");
    }
}

#[test]
fn a_block_that_cannot_be_read_is_a_fault_with_its_line() {
    let whole = block("CERTIFICATE", &[1; 100]);
    let lines: Vec<_> = whole.lines().collect();
    for (text, fault) in [
        (whole.replace('\n', " "), BlockFaultKind::NoLineBreaks),
        (whole.replace('\n', ""), BlockFaultKind::NoLineBreaks),
        (whole.replace('\n', "\\n"), BlockFaultKind::NoLineBreaks),
        (lines[..3].join("\n"), BlockFaultKind::NoEnd),
        (lines[1..].join("\n"), BlockFaultKind::NoBegin),
        (whole.replace("END CERTIFICATE", "END PRIVATE KEY"), BlockFaultKind::OtherEnd),
        (whole.replace("END CERTIFICATE-----", "END CERTIFICATE---"), BlockFaultKind::EndDamaged),
        (whole.replace("BEGIN CERTIFICATE-----", "BEGIN CERTIFICATE---"), BlockFaultKind::BeginDamaged),
        (whole.replace("-----BEGIN", "----BEGIN"), BlockFaultKind::DashesDamaged),
        (whole.replace("-----BEGIN", "\u{2014}BEGIN"), BlockFaultKind::DashesDamaged),
        (whole.replace("-----BEGIN", "# -----BEGIN"), BlockFaultKind::TextBefore),
        (whole.replace("CERTIFICATE-----\n", "CERTIFICATE-----x\n"), BlockFaultKind::NoLineBreaks),
        (whole.trim_end().to_owned() + " x", BlockFaultKind::TextAfter),
        (format!("{}\n{}", lines[0], lines[lines.len() - 1]), BlockFaultKind::Hollow),
        (whole.replace("AQEB", "AQ-B"), BlockFaultKind::NotBase64 { line: 2 }),
        (whole.replacen("AQEB", "AQE", 1), BlockFaultKind::Incomplete),
        (
            whole.replacen("\nAQEB", "\nAQEB:", 1).replacen("\nAQEB:", "\nAQEB\nAQEB:", 1),
            BlockFaultKind::NotBase64 { line: 3 },
        ),
    ] {
        assert_eq!(kinds(&text), (0, vec![fault]), "{text}");
        let line = if fault == BlockFaultKind::NoBegin { 4 } else { 1 };
        assert_eq!(scan(text.as_bytes()).faults.named[0].line, line, "{text}");
    }
}

#[test]
fn a_damaged_block_does_not_hide_the_next() {
    let (one, two) = (block("CERTIFICATE", &[1; 9]), block("X509 CRL", &[2; 9]));
    let cut: String = one.lines().take(2).map(|line| format!("{line}\n")).collect();
    assert_eq!(kinds(&format!("{cut}{two}")), (1, vec![BlockFaultKind::NoEnd]));
    assert_eq!(kinds(&format!("{}{two}", cut.trim_end())), (1, vec![BlockFaultKind::NoEnd]));
    let flat = one.replace('\n', " ");
    assert_eq!(kinds(&format!("{flat}{flat}\n{two}")), (1, vec![BlockFaultKind::NoLineBreaks; 2]));
    assert_eq!(kinds(&format!("{}{two}", one.trim_end())), (2, vec![]));
}

#[test]
fn a_file_without_what_is_wanted_says_what_it_holds() {
    let key = block("PRIVATE KEY", KEY);
    let missing = certificates(key.as_bytes()).expect_err("a key");
    assert_eq!(missing.to_string(), "the file contains no certificate, but a `PRIVATE KEY` block");
    let both = block("CERTIFICATE", &[1; 9]) + &key;
    assert_eq!(private_keys(both.as_bytes()).expect("a key").len(), 1);
    assert_eq!(unused(both.as_bytes(), FileUse::Chain), []);
    assert_eq!(unused(both.as_bytes(), FileUse::Anchors), [(4, Label::of(b"PRIVATE KEY"))]);
    let wrapped = block("TRUSTED CERTIFICATE", &[1; 9]) + &both;
    assert!(
        matches!(certificates(wrapped.as_bytes()), Err(PemFault::Blocks(faults)) if faults.named.len() == 1)
    );
    assert_eq!(certificates(b" \n"), Err(PemFault::Empty));
    assert_eq!(certificates(b"\xff\xfe-\0"), Err(PemFault::NotPem { encoded_twice: false }));
    assert_eq!(certificates(b"-\nB\0E\0G\0I\0N\0"), Err(PemFault::Utf16));
    assert_eq!(certificates(b"LS0tLS1CRUdJTiBD"), Err(PemFault::NotPem { encoded_twice: true }));
    assert_eq!(certificates(b"text"), Err(PemFault::NotPem { encoded_twice: false }));
}

#[test]
fn the_bytes_decide_what_form_a_key_has() {
    let sec1 = b"0\x04\x02\x01\x01\x00";
    for (label, der) in [("PRIVATE KEY", KEY), ("RSA PRIVATE KEY", sec1), ("EC PRIVATE KEY", sec1)] {
        let text = block("EC PARAMETERS", &[6, 1, 1]) + &block(label, der);
        let _ = private_keys(text.as_bytes());
    }
    for marked in [
        block("ENCRYPTED PRIVATE KEY", KEY),
        block("RSA PRIVATE KEY", KEY).replacen('\n', "\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\n", 1),
    ] {
        assert_eq!(private_keys(marked.as_bytes()).err(), Some(PemFault::EncryptedKey), "{marked}");
    }
}

#[test]
fn only_keys_are_encrypted_and_no_file_takes_long() {
    let marked = block("CERTIFICATE", &[1; 9]).replacen('\n', "\nProc-Type: 4,ENCRYPTED\n\n", 1);
    assert_eq!(kinds(&marked), (0, vec![BlockFaultKind::NotSupported]));
    // Each BEGIN without an END is a fault; the time must not grow with the square of their number.
    for many in [
        "-----BEGIN".repeat(100_000),
        "-----BEGIN".repeat(100_000) + &" ".repeat(1_000_000),
        "-----BEGIN A-----".repeat(100_000) + &"-".repeat(1_000_000),
    ] {
        let faults = scan(many.as_bytes()).faults;
        assert_eq!((faults.named.len(), faults.more), (BLOCK_FAULTS_MAX, 100_000 - BLOCK_FAULTS_MAX));
    }
    for mentioned in ["x-----BEGIN", "-".repeat(1_000_000).as_str(), "x-begin ", "x-begin\n", "MI ", "%2D"] {
        let many = format!("x{}", mentioned.repeat(500_000 / mentioned.len()));
        assert_eq!(scan(many.as_bytes()).faults, BlockFaults::default(), "{mentioned}");
    }
}

/// A file of blocks, each intact or damaged in one of many ways, joined in one of many ways.
fn file() -> impl Strategy<Value = Vec<u8>> {
    let labels = prop::sample::select(vec!["CERTIFICATE", "X509 CRL", "PRIVATE KEY", "ODD THING"]);
    let piece =
        (labels, prop::collection::vec(any::<u8>(), 40..90), 0_usize..14).prop_map(|(label, der, way)| {
            // No number in hexadecimal, which would be no data.
            let whole = block(label, &[b"\xfa\xce".as_slice(), &der].concat());
            match way {
                0 => whole.replace('\n', " "),
                1 => whole.replace('\n', ""),
                2 => whole.replace("-----END", "----END"),
                3 => whole.replace("-----BEGIN", "----BEGIN"),
                4 => whole.replacen('\n', "\nk: v\n\n", 1),
                5 => whole.replace('\n', "\r\n"),
                6 => whole.lines().take(2).collect::<Vec<_>>().join("\n"),
                7 => whole.replace("END ", "END X"),
                8 => format!("\u{feff}{whole}"),
                9 => whole.trim_end().to_owned(),
                10 => whole.replace("-----\n", "---\n"),
                _ => whole,
            }
        });
    prop::collection::vec((piece, prop::sample::select(vec!["", "\n", "\r", "# x\n", "x", " "])), 0..6)
        .prop_map(|pieces| {
            pieces.into_iter().flat_map(|(piece, joint)| (piece + joint).into_bytes()).collect()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn as_many_blocks_are_read_or_faults_as_a_person_sees(text in file()) {
        let blocks = scan(&text);
        let extra = [BlockFaultKind::NoBegin, BlockFaultKind::DashesDamaged, BlockFaultKind::Unmarked];
        let faults = blocks.faults.named.iter().filter(|fault| !extra.contains(&fault.kind)).count();
        prop_assert_eq!(blocks.read.len() + faults, seen(&text), "{:?} {}", blocks, String::from_utf8_lossy(&text));
    }

    #[test]
    fn nothing_at_all_makes_it_panic(text in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = (certificates(&text), revocation_lists(&text), private_keys(&text).is_ok());
    }

    #[test]
    fn what_another_library_writes_is_read_back(der in prop::collection::vec(any::<u8>(), 1..300)) {
        let blocks = scan(block("CERTIFICATE", &der).as_bytes());
        prop_assert_eq!(&*blocks.read[0].der, &der);
    }

    /// No message contains twelve consecutive characters of a damaged key.
    #[test]
    fn no_message_contains_a_piece_of_the_file(
        der in prop::collection::vec(any::<u8>(), 30..90),
        at in 0_usize..200,
        what in prop::sample::select(vec!["", "\n", "-----", "-----BEGIN ", " ", "\0", "="]),
        cut in 0_usize..40,
    ) {
        let mut text = block("PRIVATE KEY", &der);
        let at = at.min(text.len());
        let end = (at + cut).min(text.len());
        text.replace_range(at..end, what);
        let secret = block("PRIVATE KEY", &der).lines().filter(|line| !line.contains("-----")).collect::<String>();
        let faults = [
            certificates(text.as_bytes()).err().map(|fault| format!("{fault} {fault:?}")),
            private_keys(text.as_bytes()).err().map(|fault| format!("{fault} {fault:?}")),
        ];
        for fault in faults.into_iter().flatten() {
            let leaked = secret.as_bytes().windows(12).find(|piece| {
                fault.as_bytes().windows(12).any(|window| window == *piece)
            });
            prop_assert!(leaked.is_none(), "{}", fault);
        }
    }
}
