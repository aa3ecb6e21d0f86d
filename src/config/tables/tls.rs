//! `[tls]`: the server's certificate, its key, and the oldest accepted protocol version.

use std::sync::Arc;

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, DnsName};

use super::certificates::{fact, invalid_dates, parsed};
use super::mount::open_to_all;
use super::server_chain::report_chain;
use crate::config::context::{Facts, ValidationContext};
use crate::config::files::Contents;
use crate::config::schema;
use crate::config::settings::Tls;
use crate::config::text::{Location, Reader, Reported, Text};
use crate::devpki::is_development;
use crate::hostname::{ascii_form, without_root_dot};
use crate::identity::{Identity, Version};
use crate::metrics::CertificateRole;
use crate::tls::key_pair::{KeyPair, KeyPairFault, UnusableKeyReason};
use crate::tls::pem::{self, FileUse, PemFault};
use crate::tls::server::{MinVersion, NamedPair};

const VERSIONS: &[(&str, MinVersion)] = &[("1.2", MinVersion::Tls12), ("1.3", MinVersion::Tls13)];
const RENEW: &str = "renew it, and replace the old one";

/// The parsed contents of a file, and where it is named.
pub(crate) struct Named<'a, T> {
    at: Location<'a>,
    contents: Arc<Contents>,
    value: T,
}

pub(crate) type NamedChain<'a> = Named<'a, Vec<CertificateDer<'static>>>;

pub(crate) fn tls<'a>(
    top: &Reader<'a>,
    context: &mut ValidationContext,
    facts: &mut Facts<'a>,
    beyond_loopback: bool,
) -> Result<Tls, Reported> {
    let table = top.written_section(&schema::TLS)?.ok_or_else(|| {
        top.at.missing(
            "there is no `[tls]`; a certificate and its key are needed",
            "write `[tls]` with `certificate` and `key`; `hookspool certs init` creates throwaway ones",
        )
    })?;
    let min_version = table.word("min_version", VERSIONS);
    let key_pair = key_pair(&table, "[tls]", "server", context, facts, beyond_loopback);
    let extra = extra(&table, context, facts, beyond_loopback);
    Ok(Tls { key_pair: key_pair?, extra: extra?, min_version })
}

/// `[[tls.extra]]`: additional certificates, selected by the server name that a client requests.
fn extra<'a>(
    table: &Reader<'a>,
    context: &mut ValidationContext,
    facts: &mut Facts<'a>,
    beyond_loopback: bool,
) -> Result<Vec<NamedPair>, Reported> {
    let mut pairs: Vec<NamedPair> = Vec::new();
    if !table.has("extra") {
        return Ok(pairs);
    }
    let mut outcome = Ok(());
    for table in table.sections("extra", &schema::TLS_EXTRA)? {
        let written = table.some_texts("names");
        let first = written.as_ref().ok().and_then(|texts| texts.as_ref()?.first());
        let label = first.map_or("extra", |text| text.text);
        let named = key_pair(&table, "[[tls.extra]]", label, context, facts, beyond_loopback)
            .and_then(|pair| Ok(NamedPair { names: names(written?, &pair, &pairs, table.at)?, pair }));
        match named {
            Ok(pair) => pairs.push(pair),
            Err(reported) => outcome = Err(reported),
        }
    }
    outcome.map(|()| pairs)
}

/// The configured names, or else those in the certificate.
fn names(
    written: Option<Vec<Text<'_>>>,
    pair: &KeyPair,
    others: &[NamedPair],
    at: Location<'_>,
) -> Result<Vec<String>, Reported> {
    let in_certificate = &pair.identity.alternative_names.dns;
    let names = match written {
        Some(texts) => texts.into_iter().map(requested_name).collect::<Result<Vec<_>, _>>()?,
        None => in_certificate.iter().map(|name| host(name)).collect(),
    };
    if names.is_empty() {
        return Err(at.error(
            "the certificate of this `[[tls.extra]]` contains no DNS name, so no client can request it",
            "add `names = [\"…\"]`, the names that clients request",
        ));
    }
    if let Some(twice) = names.iter().find(|name| others.iter().any(|other| other.names.contains(name))) {
        return Err(at.error(
            format!("`{twice}` already belongs to another `[[tls.extra]]`"),
            "write `names` so that each name is in only one table",
        ));
    }
    Ok(names)
}

fn requested_name(Text { text, at }: Text<'_>) -> Result<String, Reported> {
    let name = host(text);
    if let Some(ascii) = ascii_form(&name) {
        let hint = format!("write its ASCII form, which clients request: `{ascii}`");
        return Err(at.error(format!("`{text}` is an internationalized name"), hint));
    }
    if DnsName::try_from(name.strip_prefix("*.").unwrap_or(&name)).is_err() {
        let hint = "write a DNS name, as in `hooks.example` or `*.example`";
        return Err(at.error(format!("`{text}` is not a name that a client can request"), hint));
    }
    Ok(name)
}

/// A name as clients request it: in lowercase, without the trailing dot.
fn host(name: &str) -> String {
    without_root_dot(name).to_ascii_lowercase()
}

fn key_pair<'a>(
    table: &Reader<'a>,
    header: &str,
    label: &str,
    context: &mut ValidationContext,
    facts: &mut Facts<'a>,
    beyond_loopback: bool,
) -> Result<KeyPair, Reported> {
    let (chain, pair) = read_pair(table, header, context)?;
    let path = &chain.contents.path;
    let above: Vec<_> = chain.value.iter().skip(1).filter_map(|der| Identity::from_der(der).ok()).collect();
    report_dates(&pair.identity, &above, &chain, context.now, facts);
    report_oddities(&pair.identity, &chain, beyond_loopback);
    report_chain(&chain.value, path, chain.at, facts);
    let identities = std::iter::once(&pair.identity).chain(&above);
    facts
        .certificates
        .extend(identities.map(|identity| fact(CertificateRole::Server, label, path, identity)));
    Ok(pair)
}

/// Reads `certificate` and `key` of a table.
pub(crate) fn read_pair<'a>(
    table: &Reader<'a>,
    header: &str,
    context: &mut ValidationContext,
) -> Result<(NamedChain<'a>, KeyPair), Reported> {
    let chain = named(table, header, "certificate", FileUse::Chain, pem::certificates, context);
    let keys = named(table, header, "key", FileUse::Key, pem::private_keys, context);
    let (chain, keys) = (chain?, keys?);
    let pair = KeyPair::new(chain.value.clone(), &keys.value).map_err(|fault| {
        let later = chain.value.iter().skip(1);
        let is_misplaced = || later.cloned().any(|other| KeyPair::new(vec![other], &keys.value).is_ok());
        let hint = hint(&fault, is_misplaced);
        let (at, file) = match fault {
            KeyPairFault::Certificate(_) => (chain.at, &chain.contents),
            KeyPairFault::UnusableKey(_) | KeyPairFault::Mismatch { .. } => (keys.at, &keys.contents),
        };
        at.error(format!("`{}`: {fault}", file.path.display()), hint)
    });
    pair.map(|pair| (chain, pair))
}

/// The parsed contents of a file, with findings about its mode and about blocks that are not used.
fn named<'a, T>(
    table: &Reader<'a>,
    header: &str,
    key: &str,
    file_use: FileUse,
    parse: impl FnOnce(&[u8]) -> Result<T, PemFault>,
    context: &mut ValidationContext,
) -> Result<Named<'a, T>, Reported> {
    let hint = format!("add it, as in `{key} = {}`", table.example(key));
    let file = table.required(key, format!("`{header}` has no `{key}`"), hint)?;
    let at = file.at;
    let contents = context.files.open(file, key, pem::FILE_BYTES_MAX)?;
    if pem::holds_private_key(&contents.bytes) {
        if let Some((message, hint)) = open_to_all(&contents) {
            at.error(message, hint);
        } else if let Some((message, hint)) = context.files.open_to_consumers(&contents) {
            at.warning(message, hint);
        }
    }
    let value = parsed(&contents, file_use, parse, &format!("`{}`", contents.path.display()), at)?;
    Ok(Named { at, contents, value })
}

fn hint(fault: &KeyPairFault, belongs_to_a_later_certificate: impl FnOnce() -> bool) -> &'static str {
    match fault {
        KeyPairFault::UnusableKey(UnusableKeyReason::Kind(_)) => {
            "use an ECDSA key (P-256, P-384 or P-521), an Ed25519 key, or an RSA key (rsaEncryption), and have the \
             certificate issued for it"
        }
        KeyPairFault::UnusableKey(UnusableKeyReason::Form(_)) => {
            "copy the file again; `openssl pkey -in FILE -check -noout -text` shows whether the key is intact, and its \
             length: RSA keys need 2048 to 8192 bits"
        }
        KeyPairFault::Certificate(_) => "copy the file again, or have the certificate reissued",
        KeyPairFault::Mismatch { .. } if belongs_to_a_later_certificate() => {
            "it belongs to a later certificate in that file: put the server's certificate first"
        }
        KeyPairFault::Mismatch { .. } => "name the key that the certificate was requested with",
    }
}

/// Reports the certificates of the chain that are not valid at this time. They do not prevent serving.
fn report_dates(
    own: &Identity,
    above: &[Identity],
    chain: &NamedChain<'_>,
    now: Timestamp,
    facts: &mut Facts<'_>,
) {
    let intermediate = |identity: &Identity| format!("the intermediate certificate `{}`", identity.subject);
    let above = above.iter().map(|above| (above, intermediate(above), "ask the CA for its current chain"));
    for (identity, what, hint) in
        std::iter::once((own, "the server certificate".to_owned(), RENEW)).chain(above)
    {
        let shown = format!("`{}`: {what}", chain.contents.path.display());
        if let Some(why) = invalid_dates(CertificateRole::Server, identity, &shown, RENEW, now, chain.at) {
            chain.at.outdated(identity.sha256.to_string(), format!("{shown} {why}"), hint);
            facts.degraded.push(format!("{what} {why}"));
        }
    }
}

/// Reports a certificate that clients may refuse.
fn report_oddities(identity: &Identity, chain: &NamedChain<'_>, beyond_loopback: bool) {
    let what = format!("`{}`: the server certificate", chain.contents.path.display());
    if identity.version == Version::One {
        chain.at.warning(
            format!("{what} is an X.509 version 1 certificate, which many clients refuse"),
            "have it issued as version 3 with a subjectAltName: with OpenSSL, `-extfile` with `subjectAltName=DNS:…`",
        );
    }
    if beyond_loopback && is_development(identity) {
        chain.at.warning(
            format!("{what} is a throwaway from `certs init`, but `[server]` listens beyond loopback"),
            "use a certificate from a CA that the senders trust",
        );
    }
}
