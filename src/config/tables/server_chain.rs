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
        let (message, hint) = (format!("`{}`: {fault}", path.display()), fault.hint());
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
