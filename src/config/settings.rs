//! The settings of all modules, and the facts that each process reports.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ipnet::IpNet;

use super::files::Digest;
use super::restart::RestartSettings;
use crate::forward::Consumer;
use crate::live::Limits;
use crate::policy::{Name, Policy};
use crate::spool::AcceptedList;
use crate::tls::expiry::CertificateFact;
use crate::tls::key_pair::KeyPair;
use crate::tls::server::{MinVersion, NamedPair};
use crate::tls::verifier::TrustedSender;
use crate::{admin, logging, sandbox, server, spool, watch};

/// A valid configuration of the daemon.
#[derive(Debug)]
pub struct Settings {
    /// Settings of the listener for senders.
    pub server: server::Settings,
    /// Timeouts and the limit of connections.
    pub limits: Limits,
    /// The networks of the proxies that have to name the peer's address.
    pub trusted_proxies: Vec<IpNet>,
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
    /// The endpoints that a `[[consumer]]` names, also one with errors: `taken_timeout` does not apply to their entries.
    pub forwarded: BTreeSet<Name>,
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
    /// The revocation lists in force, to be kept in the spool.
    pub accepted_lists: Vec<AcceptedList>,
    /// The files of revocation lists that cannot be used, each with its sender.
    pub unusable_lists: Vec<String>,
    /// Faults that are caused only by expired or not yet valid files or by revocation lists, and errors in the tables of
    /// `hookspool forward`, a sentence each.
    pub degraded: Vec<String>,
}

/// A valid configuration of `hookspool forward`.
#[derive(Debug)]
pub struct ForwardSettings {
    /// The consumers, in the order of the configuration. May be empty.
    pub consumers: Vec<Consumer>,
    /// The names of all endpoints, also of those without a consumer.
    pub endpoints: Vec<Name>,
    /// Settings of the listener of `[forward]`.
    pub listen: admin::Settings,
    /// Settings of the spool.
    pub spool: spool::Settings,
    /// The names and numbers of the groups of the spool and of the sockets.
    pub groups: Vec<(String, u32)>,
    /// Settings of the file watcher.
    pub reload: watch::Settings,
    /// Settings of the log.
    pub log: logging::Settings,
    /// The settings that require a restart.
    pub restart: RestartSettings,
    /// Settings of the sandbox.
    pub sandbox: sandbox::Settings,
    /// webhooks.toml and every file that a `[[consumer]]` names.
    pub files: Vec<PathBuf>,
    /// The digest of the contents of these files.
    pub digest: Digest,
    /// Errors in the tables of the daemon, a sentence each.
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
