//! `hookspool explain`: reports whether a certificate would be accepted, with the code of the handshake.

mod report;

mod page;

use std::path::Path;

use rustls_pki_types::CertificateDer;

use super::args::ExplainArgs;
use super::exit::{Exit, Failure};
use super::files::{not_pem, read_pem, stdin_at_most_once};
use super::output::{print, print_json};
use super::settings::load;
use crate::clock::Clock;
use crate::config::Settings;
use crate::escape::Escaped;
use crate::policy::Endpoint;
use crate::tls::pem::certificates;
use crate::tls::verifier::SenderVerifier;
use report::Explanation;

/// Evaluates a certificate like a handshake, without the proof of possession of its key, and prints each step.
///
/// # Errors
/// If the configuration has errors, a file is missing or contains no certificate, or there is no such endpoint. A
/// certificate that cannot be parsed is a result, not an error.
pub fn explain(config: &Path, args: &ExplainArgs) -> Result<Exit, Failure> {
    let chain = args.chain.iter().map(|path| ("--chain", path.as_path()));
    stdin_at_most_once([("--cert", args.cert.as_path())].into_iter().chain(chain))?;
    let (settings, _) = load(config)?;
    let endpoint = args.endpoint.as_deref().map(|name| endpoint(&settings, name)).transpose()?;
    let mut presented = read(&args.cert)?;
    let mut intermediates = presented.split_off(1);
    if let Some(chain) = &args.chain {
        // A bank's chain file often repeats the certificates of the certificate's file.
        let more = read(chain)?.into_iter().filter(|der| *der != presented[0]);
        let new: Vec<_> = more.filter(|der| !intermediates.contains(der)).collect();
        intermediates.extend(new);
    }
    let now = Clock::System.now();
    let verifier = SenderVerifier::new(settings.senders.clone(), Clock::fixed_at(now));
    let evaluations = verifier
        .evaluate(&presented[0], &intermediates)
        .map_err(|refusal| refusal.with_readable(&presented[0]));
    let explanation = Explanation::new(evaluations, endpoint, now);
    if args.json {
        print_json(&explanation)?;
    } else {
        print(&page::page(&explanation))?;
    }
    Ok(if explanation.is_yes() { Exit::Success } else { Exit::Negative })
}

fn endpoint<'s>(settings: &'s Settings, name: &str) -> Result<&'s Endpoint, Failure> {
    let endpoints = settings.policy.endpoints();
    endpoints.iter().find(|endpoint| endpoint.name.as_str() == name).map(AsRef::as_ref).ok_or_else(|| {
        let known: Vec<_> = endpoints.iter().map(|endpoint| format!("`{}`", endpoint.name)).collect();
        Failure::Usage(format!("there is no endpoint `{}`; there is {}", Escaped(name), known.join(", ")))
    })
}

/// Reads at least one certificate.
fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    certificates(&read_pem(path)?).map_err(|fault| not_pem(path, fault))
}
