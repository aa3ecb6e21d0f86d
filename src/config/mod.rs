//! stub until merged
use crate::{
    admin, logging,
    policy::Policy,
    server, spool,
    tls::{expiry::CertificateFact, key_pair::KeyPair, server::MinVersion, verifier::TrustedSender},
};
use std::path::PathBuf;
#[derive(Debug)]
pub struct Settings {
    pub server: server::Settings,
    pub tls: Tls,
    pub senders: Vec<TrustedSender>,
    pub policy: Policy,
    pub spool: spool::Settings,
    pub admin: admin::Settings,
    pub log: logging::Settings,
    pub files: Vec<PathBuf>,
    pub certificates: Vec<CertificateFact>,
    pub degraded: Vec<String>,
}
#[derive(Debug)]
pub struct Tls {
    pub key_pair: KeyPair,
    pub min_version: MinVersion,
}
