//! The result of a configuration: the settings of all modules, and facts to report.

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

/// Everything, valid as a whole.
#[derive(Debug)]
pub struct Settings {
    /// The listener for senders.
    pub server: server::Settings,
    /// How long to wait for what, and how many at once.
    pub limits: Limits,
    /// How files are watched.
    pub reload: watch::Settings,
    /// Our side of a handshake.
    pub tls: Tls,
    /// The senders with their anchors, in the order of the policy's table.
    pub senders: Vec<TrustedSender>,
    /// Who may deliver what where.
    pub policy: Policy,
    /// The spool.
    pub spool: spool::Settings,
    /// The name of the spool's group and its number.
    pub group: Option<(String, u32)>,
    /// The admin listener.
    pub admin: admin::Settings,
    /// Logging.
    pub log: logging::Settings,
    /// The settings that take a restart.
    pub restart: RestartSettings,
    /// What the process gives up.
    pub sandbox: sandbox::Settings,
    /// webhooks.toml and every file it names, as they were opened.
    pub files: Vec<PathBuf>,
    /// What names their contents, all together.
    pub digest: Digest,
    /// The certificates that matter, with their dates.
    pub certificates: Vec<CertificateFact>,
    /// What does not work because of time alone, in a sentence each.
    pub degraded: Vec<String>,
}

/// Our certificate and the oldest protocol.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The chain and its key, shown where no other fits.
    pub key_pair: KeyPair,
    /// More of them, chosen by the name that is asked for.
    pub extra: Vec<NamedPair>,
    /// The oldest version that is spoken.
    pub min_version: MinVersion,
}
