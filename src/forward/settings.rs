//! Settings of `forward`: the consumers, and where the entries of each are sent.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderMap;
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::template::Template;
use crate::policy::Name;
use crate::tls::key_pair::KeyPair;

/// One `[[consumer]]`: the entries of its endpoints are sent to one target.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Consumer {
    /// The name, which is the label of its metrics.
    pub name: Name,
    /// The endpoints whose entries it processes. No other consumer has any of them.
    pub endpoints: BTreeSet<Name>,
    /// The attempts that may be in progress at the same time. For batches, the number of batches.
    pub concurrency: NonZeroUsize,
    /// The order in which entries are attempted.
    pub order: Order,
    /// The timeout of one attempt.
    pub timeout: Duration,
    /// When an entry is attempted again, and for how long.
    pub retry: RetrySettings,
    /// Where the entries are sent.
    pub target: TargetSettings,
}

/// The order of attempts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// The oldest first, as far as concurrency allows. An entry that is retried does not delay the others.
    None,
    /// One entry at a time for each endpoint, the lowest ID first; the next only when it is done or failed.
    Arrival,
}

/// When an entry is attempted again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RetrySettings {
    /// The shortest delay before the second attempt.
    pub min: Duration,
    /// The longest delay.
    pub max: Duration,
    /// An entry whose first attempt was longer ago is given up.
    pub give_up: Duration,
}

/// The kind of target, and where it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TargetSettings {
    /// An HTTP server.
    Http(HttpSettings),
    /// A command.
    Exec(ExecSettings),
    /// A table in PostgreSQL.
    Postgres(PostgresSettings),
    /// A JetStream stream in NATS.
    Nats(NatsSettings),
}

impl TargetSettings {
    /// The kind, as the key in webhooks.toml.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Exec(_) => "exec",
            Self::Postgres(_) => "postgres",
            Self::Nats(_) => "nats",
        }
    }
}

/// `http = { .. }`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HttpSettings {
    /// Where the server listens.
    pub address: HttpAddress,
    /// The path and query of each request.
    pub path: Template,
    /// The key of `webhook-signature` (Standard Webhooks); none without a `secret`.
    pub secret: Option<SecretBytes>,
    /// How an https server is verified, and the certificate to present.
    pub tls: TargetTls,
    /// Additional headers of each request.
    pub headers: HeaderMap,
}

/// Where an HTTP server listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HttpAddress {
    /// A host and a port.
    Tcp {
        /// Whether the connection uses TLS.
        https: bool,
        /// The host, an IPv6 address in brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

/// `exec = { .. }`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExecSettings {
    /// The program and its arguments, at least the program.
    pub command: Vec<String>,
}

/// `postgres = { .. }`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PostgresSettings {
    /// The connection URL, without a password.
    pub url: String,
    /// The table, with or without a schema: one or two identifiers.
    pub table: Vec<String>,
    /// The password.
    pub password: Option<SecretBytes>,
    /// The channel of `NOTIFY`, which is sent once for each transaction that inserts rows.
    pub notify: Option<String>,
    /// How the server is verified; none without TLS.
    pub tls: Option<TargetTls>,
}

/// `nats = { .. }`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NatsSettings {
    /// The servers, `nats://` or `tls://`.
    pub urls: Vec<String>,
    /// The name of the stream.
    pub stream: String,
    /// The subject of each message.
    pub subject: Template,
    /// The contents of a credentials file (JWT and nkey).
    pub credentials: Option<SecretBytes>,
    /// How servers are verified if the URL is `tls://`.
    pub tls: TargetTls,
    /// The replicas of the stream, which is created if it is missing; none if it must exist.
    pub create_replicas: Option<NonZeroUsize>,
}

/// How a target's certificate is verified.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TargetTls {
    /// The anchors; those of the system if empty.
    pub anchors: Vec<CertificateDer<'static>>,
    /// The client certificate to present.
    pub key_pair: Option<KeyPair>,
    /// Whether any certificate is accepted.
    pub insecure: bool,
}

/// A secret, erased when it is dropped and never shown.
#[derive(Clone, Eq, PartialEq)]
pub struct SecretBytes(pub Zeroizing<Vec<u8>>);

impl std::fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}
