//! Tests of text outside of blocks: a possible block is a fault with its line; other text is ignored, as by OpenSSL.

use base64ct::{Base64, Encoding as _};
use proptest::prelude::*;

use super::tests::block;
use super::*;

/// DER in the form of a revocation list: a SEQUENCE in a SEQUENCE, and bytes without a pattern.
fn list() -> Vec<u8> {
    let noise = (0_u32..600).map(|index| index.wrapping_mul(2_654_435_761).to_be_bytes()[0]);
    [0x30, 0x82, 2, 0x5c, 0x30, 0x82, 1, 0x44].into_iter().chain(noise).collect()
}

fn list_block() -> String {
    block("X509 CRL", &list())
}

/// The base64 text of a list in lines, without BEGIN and END.
fn bare() -> String {
    list_block().lines().filter(|line| !line.starts_with('-')).map(|line| format!("{line}\n")).collect()
}

/// The number of blocks that are read from a text, and the lines of the faults.
fn lines(text: &[u8]) -> (usize, Vec<usize>) {
    let blocks = scan(text);
    (blocks.read.len(), blocks.faults.named.iter().map(|fault| fault.line).collect())
}

#[test]
fn a_list_in_an_unusual_writing_behind_an_intact_one_is_a_fault_with_its_line() {
    let intact = list_block();
    let first = intact.lines().count() + 1;
    let encoded = Base64::encode_string(intact.as_bytes());
    let wrapped: String =
        encoded.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line) + "\n").collect();
    let one_line = bare().replace('\n', "");
    let in_groups = |size: usize, joint: &str| {
        one_line.as_bytes().chunks(size).map(String::from_utf8_lossy).collect::<Vec<_>>().join(joint)
    };
    let dashes = |dash: &str| intact.replace("-----", &dash.repeat(5));
    let writings = [
        ("bare base64", bare()),
        ("bare base64 in one line", one_line.clone()),
        ("bare base64 in short lines", in_groups(20, "\n")),
        ("bare base64 in groups", in_groups(4, " ")),
        ("base64 in a comment", bare().replace('\n', "\n# ").replacen("MII", "# MII", 1)),
        ("base64 in quotes", format!("\"{}\"", in_groups(64, "\",\n\""))),
        ("base64 after a name", format!("crl={one_line}")),
        ("base64 in XML", format!("<X509CRL>{one_line}</X509CRL>")),
        ("base64 of the URL alphabet", bare().replace('+', "-").replace('/', "_")),
        ("base64 without its first line", bare().lines().skip(1).collect::<Vec<_>>().join("\n")),
        ("base64 after escaped line breaks", bare().replace('\n', "\\n").replacen("MII", "\\nMII", 1)),
        ("PEM in base64", encoded),
        ("PEM in base64 lines", wrapped),
        ("PEM with a comment, in base64", Base64::encode_string(format!("# a list\n{intact}").as_bytes())),
        (
            "lower case",
            intact.replace("BEGIN X509 CRL", "begin x509 crl").replace("END X509 CRL", "end x509 crl"),
        ),
        ("all in lower case", intact.to_lowercase()),
        ("decimal entities", dashes("&#45;")),
        ("hexadecimal entities", dashes("&#x2d;")),
        ("en dashes", dashes("\u{2013}")),
        ("em dashes", dashes("\u{2014}")),
        ("full-width hyphens", dashes("\u{ff0d}")),
        ("percent-encoded", intact.replace('-', "%2D").replace('\n', "%0A")),
        ("without dashes", intact.replace('-', "")),
        ("dashes apart", dashes("- ")),
        ("in JSON", format!("{{\"crl\": \"{}\"}}", intact.replace('\n', "\\n"))),
        ("commented out", intact.lines().map(|line| format!("# {line}\n")).collect()),
    ];
    for (name, writing) in writings {
        let text = format!("{intact}{writing}\n");
        assert_eq!(lines(text.as_bytes()), (1, vec![first]), "{name}: {text}");
        let text = format!("{writing}\n{intact}");
        assert_eq!(lines(text.as_bytes()), (1, vec![1]), "{name}: {text}");
    }
    let der = [intact.as_bytes(), &list()].concat();
    assert_eq!(lines(&der), (1, vec![first]), "DER behind PEM");
}

#[test]
fn begin_without_exactly_one_blank_before_its_label_is_a_fault() {
    let intact = list_block();
    for begin in
        ["-----BEGINX509 CRL", "-----BEGIN\tX509 CRL", "-----BEGIN  X509 CRL", "-----BEGIN X509 CRL "]
    {
        let text = intact.replace("-----BEGIN X509 CRL", begin);
        assert_eq!(lines(text.as_bytes()), (0, vec![1]), "{text}");
    }
    for end in ["-----ENDX509 CRL", "-----END\tX509 CRL", "-----END  X509 CRL"] {
        let text = intact.replace("-----END X509 CRL", end);
        assert_eq!(lines(text.as_bytes()), (0, vec![1]), "{text}");
    }
}

#[test]
fn text_that_mentions_blocks_is_ignored() {
    let intact = list_block();
    for text in [
        "# between -----BEGIN and -----END lines",
        "# what is between -----BEGIN X509 CRL----- and -----END X509 CRL----- is the list",
        "# a list begins with -----BEGIN X509 CRL-----",
        "the lists END here",
        "# Begin certificate list of the bank\nHellenic_Academic_and_Research_Institutions_RootCA_2015",
        "-- BEGIN CERTIFICATES OF THE BANK --",
        "#----- BEGIN KEY AND CRL MATERIAL -----",
        "#----- END KEY AND CRL MATERIAL -----",
        "-----END OF THE FIRST PART-----",
        "\u{2014} BEGIN CERTIFICATE \u{2014}",
        "MILANO, MINISTERO DELL'ECONOMIA E DELLE FINANZE, MIGUEL ANGEL MIKADO MILL MINT, VIA XX SETTEMBRE 97, ROMA RM 00187",
        "subject=C = BR, O = Banco 1, CN = Root\nissuer=C = BR, O = Banco 1, CN = Root",
        "Bag Attributes\n    friendlyName: le-3c4f\n    localKeyID: 54 69 6D 65 20 31 36",
        "# /home/Deploy/config/Production/webhooks/Certificates/bank1/Revocation/Lists/2026/current/whole/file",
        "# http://crl.example.com/Revocation/Lists/ICPBrasil/Banks/Current/Complete/2026/List7.crl",
        "# sha512 YjI0ZTQ1NmY3ODkwYWJjZGVmMTIzNDU2Nzg5MEFCQ0RFRnh5ejEyMzQ1Njc4OTBhYmNkZWZnaGlqa2xtbm9wcQ==",
        "GlobalSign Root CA\n==================",
        "DigiCertGlobalRootG2\nISRGRootX1\nAmazonRootCA1\nGTSRootR1\nDigiCertGlobalRootG3\nISRGRootX2",
    ] {
        for whole in
            [format!("{text}\n{intact}"), format!("{intact}{text}\n{intact}"), format!("{intact}{text}")]
        {
            let found = lines(whole.as_bytes());
            assert_eq!(found, (whole.matches(&intact).count(), vec![]), "{whole}");
        }
    }
    let hex = format!("Modulus={}\n", "C3A9F0D4".repeat(64));
    let dump = format!("    Signature Value:\n{}", "        30:82:01:0a:30:81:88:02:42\n".repeat(20));
    assert_eq!(lines(format!("{hex}{dump}{intact}").as_bytes()), (1, vec![]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A list of any bytes, in lines of any length, before and after any text.
    #[test]
    fn bare_base64_of_a_list_is_never_skipped(
        noise in prop::collection::vec(any::<u8>(), 120..700),
        header in prop::sample::select(vec![[0x30, 0x45, 0x02, 1, 1], [0x30, 0x81, 0x99, 2, 1], [0x30, 0x82, 1, 9, 0x30]]),
        width in 12_usize..100,
        prefix in prop::sample::select(vec!["", "# ", "> ", "  ", "crl=", "\t\"", "// ", "\\n"]),
        joint in prop::sample::select(vec!["\n", "\r\n", "\r", " ", "\\n", "\n# ", "\",\n\"", "=\n", "%0A"]),
        before in "[ -~\n]{0,80}",
    ) {
        let length = u8::try_from((noise.len() + header.len()) / 256).unwrap_or(0).max(1);
        let outer = [0x30, 0x82, length, 0];
        let der: Vec<u8> = outer.into_iter().chain(header).chain(noise).collect();
        let text = Base64::encode_string(&der);
        let pieces: Vec<_> = text.as_bytes().chunks(width).map(String::from_utf8_lossy).collect();
        let file = format!("{}{before}\n{prefix}{}\n{}", list_block(), pieces.join(joint), list_block());
        let blocks = scan(file.as_bytes());
        // Rarely, a piece in the middle looks like words, and the text before and after it is reported separately.
        prop_assert!(blocks.read.len() == 2 && !blocks.faults.named.is_empty(), "{blocks:?} {file}");
    }

    #[test]
    fn prose_is_never_a_fault(words in prop::collection::vec("[A-Z]?[a-z]{1,12}[,.:]?|[A-Z]{2,12}|[0-9]{1,8}|BEGIN|-----BEGIN", 0..60)) {
        let file = format!("# {}\n{}", words.join(" "), list_block());
        let blocks = scan(file.as_bytes());
        prop_assert!(blocks.read.len() == 1 && blocks.faults == BlockFaults::default(), "{blocks:?} {file}");
    }
}
