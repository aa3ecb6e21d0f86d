//! What a configuration comes to: the settings of everything below, and facts for whoever reports.

use std::path::PathBuf;

use crate::policy::Policy;
use crate::tls::expiry::CertificateFact;
use crate::tls::key_pair::KeyPair;
use crate::tls::server::MinVersion;
use crate::tls::verifier::TrustedSender;
use crate::{admin, logging, server, spool};

/// Everything, valid as a whole.
#[derive(Debug)]
pub struct Settings {
    /// The door for senders.
    pub server: server::Settings,
    /// Our side of a handshake.
    pub tls: Tls,
    /// The senders with their anchors, in the order of the policy's table.
    pub senders: Vec<TrustedSender>,
    /// Who may deliver what where.
    pub policy: Policy,
    /// The spool.
    pub spool: spool::Settings,
    /// The door for the operator.
    pub admin: admin::Settings,
    /// Logging.
    pub log: logging::Settings,
    /// webhooks.toml and every file it names, as they were opened.
    pub files: Vec<PathBuf>,
    /// The certificates that matter, with their dates.
    pub certificates: Vec<CertificateFact>,
    /// What does not work because of time alone, in a sentence each.
    pub degraded: Vec<String>,
}

/// Our certificate and the oldest protocol.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The chain and its key.
    pub key_pair: KeyPair,
    /// The oldest version that is spoken.
    pub min_version: MinVersion,
}
