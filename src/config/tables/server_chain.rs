//! Findings about the chain of the server's certificate.

use std::path::Path;

use rustls_pki_types::CertificateDer;

use crate::config::context::{Facts, NoChain};
use crate::config::text::Location;
use crate::devpki::is_development;
use crate::identity::Identity;
use crate::metrics::CertificateRole;
use crate::tls::server_chain::{ChainFault, chain_faults};

/// Reports why some clients may not be able to verify the chain. Browsers fetch a missing intermediate; Java, curl and Go do not.
pub(crate) fn report_chain<'a>(
    chain: &[CertificateDer<'_>],
    path: &Path,
    at: Location<'a>,
    facts: &mut Facts<'a>,
) {
    let own = chain.first().and_then(|der| Identity::from_der(der).ok());
    if own.is_some_and(|own| is_development(&own)) {
        return;
    }
    for fault in chain_faults(chain) {
        let (message, hint) = words(&fault);
        let message = format!("`{}`: {message}", path.display());
        if let ChainFault::Alone { has_issuer_address: false, issuer, .. } = fault {
            facts.no_chain.push(NoChain { at, message, hint, issuer });
        } else {
            at.warning(message, hint);
        }
    }
}

/// Reports a note for a server certificate without a chain, unless its issuer is a CA of a sender.
pub(crate) fn report_no_chain(facts: &Facts<'_>) {
    for NoChain { at, message, hint, issuer } in &facts.no_chain {
        let mut anchors = facts.certificates.iter().filter(|fact| fact.role == CertificateRole::Anchor);
        if !anchors.any(|anchor| anchor.subject == *issuer) {
            at.note(message, hint);
        }
    }
}

/// A description of the fault, and a hint.
fn words(fault: &ChainFault) -> (String, String) {
    match fault {
        ChainFault::Repeated { subject } => {
            (format!("the certificate `{subject}` is in the chain twice"), "remove the repetition".to_owned())
        }
        ChainFault::OutOfOrder { subject, issuer } => (
            format!(
                "the chain is not in order: `{issuer}` issued `{subject}` but does not follow it directly"
            ),
            format!(
                "move the certificate `{issuer}` directly below `{subject}`; the server's own comes first"
            ),
        ),
        ChainFault::OtherKey { subject, issuer } => (
            format!(
                "`{subject}` is followed by a certificate with the name of its issuer, `{issuer}`, but another key"
            ),
            "ask the CA for the certificate of the key that signed this one".to_owned(),
        ),
        ChainFault::NotIssuer { subject, issuer, next } => (
            format!("`{subject}` was issued by `{issuer}`, but `{next}` follows it in the chain"),
            format!(
                "insert the intermediate certificate `{issuer}` below `{subject}`, unless it is a root; remove `{next}` if \
                 it did not issue anything in the file"
            ),
        ),
        ChainFault::CrossSigned { subject, first, second } => (
            format!(
                "`{subject}` is in the chain with two certificates, issued by `{first}` and by `{second}`; clients that use OpenSSL \
                 try only the first"
            ),
            "keep the one whose root all senders trust, or put it first".to_owned(),
        ),
        ChainFault::AfterRoot { root, next } => (
            format!("`{next}` follows the root certificate `{root}`, where the chain ends"),
            format!("remove `{next}`"),
        ),
        ChainFault::Alone { subject, issuer, has_issuer_address: true } => (
            format!(
                "the certificate `{subject}` is the only one in the file, without the intermediate `{issuer}` that issued it"
            ),
            format!("append the certificate `{issuer}` to the file; most CAs offer a \"full chain\""),
        ),
        ChainFault::Alone { subject, issuer, has_issuer_address: false } => (
            format!("the certificate `{subject}` is the only one in the file"),
            format!(
                "fine if `{issuer}` is a root that the senders trust; append it if it is an intermediate"
            ),
        ),
    }
}
