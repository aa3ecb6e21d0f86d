//! The encoding of common names, and their CAs.

use super::Catalogue;
use crate::der::{
    BMP, Certificate, IA5, Name, PRINTABLE, Party, T61, UNIVERSAL, UTF8, alternative_names, attribute, tlv,
};

impl Catalogue {
    /// Adds the cases of common names.
    pub(super) fn names(&mut self) {
        let root = Party::root(&Certificate::ca(Name::cn("Names Root")));
        self.sender("names", &[&root], "cn = [\"x\"]");
        let leaf = |subject: Name| root.issue(&Certificate::leaf(subject));
        let cn = "2.5.4.3";
        let of = |tag: u8, value: &[u8]| Name::empty().and(cn, tag, value);
        let long = "x".repeat(64 << 10);
        let whole = attribute(&(cn, UTF8, b"x".to_vec()));
        let behind_attribute = [&whole[..], &[5, 0, 0]].concat();
        let behind_value = tlv(0x30, &[&whole[2..], &[5, 0]].concat());
        for (name, expected, subject) in [
            ("the CN that is asked for", "admitted", Name::cn("x")),
            ("CN as PrintableString", "admitted", of(PRINTABLE, b"x")),
            ("CN in a relative name with others", "admitted", Name::cn("x").plus("2.5.4.10", UTF8, b"Bank")),
            ("no CN", "rule", Name::empty().and("2.5.4.10", UTF8, b"x")),
            ("two CNs, the right one first", "rule", Name::cn("x").and(cn, UTF8, b"y")),
            ("two CNs, the right one last", "rule", Name::cn("y").and(cn, UTF8, b"x")),
            ("the right CN twice", "rule", Name::cn("x").and(cn, UTF8, b"x")),
            ("two CNs in one relative name", "rule", Name::cn("x").plus(cn, UTF8, b"y")),
            ("NUL in the CN", "rule", of(UTF8, b"x\0.evil.example")),
            ("line feed after the CN", "rule", of(UTF8, b"x\n")),
            ("blank after the CN", "rule", Name::cn("x ")),
            ("blank before the CN", "rule", Name::cn(" x")),
            ("dot after the CN", "rule", Name::cn("x.")),
            ("other case", "rule", Name::cn("X")),
            ("homoglyph (Cyrillic)", "rule", Name::cn("\u{445}")),
            ("wildcard", "rule", Name::cn("*")),
            ("CN as BMPString", "rule", of(BMP, b"\0x")),
            ("CN as T61String", "rule", of(T61, b"x")),
            ("CN as UniversalString", "rule", of(UNIVERSAL, b"\0\0\0x")),
            ("CN as IA5String", "rule", of(IA5, b"x")),
            ("CN that is not UTF-8", "rule", of(UTF8, b"x\xff")),
            ("empty CN", "rule", Name::cn("")),
            ("the issuer's CN", "rule", Name::cn("Names Root")),
            ("no subject", "rule", Name::empty()),
            ("CN of 64 KiB", "unreadable", Name::cn(&long)),
            (
                "empty relative name before the CN",
                "unreadable",
                Name::empty().raw(&[0x31, 0]).and(cn, UTF8, b"x"),
            ),
            (
                "empty relative name between two CNs",
                "unreadable",
                Name::cn("x").raw(&[0x31, 0]).and(cn, UTF8, b"evil"),
            ),
            ("empty relative name after the CN", "unreadable", Name::cn("x").raw(&[0x31, 0])),
            ("bytes behind the value of a CN", "unreadable", Name::empty().raw(&tlv(0x31, &behind_value))),
            ("bytes behind an attribute", "unreadable", Name::empty().raw(&tlv(0x31, &behind_attribute))),
            ("a sequence for a relative name", "unreadable", Name::cn("x").raw(&tlv(0x30, &whole))),
        ] {
            self.case(name, "names", expected, &leaf(subject), &[]);
        }
        self.odd_encodings(&root);
        let mut only_san = Certificate::leaf(Name::empty().and("2.5.4.10", UTF8, b"Bank"));
        only_san.extensions.push(alternative_names(&[(2, b"x")]));
        self.case("the CN in the SAN alone", "names", "rule", &root.issue(&only_san), &[]);

        let twin = Party::root(&Certificate::ca(Name::cn("Names Root")));
        self.case(
            "a stranger's CA of the same name",
            "names",
            "unknown_ca",
            &twin.issue(&Certificate::leaf(Name::cn("x"))),
            &[],
        );
        let own = Party::root(&Certificate::leaf(Name::cn("x")));
        self.case("self-signed, of nobody", "names", "unknown_ca", &own, &[]);
        let other = Party::root(&Certificate::ca(Name::cn("Other Root")));
        self.sender("other", &[&other], "cn = [\"y\"]");
        self.case("another sender's CN", "names", "rule", &leaf(Name::cn("y")), &[]);
        let foreign = other.issue(&Certificate::leaf(Name::cn("x")));
        self.case("the right CN under another sender's CA", "other", "rule", &foreign, &[]);
    }

    /// Names that only a lenient parser reads as `CN=x`.
    fn odd_encodings(&mut self, root: &Party) {
        let kind = tlv(0x06, &[0x55, 0x04, 0x03]);
        let value = tlv(UTF8, b"x");
        let name = |rdn: u8, attribute: u8, kind: &[u8], value: &[u8]| {
            Name::empty().raw(&tlv(rdn, &tlv(attribute, &[kind, value].concat())))
        };
        let valued = |value: &[u8]| name(0x31, 0x30, &kind, value);
        let typed = |kind: &[u8]| name(0x31, 0x30, kind, &value);
        for (name, subject) in [
            ("CN with a context-specific tag", valued(&tlv(0x8c, b"x"))),
            ("CN with an application tag", valued(&tlv(0x4c, b"x"))),
            ("CN with a private tag", valued(&tlv(0xcc, b"x"))),
            ("CN as PrintableString with a context-specific tag", valued(&tlv(0x93, b"x"))),
            ("CN as UTF8String marked as constructed", valued(&tlv(0x2c, b"x"))),
            ("CN as PrintableString marked as constructed", valued(&tlv(0x33, b"x"))),
            ("CN as a primitive SET", valued(&tlv(0x11, b"x"))),
            ("CN as a SET", valued(&tlv(0x31, &value))),
            ("CN as UTF8String made of parts", valued(&tlv(0x2c, &value))),
            ("CN with a tag in the long form", valued(&[0x1f, UTF8, 1, b'x'])),
            ("CN with a length in the long form", valued(&[UTF8, 0x81, 1, b'x'])),
            ("CN's type with a redundant byte", typed(&tlv(0x06, &[0x55, 0x04, 0x80, 0x03]))),
            ("CN's type with an incomplete number", typed(&tlv(0x06, &[0x55, 0x04, 0x83]))),
            ("CN's type without content", typed(&tlv(0x06, &[]))),
            ("CN's type with a context-specific tag", typed(&tlv(0x86, &[0x55, 0x04, 0x03]))),
            ("relative name with a context-specific tag", name(0xb1, 0x30, &kind, &value)),
            ("relative name as a primitive SET", name(0x11, 0x30, &kind, &value)),
            ("attribute with a context-specific tag", name(0x31, 0xb0, &kind, &value)),
            ("attribute as a primitive SEQUENCE", name(0x31, 0x10, &kind, &value)),
        ] {
            self.case(name, "names", "unreadable", &root.issue(&Certificate::leaf(subject)), &[]);
        }
    }
}
