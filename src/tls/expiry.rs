//! Which certificates are in use, and until when.

use std::path::PathBuf;

use serde::Serialize;

use crate::clock::Timestamp;

/// What a certificate is used for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// It vouches for a sender.
    Anchor,
    /// It is a revocation list; its end is its next update.
    Crl,
    /// We show it to senders.
    Server,
}

impl Role {
    /// The role as a word, in metrics and in `/status`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Anchor => "anchor",
            Self::Crl => "crl",
            Self::Server => "server",
        }
    }
}

/// One certificate in use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateFact {
    /// What for.
    pub role: Role,
    /// The sender's name, or `server`.
    pub name: String,
    /// The file it came from.
    pub file: PathBuf,
    /// Its subject, RFC 4514.
    pub subject: String,
    /// What names it and nothing else: its SHA-256, in hex.
    pub digest: String,
    /// Its first valid moment.
    pub not_before: Timestamp,
    /// Its last valid moment.
    pub not_after: Timestamp,
}

/// A certificate in use as programs are told of it, by `/status` and `check --json` alike.
#[derive(Debug, Serialize)]
pub struct ShownCertificate {
    role: &'static str,
    name: String,
    file: String,
    subject: String,
    not_before: String,
    not_after: String,
}

impl From<&CertificateFact> for ShownCertificate {
    fn from(fact: &CertificateFact) -> Self {
        Self {
            role: fact.role.word(),
            name: fact.name.clone(),
            file: fact.file.display().to_string(),
            subject: fact.subject.clone(),
            not_before: fact.not_before.to_string(),
            not_after: fact.not_after.to_string(),
        }
    }
}
