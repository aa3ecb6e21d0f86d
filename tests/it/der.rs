//! Writes certificates and revocation lists byte by byte, with errors that no library would produce, and signs them
//! with real keys.

use std::fs;
use std::process::Command;

use hookspool::clock::Timestamp;
use rcgen::{KeyPair, PublicKeyData, SigningKey};
use rustls_pki_types::CertificateDer;

pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..0x80 => vec![tag, length as u8],
        0x80..0x100 => vec![tag, 0x81, length as u8],
        0x100..0x1_0000 => vec![tag, 0x82, (length >> 8) as u8, length as u8],
        _ => [&[tag, 0x84], (length as u32).to_be_bytes().as_slice()].concat(),
    };
    [head, content.to_vec()].concat()
}

pub fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut content = vec![(arcs[0] * 40 + arcs[1]) as u8];
    for &arc in &arcs[2..] {
        let groups: Vec<u8> = (0..10).map(|i| (arc >> (7 * i) & 0x7f) as u8).collect();
        let highest = groups.iter().rposition(|group| *group != 0).unwrap_or(0);
        content.extend((0..=highest).rev().map(|i| groups[i] | if i > 0 { 0x80 } else { 0 }));
    }
    tlv(0x06, &content)
}

fn boolean(value: bool) -> Vec<u8> {
    vec![1, 1, if value { 0xff } else { 0 }]
}

/// The time in a number of days from now, as GeneralizedTime.
fn time(days: i64) -> Vec<u8> {
    let at = Timestamp::now().as_second() + days * 86_400;
    let text = Timestamp::from_second(at).unwrap().to_string();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    tlv(0x18, format!("{digits}Z").as_bytes())
}

/// The tags of the string types of a name's values.
pub const UTF8: u8 = 0x0c;
pub const PRINTABLE: u8 = 0x13;
pub const T61: u8 = 0x14;
pub const IA5: u8 = 0x16;
pub const UNIVERSAL: u8 = 0x1c;
pub const BMP: u8 = 0x1e;

type Attribute = (&'static str, u8, Vec<u8>);

/// A distinguished name: relative names of attributes, each a type, a tag, and the bytes of its value.
#[derive(Clone)]
pub struct Name(Vec<Rdn>);

#[derive(Clone)]
enum Rdn {
    Attributes(Vec<Attribute>),
    /// Arbitrary bytes instead of a relative name.
    Raw(Vec<u8>),
}

impl Name {
    pub fn empty() -> Self {
        Self(Vec::new())
    }

    pub fn cn(value: &str) -> Self {
        Self::empty().and("2.5.4.3", UTF8, value.as_bytes())
    }

    pub fn and(mut self, kind: &'static str, tag: u8, value: &[u8]) -> Self {
        self.0.push(Rdn::Attributes(vec![(kind, tag, value.to_vec())]));
        self
    }

    /// Adds an attribute to the last relative name.
    pub fn plus(mut self, kind: &'static str, tag: u8, value: &[u8]) -> Self {
        let Some(Rdn::Attributes(attributes)) = self.0.last_mut() else { panic!("none before") };
        attributes.push((kind, tag, value.to_vec()));
        self
    }

    /// Adds bytes that are not a relative name.
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.push(Rdn::Raw(bytes.to_vec()));
        self
    }

    pub fn der(&self) -> Vec<u8> {
        let rdn = |rdn: &Rdn| match rdn {
            Rdn::Raw(bytes) => bytes.clone(),
            Rdn::Attributes(attributes) => {
                let mut all: Vec<_> = attributes.iter().map(attribute).collect();
                all.sort();
                tlv(0x31, &all.concat())
            }
        };
        sequence(&self.0.iter().map(rdn).collect::<Vec<_>>())
    }
}

pub fn attribute((kind, tag, value): &Attribute) -> Vec<u8> {
    sequence(&[oid(kind), tlv(*tag, value)])
}

/// An extension of a certificate or a list.
pub fn extension(id: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![oid(id)];
    if critical {
        parts.push(boolean(true));
    }
    parts.push(tlv(0x04, value));
    sequence(&parts)
}

pub fn basic_constraints(is_ca: bool, path_len: Option<u8>) -> Vec<u8> {
    let mut parts = Vec::new();
    if is_ca {
        parts.push(boolean(true));
    }
    parts.extend(path_len.map(|max| tlv(0x02, &[max])));
    extension("2.5.29.19", true, &sequence(&parts))
}

/// The bits in the first byte: 0x80 digitalSignature, 0x20 keyEncipherment, 0x04 keyCertSign, 0x02 cRLSign.
pub fn key_usage(bits: u8) -> Vec<u8> {
    extension("2.5.29.15", true, &tlv(0x03, &[u8::try_from(bits.trailing_zeros()).unwrap(), bits]))
}

pub const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
pub const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
pub const ANY_EKU: &str = "2.5.29.37.0";

pub fn eku(purposes: &[&str]) -> Vec<u8> {
    extension("2.5.29.37", false, &sequence(&purposes.iter().map(|it| oid(it)).collect::<Vec<_>>()))
}

/// The tags of general names are 1 for email, 2 for DNS, 6 for URI and 7 for IP.
pub fn alternative_names(names: &[(u8, &[u8])]) -> Vec<u8> {
    let names: Vec<_> = names.iter().map(|(kind, value)| tlv(0x80 | kind, value)).collect();
    extension("2.5.29.17", false, &sequence(&names))
}

/// Name constraints: the permitted and the excluded general names, each a complete tag and its content.
pub fn name_constraints(permitted: &[(u8, &[u8])], excluded: &[(u8, &[u8])]) -> Vec<u8> {
    let subtrees = |tag: u8, names: &[(u8, &[u8])]| match names {
        [] => Vec::new(),
        names => {
            tlv(tag, &names.iter().flat_map(|(tag, base)| sequence(&[tlv(*tag, base)])).collect::<Vec<_>>())
        }
    };
    extension("2.5.29.30", true, &sequence(&[subtrees(0xa0, permitted), subtrees(0xa1, excluded)]))
}

/// Name constraints that permit only DNS names below this one.
pub fn permitted_dns(base: &str) -> Vec<u8> {
    name_constraints(&[(0x82, base.as_bytes())], &[])
}

/// The signature algorithm of a certificate.
#[derive(Clone, Copy)]
pub enum Signed {
    /// The default algorithm of the key.
    Plainly,
    /// ECDSA with SHA-1.
    Sha1,
    /// RSASSA-PSS with SHA-256.
    Pss,
}

/// The contents of a certificate; every part can be wrong.
#[derive(Clone)]
pub struct Certificate {
    /// `None` omits the field, as in version 1; 2 is version 3.
    pub version: Option<u8>,
    pub serial: Vec<u8>,
    pub subject: Name,
    /// The beginning, in days from now.
    pub from: i64,
    pub to: i64,
    pub extensions: Vec<Vec<u8>>,
    pub signed: Signed,
    /// A subject public key instead of the holder's.
    pub spki: Option<Vec<u8>>,
    /// Changes the fields that are signed.
    pub fields: fn(&mut Vec<Vec<u8>>),
    /// Changes the signed part, the algorithm and the signature.
    pub wrapper: fn(&mut Vec<Vec<u8>>),
}

impl Certificate {
    pub fn leaf(subject: Name) -> Self {
        Self {
            version: Some(2),
            serial: fresh_serial(),
            subject,
            from: -30,
            to: 30,
            extensions: vec![key_usage(0x80), eku(&[CLIENT_AUTH])],
            signed: Signed::Plainly,
            spki: None,
            fields: |_| {},
            wrapper: |_| {},
        }
    }

    pub fn ca(subject: Name) -> Self {
        Self { extensions: vec![basic_constraints(true, None), key_usage(0x06)], ..Self::leaf(subject) }
    }

    pub fn with(mut self, extensions: Vec<Vec<u8>>) -> Self {
        self.extensions = extensions;
        self
    }

    pub fn v1(mut self) -> Self {
        self.version = None;
        self.extensions.clear();
        self
    }

    fn der(&self, holder: &KeyPair, issuer: &Name, signer: &KeyPair) -> CertificateDer<'static> {
        let algorithm = algorithm(signer, self.signed);
        let spki = self.spki.clone().unwrap_or_else(|| holder.subject_public_key_info());
        let mut parts = Vec::new();
        parts.extend(self.version.map(|version| tlv(0xa0, &tlv(0x02, &[version]))));
        parts.extend([
            tlv(0x02, &self.serial),
            algorithm.clone(),
            issuer.der(),
            sequence(&[time(self.from), time(self.to)]),
            self.subject.der(),
            spki,
        ]);
        if !self.extensions.is_empty() {
            parts.push(tlv(0xa3, &sequence(&self.extensions)));
        }
        (self.fields)(&mut parts);
        let signed = sequence(&parts);
        let signature = [vec![0], sign(&signed, signer, self.signed)].concat();
        let mut parts = vec![signed, algorithm, tlv(0x03, &signature)];
        (self.wrapper)(&mut parts);
        CertificateDer::from(sequence(&parts))
    }
}

fn fresh_serial() -> Vec<u8> {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    bytes[0] = bytes[0] & 0x3f | 0x40;
    bytes.to_vec()
}

fn algorithm(signer: &KeyPair, signed: Signed) -> Vec<u8> {
    use rustls_pki_types::alg_id;
    let id = match signed {
        Signed::Sha1 => return sequence(&[oid("1.2.840.10045.4.1")]),
        Signed::Pss => alg_id::RSA_PSS_SHA256,
        Signed::Plainly if signer.algorithm() == &rcgen::PKCS_RSA_SHA256 => alg_id::RSA_PKCS1_SHA256,
        Signed::Plainly if signer.algorithm() == &rcgen::PKCS_ED25519 => alg_id::ED25519,
        Signed::Plainly => alg_id::ECDSA_SHA256,
    };
    tlv(0x30, id.as_ref())
}

fn sign(message: &[u8], signer: &KeyPair, signed: Signed) -> Vec<u8> {
    match signed {
        Signed::Plainly => signer.sign(message).unwrap(),
        Signed::Sha1 => openssl_sign(message, signer, &["-sha1"]),
        Signed::Pss => {
            let padding = ["-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"];
            openssl_sign(message, signer, &padding)
        }
    }
}

fn openssl_sign(message: &[u8], signer: &KeyPair, how: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (key, data) = (folder.path().join("key"), folder.path().join("data"));
    fs::write(&key, signer.serialize_pem()).unwrap();
    fs::write(&data, message).unwrap();
    let output =
        Command::new("openssl").arg("dgst").args(how).arg("-sign").arg(key).arg(data).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// The holder of a name, a key and a certificate.
pub struct Party {
    pub name: Name,
    pub key: KeyPair,
    pub der: CertificateDer<'static>,
}

impl Party {
    /// Creates a self-signed certificate.
    pub fn root(certificate: &Certificate) -> Self {
        Self::root_with(certificate, KeyPair::generate().unwrap())
    }

    pub fn root_with(certificate: &Certificate, key: KeyPair) -> Self {
        let der = certificate.der(&key, &certificate.subject, &key);
        Self { name: certificate.subject.clone(), key, der }
    }

    /// Issues a certificate for a new key.
    pub fn issue(&self, certificate: &Certificate) -> Party {
        self.issue_for(certificate, KeyPair::generate().unwrap())
    }

    pub fn issue_for(&self, certificate: &Certificate, key: KeyPair) -> Party {
        let der = certificate.der(&key, &self.name, &self.key);
        Party { name: certificate.subject.clone(), key, der }
    }

    /// A revocation list of these serial numbers in DER. `until` is its next update, in days from now.
    pub fn list(&self, serials: &[&[u8]], until: i64) -> Vec<u8> {
        self.issue_list(&List { until, ..List::of(serials) })
    }

    pub fn issue_list(&self, list: &List<'_>) -> Vec<u8> {
        let date = time(-2);
        let entries: Vec<_> =
            list.serials.iter().map(|serial| sequence(&[tlv(0x02, serial), date.clone()])).collect();
        let algorithm = algorithm(&self.key, Signed::Plainly);
        let mut parts =
            vec![tlv(0x02, &[1]), algorithm.clone(), self.name.der(), time(list.from), time(list.until)];
        if !entries.is_empty() {
            parts.push(sequence(&entries));
        }
        let number = extension("2.5.29.20", false, &tlv(0x02, &[list.number]));
        let point = list.point.map(|uri| extension("2.5.29.28", true, &sequence(&[point(uri)])));
        parts.push(tlv(0xa0, &sequence(&[number].into_iter().chain(point).collect::<Vec<_>>())));
        let signed = sequence(&parts);
        let signature = [vec![0], sign(&signed, &self.key, Signed::Plainly)].concat();
        sequence(&[signed, algorithm, tlv(0x03, &signature)])
    }
}

/// The contents of a revocation list.
#[derive(Clone)]
pub struct List<'a> {
    pub serials: Vec<&'a [u8]>,
    /// Its number, at most 127.
    pub number: u8,
    /// When it was issued, in days from now.
    pub from: i64,
    /// Its next update, in days from now.
    pub until: i64,
    /// The URI of its issuing distribution point.
    pub point: Option<&'a str>,
}

impl<'a> List<'a> {
    pub fn of(serials: &[&'a [u8]]) -> Self {
        Self { serials: serials.to_vec(), number: 7, from: -10, until: 20, point: None }
    }
}

/// A distribution point's name that is a URI.
fn point(uri: &str) -> Vec<u8> {
    tlv(0xa0, &tlv(0xa0, &tlv(0x86, uri.as_bytes())))
}

/// The distribution points of the lists that cover a certificate.
pub fn crl_points(uris: &[&str]) -> Vec<u8> {
    let points: Vec<_> = uris.iter().map(|uri| sequence(&[point(uri)])).collect();
    extension("2.5.29.31", false, &sequence(&points))
}

pub fn pem(kind: &str, der: &[u8]) -> String {
    pem::encode(&pem::Pem::new(kind, der))
}
