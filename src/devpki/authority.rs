//! Creates the root CA and issues certificates, in memory.

use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SerialNumber, date_time_ymd,
};
use rustls_pki_types::{CertificateDer, DnsName};

use crate::hostname::{ascii_form, without_root_dot};
use crate::identity::Identity;

/// The `O` of every certificate that this module creates.
pub const ORGANIZATION: &str = "hookspool development";

/// organizationName (X.520).
const ORGANIZATION_NAME: &str = "2.5.4.10";
/// The hosts of every server certificate.
const LOOPBACK_HOSTS: &[&str] = &["localhost", "127.0.0.1", "::1"];
/// The upper bound of X.520 for a common name (ub-common-name), in characters.
const COMMON_NAME_CHARS_MAX: usize = 64;

/// How long before now certificates become valid, because the clock of another machine may be behind.
const BACKDATED: Duration = Duration::from_mins(5);
const LEAF_LIFETIME: Duration = Duration::from_hours(365 * 24);
const ROOT_LIFETIME: Duration = Duration::from_hours(3652 * 24);

/// The algorithm of the keys.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum KeyKind {
    /// ECDSA with P-256.
    #[default]
    EcdsaP256,
    /// RSA with 2048 bits.
    Rsa2048,
}

/// A root CA that can issue certificates.
pub struct Root {
    /// The certificate and key of the root.
    pub issued: Issued,
    issuer: Issuer<'static, KeyPair>,
    kind: KeyKind,
    now: Timestamp,
}

/// A certificate with its key.
#[derive(Clone)]
pub struct Issued {
    /// The certificate in PEM.
    pub certificate_pem: String,
    /// The certificate in DER.
    pub certificate: CertificateDer<'static>,
    /// The private key in PEM, PKCS#8.
    pub key_pem: String,
}

/// Why a certificate cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// A host is neither an IP address nor a DNS name.
    #[error("`{0}` is neither a DNS name nor an IP address")]
    Host(String),
    /// A host is an internationalized name.
    #[error("`{host}` is an internationalized name; certificates contain its ASCII form, so use `{ascii}`")]
    InternationalHost {
        /// The host as given.
        host: String,
        /// Its ASCII form.
        ascii: String,
    },
    /// The name of a client cannot be a file name.
    #[error("`{0}` cannot name a file: use letters, digits, `.`, `_` and `-`, not starting with `.` or `-`")]
    FileName(String),
    /// The name of a client is already in use as a file name.
    #[error("the client name `{0}` is taken: each needs its own, and none of `root-ca`, `server`, `client`")]
    FileTaken(String),
    /// The common name is empty, too long, or has control characters.
    #[error("`{0}` cannot be a common name: 1 to 64 characters, none of them a control character")]
    CommonName(String),
    /// The library could not generate a key or sign with it.
    #[error("cannot create a certificate")]
    Library(#[from] rcgen::Error),
}

impl Root {
    /// Creates a root that is valid for ten years, from five minutes before `now`.
    ///
    /// # Errors
    /// If no key can be generated.
    pub fn new(kind: KeyKind, now: Timestamp) -> Result<Self, CreateError> {
        let mut params = params("hookspool development root", ROOT_LIFETIME, now, Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = generate(kind)?;
        let certificate = params.self_signed(&key)?;
        let issued = Issued::new(&certificate, &key);
        Ok(Self { issued, issuer: Issuer::new(params, key), kind, now })
    }

    /// Issues a server certificate for the loopback names and `extra_hosts`, which are DNS names or IP addresses.
    ///
    /// # Errors
    /// If a host is neither, or no certificate can be created.
    pub fn server(&self, extra_hosts: &[String]) -> Result<Issued, CreateError> {
        let mut hosts: Vec<String> = LOOPBACK_HOSTS.iter().map(ToString::to_string).collect();
        for host in extra_hosts {
            let host = checked_host(host)?;
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        self.leaf("localhost", hosts, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// Issues a client certificate with this common name.
    ///
    /// # Errors
    /// If the name cannot be a common name, or no certificate can be created.
    pub fn client(&self, common_name: &str) -> Result<Issued, CreateError> {
        self.leaf(common_name, Vec::new(), ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn leaf(
        &self,
        cn: &str,
        hosts: Vec<String>,
        purpose: ExtendedKeyUsagePurpose,
    ) -> Result<Issued, CreateError> {
        let mut params = params(cn, LEAF_LIFETIME, self.now, hosts)?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        params.use_authority_key_identifier_extension = true;
        let key = generate(self.kind)?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Issued::new(&certificate, &key))
    }
}

impl Issued {
    fn new(certificate: &rcgen::Certificate, key: &KeyPair) -> Self {
        Self {
            certificate_pem: certificate.pem(),
            certificate: certificate.der().clone(),
            key_pem: key.serialize_pem(),
        }
    }
}

/// Whether the subject of a certificate contains [`ORGANIZATION`], so that it is for development.
pub fn is_development(identity: &Identity) -> bool {
    identity.subject.texts(ORGANIZATION_NAME).any(|organization| organization == ORGANIZATION)
}

fn params(
    common_name: &str,
    lifetime: Duration,
    now: Timestamp,
    hosts: Vec<String>,
) -> Result<CertificateParams, CreateError> {
    let chars = common_name.chars().count();
    if chars == 0 || chars > COMMON_NAME_CHARS_MAX || common_name.chars().any(char::is_control) {
        return Err(CreateError::CommonName(common_name.to_owned()));
    }
    // Encoded from the general to the specific. RFC 4514 reverses the order: `CN=..,O=..`.
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, ORGANIZATION);
    name.push(DnType::CommonName, common_name);
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name = name;
    let since_epoch = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or(0));
    params.not_before = date_time_ymd(1970, 1, 1) + since_epoch.saturating_sub(BACKDATED);
    params.not_after = date_time_ymd(1970, 1, 1) + since_epoch + lifetime;
    params.serial_number = Some(random_serial()?);
    Ok(params)
}

/// A serial number of 16 random bytes that begins with the bits 01, so that it is positive and keeps its length (RFC
/// 5280, section 4.1.2.2).
fn random_serial() -> Result<SerialNumber, CreateError> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| rcgen::Error::RingUnspecified)?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn generate(kind: KeyKind) -> Result<KeyPair, rcgen::Error> {
    match kind {
        KeyKind::EcdsaP256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        KeyKind::Rsa2048 => KeyPair::generate_for(&PKCS_RSA_SHA256),
    }
}

/// Checks a host and returns it as it is written in a certificate: without the brackets of a URL and without the dot of
/// the root.
fn checked_host(host: &str) -> Result<String, CreateError> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let bare = without_root_dot(bare);
    let name = bare.strip_prefix("*.").unwrap_or(bare);
    if bare.parse::<std::net::IpAddr>().is_ok() || DnsName::try_from(name).is_ok() {
        Ok(bare.to_owned())
    } else if let Some(ascii) = ascii_form(bare) {
        Err(CreateError::InternationalHost { host: host.to_owned(), ascii })
    } else {
        Err(CreateError::Host(host.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{CannotIssue, Version};

    fn now() -> Timestamp {
        "2026-11-23T00:00:00Z".parse().expect("a timestamp")
    }

    #[test]
    fn issued_certificates_are_version_3_and_cannot_issue() {
        let root = Root::new(KeyKind::EcdsaP256, now()).expect("a root");
        let leaf = Identity::from_der(&root.client("a").expect("a client").certificate).expect("readable");
        assert_eq!((leaf.version, leaf.issuing.never.clone()), (Version::Three, Some(CannotIssue::NotACa)));
        assert!(leaf.not_before < now() && leaf.is_valid_at(now()));
        let other = Identity::from_der(&root.client("a").expect("a client").certificate).expect("readable");
        assert_ne!(leaf.serial, other.serial);
    }

    #[test]
    fn development_certificates_are_recognized_by_their_organization() {
        let root = Root::new(KeyKind::EcdsaP256, now()).expect("a root");
        let mut identity = Identity::from_der(&root.issued.certificate).expect("readable");
        assert!(is_development(&identity));
        for real in ["CN=x\\,O=hookspool development", "CN=O=hookspool development", "O=hookspool"] {
            identity.subject = real.parse().expect("a name");
            assert!(!is_development(&identity), "{real}");
        }
        identity.subject = "CN=x\\\\,O=hookspool development".parse().expect("a name");
        assert!(is_development(&identity), "an escaped backslash escapes nothing");
    }

    #[test]
    fn hosts_must_be_dns_names_or_ip_addresses() {
        let root = Root::new(KeyKind::EcdsaP256, now()).expect("a root");
        for good in ["hooks.example", "*.example", "192.0.2.1", "[2001:db8::1]"] {
            assert!(root.server(&[good.to_owned()]).is_ok(), "{good}");
        }
        let dotted = root.server(&["hooks.example.".to_owned()]).expect("a server");
        let identity = Identity::from_der(&dotted.certificate).expect("readable");
        assert!(identity.alternative_names.dns.contains(&"hooks.example".to_owned()), "{identity:?}");
        let international = root
            .server(&["b\u{fc}cher.example".to_owned()])
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(international.ends_with("use `xn--bcher-kva.example`"), "{international}");
        for bad in ["", "a b", "hooks.example..", "https://x", "x:443"] {
            assert!(matches!(root.server(&[bad.to_owned()]), Err(CreateError::Host(_))), "{bad}");
        }
    }
}
