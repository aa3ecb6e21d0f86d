//! `[tls]`: the server's certificate, its key, and the oldest accepted protocol version.

use std::sync::Arc;

use rustls_pki_types::{CertificateDer, DnsName, PrivateKeyDer};
use zeroize::Zeroizing;

use super::certificates::{Dates, dates, fact, report_unreadable, report_unused};
use super::mount::private_file_hint;
use super::server_chain::report_chain;
use crate::config::context::{Facts, ValidationContext, section, sections};
use crate::config::files::Contents;
use crate::config::schema;
use crate::config::settings::Tls;
use crate::config::text::findings::Findings;
use crate::config::text::raw::{Node, Span};
use crate::config::text::reader::{Field, Reader, Text};
use crate::devpki::is_development;
use crate::hostname::{ascii_form, without_root_dot};
use crate::identity::{Identity, Version};
use crate::metrics::CertificateRole;
use crate::systemd::credentials;
use crate::tls::key_pair::{KeyPair, KeyPairFault, UnusableKeyReason};
use crate::tls::pem::{self, FileUse, PemFault};
use crate::tls::server::{MinVersion, NamedPair};

const VERSIONS: &[(&str, MinVersion)] = &[("1.2", MinVersion::Tls12), ("1.3", MinVersion::Tls13)];
const RENEW: &str = "renew it, and replace the old one";

/// The parsed contents of a file, and where it is named.
struct Named<'a, T> {
    at: Text<'a>,
    contents: Arc<Contents>,
    value: T,
}

pub(crate) fn tls(
    node: Option<&Node>,
    context: &mut ValidationContext,
    findings: &mut Findings,
    facts: &mut Facts,
    beyond_loopback: bool,
) -> Option<Tls> {
    let (table, span) = section(node, "tls", findings);
    let reader = Reader::new(table, span, &schema::TLS, findings);
    let min_version = reader.word("min_version", VERSIONS, findings);
    if node.is_none() {
        findings.missing(span, "there is no `[tls]`; a certificate and its key are needed").hint(
            "write `[tls]` with `certificate` and `key`; `hookspool certs init` creates throwaway ones",
        );
    }
    // A value that is not a table has been reported.
    node?.value.as_table()?;
    let key_pair = key_pair(&reader, "[tls]", "server", context, findings, facts, beyond_loopback);
    let extra = extra(reader.written("extra"), context, findings, facts, beyond_loopback);
    Some(Tls { key_pair: key_pair?, extra: extra?, min_version })
}

/// `[[tls.extra]]`: additional certificates, selected by the server name that a client requests.
fn extra(
    node: Option<&Node>,
    context: &mut ValidationContext,
    findings: &mut Findings,
    facts: &mut Facts,
    beyond_loopback: bool,
) -> Option<Vec<NamedPair>> {
    let tables = match node {
        Some(_) => sections(node, "tls.extra", findings),
        None => return Some(Vec::new()),
    };
    let mut pairs: Vec<NamedPair> = Vec::new();
    let mut sound = !tables.is_empty();
    for (table, span) in tables {
        let reader = Reader::new(table, span, &schema::TLS_EXTRA, findings);
        let written = reader.some_texts("names", findings);
        let label = match &written {
            Field::Is((texts, _)) => texts.first().map_or("extra", |text| text.text),
            Field::Missing | Field::Bad => "extra",
        };
        let Some(pair) = key_pair(&reader, "[[tls.extra]]", label, context, findings, facts, beyond_loopback)
        else {
            sound = false;
            continue;
        };
        match names(written, &pair, &pairs, span, findings) {
            Some(names) => pairs.push(NamedPair { names, pair }),
            None => sound = false,
        }
    }
    sound.then_some(pairs)
}

/// The configured names, or else those in the certificate.
fn names(
    written: Field<(Vec<Text<'_>>, &Span)>,
    pair: &KeyPair,
    others: &[NamedPair],
    span: &Span,
    findings: &mut Findings,
) -> Option<Vec<String>> {
    let in_certificate = &pair.identity.alternative_names.dns;
    let mut names = Vec::new();
    match written {
        Field::Bad => return None,
        Field::Missing if in_certificate.is_empty() => {
            findings
                .error(
                    span,
                    "the certificate of this `[[tls.extra]]` contains no DNS name, so no client can request it",
                )
                .hint("add `names = [\"…\"]`, the names that clients request");
            return None;
        }
        Field::Missing => names.extend(in_certificate.iter().map(|name| host(name))),
        Field::Is((texts, _)) => {
            for text in texts {
                let name = host(text.text);
                if let Some(ascii) = ascii_form(&name) {
                    findings
                        .error(text.span, format!("`{}` is an internationalized name", text.text))
                        .hint(format!("write its ASCII form, which clients request: `{ascii}`"));
                    return None;
                }
                if DnsName::try_from(name.strip_prefix("*.").unwrap_or(&name)).is_err() {
                    findings
                        .error(text.span, format!("`{}` is not a name that a client can request", text.text))
                        .hint("write a DNS name, as in `hooks.example` or `*.example`");
                    return None;
                }
                names.push(name);
            }
        }
    }
    if let Some(twice) = names.iter().find(|name| others.iter().any(|other| other.names.contains(name))) {
        findings
            .error(span, format!("`{twice}` already belongs to another `[[tls.extra]]`"))
            .hint("write `names` so that each name is in only one table");
        return None;
    }
    Some(names)
}

/// A name as clients request it: in lowercase, without the trailing dot.
fn host(name: &str) -> String {
    without_root_dot(name).to_ascii_lowercase()
}

fn key_pair(
    reader: &Reader<'_>,
    table: &str,
    label: &str,
    context: &mut ValidationContext,
    findings: &mut Findings,
    facts: &mut Facts,
    beyond_loopback: bool,
) -> Option<KeyPair> {
    let chain = named(reader, table, "certificate", context, findings)
        .and_then(|file| parsed(file, FileUse::Chain, pem::certificates, findings));
    let keys = named(reader, table, "key", context, findings)
        .and_then(|file| parsed(file, FileUse::Key, pem::private_keys, findings));
    pair(chain?, &keys?, label, context, findings, facts, beyond_loopback)
}

fn named<'a>(
    reader: &Reader<'a>,
    table: &str,
    key: &str,
    context: &mut ValidationContext,
    findings: &mut Findings,
) -> Option<(Text<'a>, Arc<Contents>)> {
    match reader.text(key, findings) {
        Field::Bad => None,
        Field::Missing => {
            findings
                .missing(reader.span, format!("`{table}` has no `{key}`"))
                .hint(format!("add it, as in `{key} = {}`", reader.example(key)));
            None
        }
        Field::Is(at) => Some((at, context.files.open(at, key, findings)?)),
    }
}

type Keys = Vec<Zeroizing<PrivateKeyDer<'static>>>;

/// The parsed contents of a file, with findings about its mode and about blocks that are not used.
fn parsed<'a, T>(
    (at, contents): (Text<'a>, Arc<Contents>),
    file_use: FileUse,
    parse: impl FnOnce(&[u8]) -> Result<T, PemFault>,
    findings: &mut Findings,
) -> Option<Named<'a, T>> {
    let what = format!("`{}`", contents.path.display());
    rights(at, &contents, findings);
    match parse(&contents.bytes) {
        Ok(value) => {
            report_unused(&contents.bytes, file_use, &what, at.span, findings);
            Some(Named { at, contents, value })
        }
        Err(fault) => {
            report_unreadable(&fault, &what, at.span, findings);
            None
        }
    }
}

/// Reports a private key that other users can access. The group may read it, for a daemon with a separate user.
fn rights(at: Text<'_>, contents: &Contents, findings: &mut Findings) {
    if contents.mode & 0o007 == 0
        || credentials::is_credential(&contents.path)
        || !pem::holds_private_key(&contents.bytes)
    {
        return;
    }
    let (path, mode) = (contents.path.display(), contents.mode & 0o7777);
    findings
        .error(
            at.span,
            format!("`{path}` can be read or changed by every user of this machine (mode {mode:04o})"),
        )
        .hint(private_file_hint(&contents.path));
}

fn pair(
    chain: Named<'_, Vec<CertificateDer<'static>>>,
    key: &Named<'_, Keys>,
    label: &str,
    context: &mut ValidationContext,
    findings: &mut Findings,
    facts: &mut Facts,
    beyond_loopback: bool,
) -> Option<KeyPair> {
    let pair = match KeyPair::new(chain.value.clone(), &key.value) {
        Ok(pair) => pair,
        Err(fault) => {
            refuse(&chain, key, &fault, findings);
            return None;
        }
    };
    let path = chain.contents.path.clone();
    look_at(&pair.identity, &chain, context, findings, facts, beyond_loopback);
    report_chain(&chain.value, &path, chain.at.span, findings, facts);
    facts.certificates.push(fact(CertificateRole::Server, label, &path, &pair.identity));
    let above = chain.value.iter().skip(1).filter_map(|der| Identity::from_der(der).ok());
    facts.certificates.extend(above.map(|above| fact(CertificateRole::Server, label, &path, &above)));
    Some(pair)
}

fn refuse(
    chain: &Named<'_, Vec<CertificateDer<'static>>>,
    key: &Named<'_, Keys>,
    fault: &KeyPairFault,
    findings: &mut Findings,
) {
    let (at, path, hint) = match fault {
        KeyPairFault::UnusableKey(UnusableKeyReason::Kind(_)) => (
            key.at,
            &key.contents.path,
            "use an ECDSA key (P-256, P-384 or P-521), an Ed25519 key, or an RSA key (rsaEncryption), and have the \
             certificate issued for it",
        ),
        KeyPairFault::UnusableKey(UnusableKeyReason::Form(_)) => (
            key.at,
            &key.contents.path,
            "copy the file again; `openssl pkey -in FILE -check -noout -text` shows whether the key is intact, and its \
             length: RSA keys need 2048 to 8192 bits",
        ),
        KeyPairFault::Certificate(_) => {
            (chain.at, &chain.contents.path, "copy the file again, or have the certificate reissued")
        }
        KeyPairFault::Mismatch { .. } => {
            let later = chain.value.iter().skip(1);
            let misplaced = later.cloned().any(|other| KeyPair::new(vec![other], &key.value).is_ok());
            let hint = if misplaced {
                "it belongs to a later certificate in that file: put the server's certificate first"
            } else {
                "name the key that the certificate was requested with"
            };
            (key.at, &key.contents.path, hint)
        }
    };
    findings.error(at.span, format!("`{}`: {fault}", path.display())).hint(hint);
}

/// Reports faults that do not prevent serving.
fn look_at(
    identity: &Identity,
    chain: &Named<'_, Vec<CertificateDer<'static>>>,
    context: &mut ValidationContext,
    findings: &mut Findings,
    facts: &mut Facts,
    beyond_loopback: bool,
) {
    let (span, path) = (chain.at.span, chain.contents.path.display().to_string());
    let what = format!("`{path}`: the server certificate");
    if let Dates::Invalid(why) =
        dates(CertificateRole::Server, identity, &what, span, RENEW, context, findings)
    {
        findings.error(span, format!("{what} {why}")).by_time(identity.sha256.to_string()).hint(RENEW);
        facts.degraded.push(format!("the server certificate {why}"));
    }
    for der in chain.value.iter().skip(1) {
        let Ok(above) = Identity::from_der(der) else { continue };
        let what = format!("`{path}`: the intermediate certificate `{}`", above.subject);
        if let Dates::Invalid(why) =
            dates(CertificateRole::Server, &above, &what, span, RENEW, context, findings)
        {
            findings
                .error(span, format!("{what} {why}"))
                .by_time(above.sha256.to_string())
                .hint("ask the CA for its current chain");
            facts.degraded.push(format!("the intermediate certificate `{}` {why}", above.subject));
        }
    }
    if identity.version == Version::One {
        findings
            .warning(span, format!("{what} is an X.509 version 1 certificate, which many clients refuse"))
            .hint("have it issued as version 3 with a subjectAltName: with OpenSSL, `-extfile` with `subjectAltName=DNS:…`");
    }
    if beyond_loopback && is_development(identity) {
        findings
            .warning(
                span,
                format!("{what} is a throwaway from `certs init`, but `[server]` listens beyond loopback"),
            )
            .hint("use a certificate from a CA that the senders trust");
    }
}
