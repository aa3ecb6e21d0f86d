//! The settings of all modules, and the facts that the daemon reports.

use std::path::PathBuf;

use super::files::Digest;
use super::restart::RestartSettings;
use crate::live::Limits;
use crate::policy::Policy;
use crate::tls::expiry::CertificateFact;
use crate::tls::key_pair::KeyPair;
use crate::tls::server::{MinVersion, NamedPair};
use crate::tls::verifier::TrustedSender;
use crate::{admin, logging, sandbox, server, spool, watch};

/// A valid configuration.
#[derive(Debug)]
pub struct Settings {
    /// Settings of the listener for senders.
    pub server: server::Settings,
    /// Timeouts and the limit of connections.
    pub limits: Limits,
    /// Settings of the file watcher.
    pub reload: watch::Settings,
    /// The server's certificates and protocol versions.
    pub tls: Tls,
    /// The senders with their anchors, in the order of the configuration.
    pub senders: Vec<TrustedSender>,
    /// The senders, endpoints and paths.
    pub policy: Policy,
    /// Settings of the spool.
    pub spool: spool::Settings,
    /// The names and numbers of the groups of the spool and of the admin sockets.
    pub groups: Vec<(String, u32)>,
    /// Settings of the admin listener.
    pub admin: admin::Settings,
    /// Settings of the log.
    pub log: logging::Settings,
    /// The settings that require a restart.
    pub restart: RestartSettings,
    /// Settings of the sandbox.
    pub sandbox: sandbox::Settings,
    /// webhooks.toml and every file it names.
    pub files: Vec<PathBuf>,
    /// The digest of the contents of all files.
    pub digest: Digest,
    /// The certificates and revocation lists in use, with their dates.
    pub certificates: Vec<CertificateFact>,
    /// Faults that are caused only by expired or not yet valid files, a sentence each.
    pub degraded: Vec<String>,
}

/// The server's certificates and the oldest accepted protocol version.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The default certificate chain and its key.
    pub key_pair: KeyPair,
    /// Additional ones, selected by the requested server name.
    pub extra: Vec<NamedPair>,
    /// The oldest version that is accepted.
    pub min_version: MinVersion,
}
