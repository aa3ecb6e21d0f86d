//! The *contents* of the certificates and keys that webhooks.toml names.

use jiff::Timestamp;

use super::files::{Content, Files};
use super::findings::Findings;
use super::keys::{At, Keys};
use super::raw::{Section, Span};
use crate::clock::distance;
use crate::devpki::is_development;
use crate::identity::{Identity, Version};
use crate::tls::anchors::{Anchor, AnchorFault};
use crate::tls::expiry::{CertificateFact, Role};
use crate::tls::key_pair::{KeyPair, KeyPairFault};
use crate::tls::pem::{PemFault, certificates, private_key};
use crate::tls::server::MinVersion;

/// What is warned about this long before it expires.
const EXPIRES_SOON_SECONDS: i64 = 30 * 86_400;

/// Everything that a look at a certificate needs.
pub(super) struct Look<'a> {
    pub(super) files: &'a Files,
    pub(super) findings: &'a Findings,
    pub(super) now: Timestamp,
    /// Whether anybody beyond this machine can connect.
    pub(super) is_open_to_the_world: bool,
}

/// `[tls]`, as it was written: the pair is missing where it has a finding.
pub(super) struct TlsTable {
    pub(super) key_pair: Option<KeyPair>,
    pub(super) min_version: MinVersion,
    pub(super) fact: Option<CertificateFact>,
}

/// `[tls]`
pub(super) fn tls(section: &Section, look: &Look<'_>) -> TlsTable {
    let findings = look.findings;
    let mut keys = Keys::new("[tls]", section, findings);
    keys.not_yet("extra", "one server certificate serves all names so far");
    let min_version = keys
        .word("min_version", &[("1.2", MinVersion::Tls12), ("1.3", MinVersion::Tls13)])
        .unwrap_or_default();
    let mut named = |key: &'static str, hint: &str| {
        let text = keys.text(key);
        if text.is_none() && keys.entry(key).is_none() {
            findings.error(keys.span(), format!("[tls] has no `{key}`"), hint);
        }
        text
    };
    let chain = named("certificate", "name our certificate chain: certificate = \"certs/server.pem\"");
    let key = named("key", "name its private key: key = \"certs/server.key\"");
    let chain_file = chain.as_ref().and_then(|named| look.files.read(named, findings));
    let key_file = key.as_ref().and_then(|named| look.files.read(named, findings));
    keys.close();

    let mut fact = None;
    let mut key_pair = None;
    if let (Some(chain), Some(key), Some(chain_file), Some(key_file)) = (chain, key, chain_file, key_file) {
        key_pair = look.pair(&chain.span, &chain_file, &key.span, &key_file);
        if let Some(pair) = &key_pair {
            look.server_certificate(&chain.span, &chain_file, &pair.identity);
            fact = Some(fact_of(Role::Server, "server", &chain_file, &pair.identity));
        }
    }
    TlsTable { key_pair, min_version, fact }
}

/// One file of a sender's `ca`: the anchors in it that can vouch; nothing where that is an error.
pub(super) fn anchors(
    sender: &str,
    named: &At<&str>,
    look: &Look<'_>,
) -> Option<Vec<(Anchor, CertificateFact)>> {
    let findings = look.findings;
    let file = look.files.read(named, findings)?;
    let path = file.path.display();
    let found = match certificates(&file.bytes) {
        Ok(found) => found,
        Err(fault) => {
            findings.error(&named.span, format!("`{path}`: {fault}"), pem_hint(&fault));
            return None;
        }
    };
    let mut anchors = Vec::new();
    for der in found {
        match Anchor::new(der) {
            Ok(anchor) => {
                look.dates(&named.span, &file, "the CA", &anchor.identity);
                look.development(&named.span, &file, &anchor.identity);
                let fact = fact_of(Role::Anchor, sender, &file, &anchor.identity);
                anchors.push((anchor, fact));
            }
            Err(AnchorFault::Unreadable(fault)) => {
                findings.error(
                    &named.span,
                    format!("`{path}`: {fault}"),
                    "get the file again from the sender; `openssl x509 -in FILE -text` shows what is in it",
                );
                return None;
            }
            Err(fault @ AnchorFault::CannotIssue { .. }) => findings.warning(
                &named.span,
                format!("`{path}`: {fault}"),
                "name the certificate of the CA that issues the sender's certificates",
            ),
        }
    }
    Some(anchors)
}

impl Look<'_> {
    fn pair(&self, chain: &Span, chain_file: &Content, key: &Span, key_file: &Content) -> Option<KeyPair> {
        let (chain_path, key_path) = (chain_file.path.display(), key_file.path.display());
        let certificates = certificates(&chain_file.bytes)
            .map_err(|f| self.findings.error(chain, format!("`{chain_path}`: {f}"), pem_hint(&f)));
        let private_key = private_key(&key_file.bytes)
            .map_err(|f| self.findings.error(key, format!("`{key_path}`: {f}"), pem_hint(&f)));
        if private_key.is_ok() {
            self.key_mode(key, key_file);
        }
        let fault = match KeyPair::new(certificates.ok()?, &private_key.ok()?) {
            Ok(pair) => return Some(pair),
            Err(fault) => fault,
        };
        match &fault {
            KeyPairFault::Certificate(_) => self.findings.error(
                chain,
                format!("`{chain_path}`: {fault}"),
                "put the chain in PEM, our own certificate first",
            ),
            KeyPairFault::Mismatch { .. } => self.findings.error(
                key,
                format!("`{key_path}`: {fault} in `{chain_path}`"),
                "name the key that the certificate was made with; the chain has to begin with our own certificate",
            ),
            KeyPairFault::UnusableKey(_) => self.findings.error(
                key,
                format!("`{key_path}`: {fault}"),
                "use an ECDSA P-256, P-384 or P-521, an Ed25519 or an RSA key of at least 2048 bits",
            ),
        }
        None
    }

    /// A key that every user of the machine can read is not private.
    fn key_mode(&self, span: &Span, file: &Content) {
        if file.mode & 0o007 != 0 {
            let path = file.path.display();
            self.findings.error(
                span,
                format!(
                    "`{path}` can be read or written by every user of this machine (mode {:04o})",
                    file.mode & 0o7777
                ),
                format!("chmod o-rwx {path}"),
            );
        }
    }

    fn server_certificate(&self, span: &Span, file: &Content, identity: &Identity) {
        self.dates(span, file, "our certificate", identity);
        self.development(span, file, identity);
        if identity.version == Version::One {
            self.findings.warning(
                span,
                format!(
                    "`{}` is a version 1 certificate without names in a subjectAltName",
                    file.path.display()
                ),
                "many clients refuse it; make a version 3 certificate, as `hookspool certs init` does",
            );
        }
    }

    fn dates(&self, span: &Span, file: &Content, whose: &str, identity: &Identity) {
        let (path, subject, now) = (file.path.display(), &identity.subject, self.now);
        let (from, to) = (identity.not_before, identity.not_after);
        if now < from {
            self.findings.error_by_time(
                span,
                format!("`{path}`: {whose} `{subject}` is not valid before {from}, {}", distance(now, from)),
                "is this machine's clock right?",
            );
        } else if now > to {
            self.findings.error_by_time(
                span,
                format!("`{path}`: {whose} `{subject}` expired {to}, {}", distance(now, to)),
                "put the renewed certificate in its place",
            );
        } else if to.as_second() - now.as_second() < EXPIRES_SOON_SECONDS {
            self.findings.warning(
                span,
                format!("`{path}`: {whose} `{subject}` expires {to}, {}", distance(now, to)),
                "renew it",
            );
        }
    }

    fn development(&self, span: &Span, file: &Content, identity: &Identity) {
        if !is_development(identity) {
            return;
        }
        let path = file.path.display();
        if self.is_open_to_the_world {
            self.findings.warning(
                span,
                format!("DANGER: `{path}` is a development certificate, and [server] listen is open beyond this machine"),
                "whoever has the development CA's key can deliver anything: use real certificates, or listen on 127.0.0.1",
            );
        } else {
            self.findings.warning(
                span,
                format!("`{path}` is a development certificate, made by `certs init`"),
                "good for trying things out; use real certificates before a bank is told the URL",
            );
        }
    }
}

fn fact_of(role: Role, name: &str, file: &Content, identity: &Identity) -> CertificateFact {
    CertificateFact {
        role,
        name: name.to_owned(),
        file: file.path.clone(),
        subject: identity.subject.clone(),
        not_before: identity.not_before,
        not_after: identity.not_after,
    }
}

fn pem_hint(fault: &PemFault) -> &'static str {
    match fault {
        PemFault::Empty => "the file is empty: is it still being written?",
        PemFault::EncryptedKey => {
            "decrypt it: openssl pkey -in FILE -out server.key, then chmod 0640 server.key"
        }
        PemFault::Malformed(_) => "the file is damaged or was cut off: get it again",
        PemFault::NoCertificate { .. } => {
            "name a file with `-----BEGIN CERTIFICATE-----` in it, or one in DER"
        }
        PemFault::NoKey { .. } => "name a file with a PKCS#8, SEC1 or PKCS#1 private key in it",
        PemFault::TooMany => "name only the sender's own CAs, not a bundle of all the world's",
    }
}
