//! Which certificates are in use, and until when.

use std::path::PathBuf;

use crate::clock::Timestamp;

/// What a certificate is used for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// It vouches for a sender.
    Anchor,
    /// We show it to senders.
    Server,
}

impl Role {
    /// The role as a word, in metrics and in `/status`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Anchor => "anchor",
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
    /// Its first valid moment.
    pub not_before: Timestamp,
    /// Its last valid moment.
    pub not_after: Timestamp,
}
