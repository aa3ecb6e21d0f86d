//! `[tls]`: our certificate, its key, and the oldest protocol that is spoken.

use std::sync::Arc;

use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::certificates::{Dates, dates, fact, pem_hint};
use super::files::Contents;
use super::judge::{Judge, section};
use super::keys;
use super::raw::Node;
use super::reader::{Field, Reader, Text};
use super::settings::Tls;
use crate::devpki::is_development;
use crate::identity::{Identity, Version};
use crate::tls::expiry::Role;
use crate::tls::key_pair::{KeyPair, KeyPairFault};
use crate::tls::pem;
use crate::tls::server::MinVersion;

const VERSIONS: &[(&str, MinVersion)] = &[("1.2", MinVersion::Tls12), ("1.3", MinVersion::Tls13)];
const RENEW: &str = "renew it, and put the new one in the place of the old";

/// A file that could be read, and where it is named.
struct Named<'a, T> {
    at: Text<'a>,
    contents: Arc<Contents>,
    value: T,
}

pub(super) fn tls(node: Option<&Node>, judge: &mut Judge) -> Option<Tls> {
    let (table, span) = section(node, "tls", judge);
    let reader = Reader::new(table, span, &keys::TLS, &mut judge.findings);
    let min_version = reader.word("min_version", VERSIONS, MinVersion::default(), &mut judge.findings);
    if node.is_none() {
        judge
            .findings
            .missing(span, "there is no `[tls]`; a certificate and its key are needed")
            .hint("write `[tls]` with `certificate` and `key`; `hookspool certs init` makes throwaway ones");
    }
    // What is not a table has been said to be none.
    node?.value.as_table()?;
    let chain = named(&reader, "certificate", judge).and_then(|(at, contents)| chain(at, contents, judge));
    let key = named(&reader, "key", judge).and_then(|(at, contents)| key(at, contents, judge));
    let key_pair = pair(chain?, &key?, judge)?;
    Some(Tls { key_pair, min_version })
}

fn named<'a>(reader: &Reader<'a>, key: &str, judge: &mut Judge) -> Option<(Text<'a>, Arc<Contents>)> {
    match reader.text(key, &mut judge.findings) {
        Field::Bad => None,
        Field::Missing => {
            judge
                .findings
                .missing(reader.span, format!("`[tls]` has no `{key}`"))
                .hint(format!("add it, as in `{key} = {}`", keys::TLS.example(key)));
            None
        }
        Field::Is(at) => Some((at, judge.files.open(at, key, &mut judge.findings)?)),
    }
}

fn chain<'a>(
    at: Text<'a>,
    contents: Arc<Contents>,
    judge: &mut Judge,
) -> Option<Named<'a, Vec<CertificateDer<'static>>>> {
    match pem::certificates(&contents.bytes) {
        Ok(value) => Some(Named { at, contents, value }),
        Err(fault) => {
            let message = format!("`{}`: {fault}", contents.path.display());
            judge.findings.error(at.span, message).hint(pem_hint(&fault));
            None
        }
    }
}

fn key<'a>(
    at: Text<'a>,
    contents: Arc<Contents>,
    judge: &mut Judge,
) -> Option<Named<'a, PrivateKeyDer<'static>>> {
    let fault = match pem::private_key(&contents.bytes) {
        Ok(value) => {
            rights(at, &contents, judge);
            return Some(Named { at, contents, value });
        }
        Err(fault) => fault,
    };
    judge.findings.error(at.span, format!("`{}`: {fault}", contents.path.display())).hint(pem_hint(&fault));
    None
}

/// The group may read the key: that is how a daemon of its own user gets at it.
fn rights(at: Text<'_>, contents: &Contents, judge: &mut Judge) {
    if contents.mode & 0o007 == 0 {
        return;
    }
    let (path, mode) = (contents.path.display(), contents.mode & 0o7777);
    judge
        .findings
        .error(
            at.span,
            format!("`{path}` can be read or changed by every user of this machine (mode {mode:04o})"),
        )
        .hint(format!("`chmod o-rwx {path}`"));
}

fn pair(
    chain: Named<'_, Vec<CertificateDer<'static>>>,
    key: &Named<'_, PrivateKeyDer<'static>>,
    judge: &mut Judge,
) -> Option<KeyPair> {
    let pair = match KeyPair::new(chain.value.clone(), &key.value) {
        Ok(pair) => pair,
        Err(fault) => {
            refuse(&chain, key, &fault, judge);
            return None;
        }
    };
    let path = chain.contents.path.clone();
    look_at(&pair.identity, &chain, judge);
    judge.certificates.push(fact(Role::Server, "server", &path, &pair.identity));
    Some(pair)
}

fn refuse(
    chain: &Named<'_, Vec<CertificateDer<'static>>>,
    key: &Named<'_, PrivateKeyDer<'static>>,
    fault: &KeyPairFault,
    judge: &mut Judge,
) {
    let (at, path, hint) = match fault {
        KeyPairFault::UnusableKey(_) => (
            key.at,
            &key.contents.path,
            "use an ECDSA (P-256, P-384), Ed25519 or RSA key of at least 2048 bits",
        ),
        KeyPairFault::Certificate(_) => {
            (chain.at, &chain.contents.path, "copy the file again, or have it issued again")
        }
        KeyPairFault::Mismatch { .. } => {
            let later = chain.value.iter().skip(1);
            let misplaced = later.cloned().any(|other| KeyPair::new(vec![other], &key.value).is_ok());
            let hint = if misplaced {
                "it belongs to a later certificate of that file: put the server's own one first"
            } else {
                "name the key that the certificate was requested with"
            };
            (key.at, &key.contents.path, hint)
        }
    };
    judge.findings.error(at.span, format!("`{}`: {fault}", path.display())).hint(hint);
}

/// What does not keep us from serving, and should be known.
fn look_at(identity: &Identity, chain: &Named<'_, Vec<CertificateDer<'static>>>, judge: &mut Judge) {
    let (span, path) = (chain.at.span, chain.contents.path.display().to_string());
    let what = format!("`{path}`: the server certificate");
    if let Dates::Invalid(why) = dates(identity, &what, span, RENEW, judge) {
        judge.findings.error(span, format!("{what} {why}")).by_time().hint(RENEW);
        judge.degraded.push(format!("the server certificate {why}"));
    }
    for der in chain.value.iter().skip(1) {
        let Ok(above) = Identity::from_der(der) else { continue };
        let what = format!("`{path}`: the intermediate certificate `{}`", above.subject);
        if let Dates::Invalid(why) = dates(&above, &what, span, RENEW, judge) {
            judge
                .findings
                .error(span, format!("{what} {why}"))
                .by_time()
                .hint("ask the CA for its current chain");
            judge.degraded.push(format!("the intermediate certificate `{}` {why}", above.subject));
        }
    }
    if identity.version == Version::One {
        judge
            .findings
            .warning(span, format!("{what} is an X.509 version 1 certificate, which many clients refuse"))
            .hint("have it issued as version 3 with a subjectAltName: with OpenSSL, `-extfile` with `subjectAltName=DNS:…`");
    }
    if judge.beyond_loopback && is_development(identity) {
        judge
            .findings
            .warning(
                span,
                format!("{what} is a throwaway of `certs init`, and `[server]` listens beyond loopback"),
            )
            .hint("use a certificate whose CA the senders trust");
    }
}
