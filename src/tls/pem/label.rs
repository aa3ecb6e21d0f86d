//! The labels of PEM blocks (RFC 7468) and the meaning of each.

use std::fmt;

/// The label of a PEM block. Only labels of a closed table are printed: in a damaged file, the text instead of a label can
/// be part of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Label {
    name: Option<&'static str>,
    pub(super) kind: Kind,
}

/// The contents of a block with a label.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// An X.509 certificate.
    Certificate,
    /// An X.509 revocation list.
    RevocationList,
    /// An unencrypted private key: PKCS#8, SEC1 or PKCS#1.
    PrivateKey,
    /// An encrypted PKCS#8 key.
    EncryptedKey,
    /// The parameters that OpenSSL writes before an EC key; the key repeats them.
    Parameters,
    /// Certificates in a form that is not supported.
    WrappedCertificates,
    /// Anything else.
    Other,
}

const LABELS: &[(&str, Kind)] = &[
    ("CERTIFICATE", Kind::Certificate),
    ("X509 CERTIFICATE", Kind::Certificate),
    ("X509 CRL", Kind::RevocationList),
    ("PRIVATE KEY", Kind::PrivateKey),
    ("EC PRIVATE KEY", Kind::PrivateKey),
    ("RSA PRIVATE KEY", Kind::PrivateKey),
    ("ENCRYPTED PRIVATE KEY", Kind::EncryptedKey),
    ("EC PARAMETERS", Kind::Parameters),
    ("TRUSTED CERTIFICATE", Kind::WrappedCertificates),
    ("PKCS7", Kind::WrappedCertificates),
    ("PKCS #7 SIGNED DATA", Kind::WrappedCertificates),
    ("CMS", Kind::WrappedCertificates),
    ("PKCS12", Kind::WrappedCertificates),
    ("CERTIFICATE REQUEST", Kind::Other),
    ("NEW CERTIFICATE REQUEST", Kind::Other),
    ("DH PARAMETERS", Kind::Other),
    ("DSA PRIVATE KEY", Kind::Other),
    ("OPENSSH PRIVATE KEY", Kind::Other),
    ("PUBLIC KEY", Kind::Other),
    ("RSA PUBLIC KEY", Kind::Other),
];

impl Label {
    pub(super) fn of(text: &[u8]) -> Self {
        let known = LABELS.iter().find(|(name, _)| name.as_bytes() == text);
        Self { name: known.map(|(name, _)| *name), kind: known.map_or(Kind::Other, |(_, kind)| *kind) }
    }

    pub(super) fn with(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// The label of a block whose BEGIN line cannot be read.
    pub(super) const UNKNOWN: Self = Self { name: None, kind: Kind::Other };

    /// Whether it is in the table of known labels.
    pub fn is_known(self) -> bool {
        self.name.is_some()
    }

    /// Whether it is a private key, encrypted or not.
    pub fn is_private_key(self) -> bool {
        self.name.is_some_and(|name| name.ends_with("PRIVATE KEY"))
    }

    /// The command that converts the block into a supported form, if there is one.
    pub fn conversion(self) -> Option<&'static str> {
        match self.name? {
            "TRUSTED CERTIFICATE" => Some(
                "convert the file with `openssl crl2pkcs7 -nocrl -certfile OLD | openssl pkcs7 -print_certs -out NEW`",
            ),
            "CMS" => Some(
                "convert it with `sed '/-----/d' OLD | base64 -d | openssl pkcs7 -inform DER -print_certs -out NEW`",
            ),
            "PKCS7" | "PKCS #7 SIGNED DATA" => {
                Some("convert it with `openssl pkcs7 -in OLD -print_certs -out NEW`")
            }
            "PKCS12" => Some(
                "convert it with `sed '/-----/d' OLD | base64 -d | openssl pkcs12 -nodes -out NEW`, and make NEW readable only for its owner",
            ),
            "OPENSSH PRIVATE KEY" => Some("convert a copy of it with `ssh-keygen -p -N '' -m PKCS8 -f COPY`"),
            _ => None,
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => write!(f, "`{name}` block"),
            None => f.write_str("block with an unknown label"),
        }
    }
}
