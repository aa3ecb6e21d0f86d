//! From a path to settings, or to everything that is wrong.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::certificates::{Look, TlsTable, tls};
use super::endpoints::{ReadEndpoint, endpoints, report_conflicts};
use super::files::Files;
use super::findings::Findings;
use super::keys::Keys;
use super::raw::{Section, parse};
use super::senders::{ReadSender, senders};
use super::tables;
use crate::diagnostic::{Report, SourceFile};
use crate::policy::Policy;
use crate::tls::expiry::CertificateFact;
use crate::tls::key_pair::KeyPair;
use crate::tls::server::MinVersion;
use crate::tls::verifier::TrustedSender;
use crate::{admin, logging, server, spool};

/// The largest webhooks.toml, in bytes.
const CONFIG_BYTES_MAX: u64 = 4 << 20;

/// A configuration that can be served.
#[derive(Debug)]
pub struct Settings {
    /// The operator's door.
    pub admin: admin::Settings,
    /// Every certificate in use.
    pub certificates: Vec<CertificateFact>,
    /// What works less well than it should, in words for the operator.
    pub degraded: Vec<String>,
    /// Every file that was read, webhooks.toml first.
    pub files: Vec<PathBuf>,
    /// How to log.
    pub log: logging::Settings,
    /// Who may deliver what where.
    pub policy: Policy,
    /// Who vouches for whom, in the order of the policy's senders.
    pub senders: Vec<TrustedSender>,
    /// The door for senders.
    pub server: server::Settings,
    /// Where entries go.
    pub spool: spool::Settings,
    /// Our side of the handshake.
    pub tls: Tls,
}

/// Our side of the handshake.
#[derive(Clone, Debug)]
pub struct Tls {
    /// What we show to senders.
    pub key_pair: KeyPair,
    /// The oldest protocol version that is spoken.
    pub min_version: MinVersion,
}

/// What became of a webhooks.toml.
#[derive(Debug)]
pub struct Loaded {
    /// There, unless something other than time is wrong.
    pub settings: Option<Settings>,
    /// All findings.
    pub report: Report,
}

/// The file itself cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The system would not.
    #[error("cannot read `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It cannot be text of a configuration.
    #[error("`{}` {what}", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: &'static str,
    },
}

/// Reads webhooks.toml and every file it names, and judges all of it as of `now`.
///
/// # Errors
/// When webhooks.toml itself cannot be read. What is wrong in it is in the report.
pub fn load(path: &Path, now: Timestamp) -> Result<Loaded, LoadError> {
    let text = read(path)?;
    let (root, faults) = parse(&text);
    let findings = Findings::new(SourceFile::new(path.display().to_string(), text));
    for fault in &faults {
        findings.error(
            &fault.span,
            format!("this is not TOML: {}", fault.message),
            "as in `key = \"value\"`; https://toml.io describes the format",
        );
    }
    // What cannot be read is missing below, and would only be reported a second time.
    let settings = if faults.is_empty() { judge(&root, path, now, &findings) } else { None };
    let report = findings.into_report();
    let settings = settings.filter(|_| !report.forbids_start());
    Ok(Loaded { settings, report })
}

/// Where the operator's door is, whatever else is wrong in the file: a daemon that runs can be asked
/// how it is also while its configuration is being edited.
///
/// # Errors
/// When webhooks.toml itself cannot be read.
pub fn admin_door(path: &Path) -> Result<admin::Settings, LoadError> {
    let text = read(path)?;
    let (root, _) = parse(&text);
    let findings = Findings::new(SourceFile::new("", text));
    let section = Keys::new("webhooks.toml", &root, &findings).section("admin").cloned().unwrap_or_default();
    Ok(tables::admin(&section, &Files::beside(path), &findings))
}

fn read(path: &Path) -> Result<String, LoadError> {
    let io_error = |source| LoadError::Io { path: path.to_owned(), source };
    let not_text = |what| LoadError::NotText { path: path.to_owned(), what };
    if fs::metadata(path).map_err(io_error)?.len() > CONFIG_BYTES_MAX {
        return Err(not_text("is longer than 4 MiB"));
    }
    let bytes = fs::read(path).map_err(io_error)?;
    String::from_utf8(bytes).map_err(|_| not_text("is not UTF-8 text"))
}

fn judge(root: &Section, path: &Path, now: Timestamp, findings: &Findings) -> Option<Settings> {
    let files = Files::beside(path);
    let mut keys = Keys::new("webhooks.toml", root, findings);
    let nothing = Section::default();
    let mut table = |key| keys.section(key).unwrap_or(&nothing);
    let server = tables::server(table("server"), findings);
    let spool = tables::spool(table("spool"), &files, findings);
    let admin = tables::admin(table("admin"), &files, findings);
    let log = tables::log(table("log"), findings);
    let tls_section = table("tls");
    keys.not_yet("reload", "files are read at start; a change is noticed, said, and taken in at a restart");
    keys.not_yet("sandbox", "Landlock is not used yet; systemd's sandbox is in systemd/hookspool.service");
    let (sender_sections, endpoint_sections) = (keys.sections("sender"), keys.sections("endpoint"));
    if sender_sections.is_empty() && keys.entry("sender").is_none() {
        findings.error(
            &(0..0),
            "there is no [[sender]]: nobody could deliver",
            "describe one: name, ca and cn",
        );
    }
    if endpoint_sections.is_empty() && keys.entry("endpoint").is_none() {
        findings.error(
            &(0..0),
            "there is no [[endpoint]]: nobody could deliver",
            "describe one: name, path and senders",
        );
    }
    keys.close();

    let is_open_to_the_world = server.listen.iter().any(|address| !address.ip().is_loopback());
    let look = Look { files: &files, findings, now, is_open_to_the_world };
    let TlsTable { key_pair, min_version, fact } = tls(tls_section, &look);
    let senders = senders(&sender_sections, &look);
    let endpoints = endpoints(&endpoint_sections, &senders, findings);
    warn_of_idle_senders(&senders, &endpoints, findings);
    warn_of_twins(&senders, &endpoints, findings);

    let mut degraded: Vec<_> = senders.iter().filter_map(|sender| sender.degraded.clone()).collect();
    if let Some(fact) = fact.as_ref().filter(|fact| !(fact.not_before..=fact.not_after).contains(&now)) {
        degraded
            .push(format!("our certificate `{}` is not valid: senders will refuse us", fact.file.display()));
    }
    let certificates = fact.into_iter().chain(senders.iter().flat_map(|s| s.facts.clone())).collect();
    let policy = policy(&senders, &endpoints, findings);
    let senders = senders.into_iter().map(|sender| sender.trusted).collect::<Option<Vec<_>>>();
    Some(Settings {
        admin,
        certificates,
        degraded,
        files: files.into_list(),
        log,
        policy: policy?,
        senders: senders?,
        server,
        spool,
        tls: Tls { key_pair: key_pair?, min_version },
    })
}

/// The policy, or the conflicts between its paths. Endpoints with other findings are left out of
/// the comparison.
fn policy(senders: &[ReadSender], endpoints: &[ReadEndpoint], findings: &Findings) -> Option<Policy> {
    let (places, whole): (Vec<_>, Vec<_>) = endpoints
        .iter()
        .enumerate()
        .filter_map(|(place, read)| read.endpoint.clone().map(|endpoint| (place, endpoint)))
        .unzip();
    let known = senders.iter().filter_map(|sender| Some(sender.trusted.as_ref()?.sender.clone())).collect();
    match Policy::new(known, whole) {
        Ok(policy) => Some(policy),
        Err(mut conflicts) => {
            for conflict in &mut conflicts {
                let (first, second) = conflict.endpoints;
                conflict.endpoints = (places[first], places[second]);
            }
            report_conflicts(&conflicts, endpoints, findings);
            None
        }
    }
}

fn warn_of_idle_senders(senders: &[ReadSender], endpoints: &[ReadEndpoint], findings: &Findings) {
    for (index, sender) in senders.iter().enumerate() {
        let is_listed = endpoints.iter().any(|read| {
            read.endpoint.as_ref().is_none_or(|endpoint| {
                // An empty list has a finding of its own.
                endpoint.senders.is_empty() || endpoint.senders.contains(&index)
            })
        });
        if let (false, Some(name)) = (is_listed, &sender.name) {
            findings.warning(
                &sender.span,
                format!("no endpoint lists sender `{name}`: it gets in and can deliver nothing"),
                format!("add it to an endpoint: senders = [\"{name}\"], or remove it"),
            );
        }
    }
}

/// Two senders that share an anchor and a name: no certificate could tell which of them it is.
fn warn_of_twins(senders: &[ReadSender], endpoints: &[ReadEndpoint], findings: &Findings) {
    for endpoint in endpoints.iter().filter_map(|read| read.endpoint.as_ref()) {
        for (place, &second) in endpoint.senders.iter().enumerate() {
            for &first in &endpoint.senders[..place] {
                let (Some(one), Some(other)) = (&senders[first].trusted, &senders[second].trusted) else {
                    continue;
                };
                if are_twins(one, other) {
                    findings.warning(
                        &senders[second].span,
                        format!(
                            "no certificate could tell sender `{}` from `{}`: they share a CA and a name",
                            other.sender.name, one.sender.name
                        ),
                        format!("at endpoint `{}` the first of its list counts", endpoint.name),
                    );
                }
            }
        }
    }
}

fn are_twins(one: &TrustedSender, other: &TrustedSender) -> bool {
    one.sender.rule.cn.iter().any(|cn| other.sender.rule.cn.contains(cn))
        && one.anchors.iter().any(|a| other.anchors.iter().any(|b| a.identity.sha256 == b.identity.sha256))
}
