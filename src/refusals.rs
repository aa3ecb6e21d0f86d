//! The last handshakes that were refused, for an operator who asks why a bank cannot get in.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Mutex;

use serde::Serialize;

use crate::clock::{Timestamp, rfc3339_micros};
use crate::escape::{Escaped, toml_string};
use crate::identity::{CommonName, Identity};
use crate::policy::{Mismatch, Name, Refusal, RefusalReason};

/// How many are kept.
pub const REFUSALS_MAX: usize = 100;

/// A ring of the last [`REFUSALS_MAX`] refusals.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<VecDeque<RefusedHandshake>>);

/// One refused handshake. What the certificate says is *claimed*, and escaped for showing.
#[derive(Clone, Debug, Serialize)]
pub struct RefusedHandshake {
    /// When, RFC 3339.
    pub at: String,
    /// Where from.
    pub address: String,
    /// The server name that was asked for.
    pub sni: Option<String>,
    /// One of the words of `hookspool_refusals_total`.
    pub reason: &'static str,
    /// The reason in a sentence, with what was expected and what was presented.
    pub detail: String,
    /// What the certificate says, where it could be read.
    pub claimed: Option<ClaimedCertificate>,
}

/// What a refused certificate says of itself.
#[derive(Clone, Debug, Serialize)]
pub struct ClaimedCertificate {
    /// RFC 4514.
    pub subject: String,
    /// RFC 4514.
    pub issuer: String,
    /// Lower-case hex.
    pub serial: String,
    /// RFC 3339.
    pub not_before: String,
    /// RFC 3339.
    pub not_after: String,
    /// Of the certificate.
    pub sha256: String,
    /// Of its key.
    pub spki_sha256: String,
}

impl RefusedHandshake {
    /// Puts a refusal into words.
    pub fn new(at: Timestamp, address: SocketAddr, sni: Option<&str>, refusal: &Refusal) -> Self {
        Self {
            at: rfc3339_micros(at),
            address: address.to_string(),
            sni: sni.map(|name| Escaped(name).to_string()),
            reason: refusal.reason.word(),
            detail: detail(&refusal.reason),
            claimed: refusal.claimed.as_deref().map(ClaimedCertificate::of),
        }
    }
}

impl ClaimedCertificate {
    fn of(identity: &Identity) -> Self {
        Self {
            subject: Escaped(&identity.subject).to_string(),
            issuer: Escaped(&identity.issuer).to_string(),
            serial: Escaped(&identity.serial).to_string(),
            not_before: identity.not_before.to_string(),
            not_after: identity.not_after.to_string(),
            sha256: identity.sha256.to_string(),
            spki_sha256: identity.spki_sha256.to_string(),
        }
    }
}

impl Refusals {
    /// Keeps one, and forgets the oldest when there are too many.
    pub fn push(&self, refused: RefusedHandshake) {
        let mut ring = self.lock();
        if ring.len() == REFUSALS_MAX {
            ring.pop_front();
        }
        ring.push_back(refused);
    }

    /// All that are kept, oldest first.
    pub fn all(&self) -> Vec<RefusedHandshake> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<RefusedHandshake>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn detail(reason: &RefusalReason) -> String {
    match reason {
        RefusalReason::Expired => {
            "the certificate, one above it, or the CA that vouches for it has expired".to_owned()
        }
        RefusalReason::NoCertificate => "no client certificate was presented".to_owned(),
        RefusalReason::NotYetValid => {
            "the certificate, one above it, or the CA that vouches for it is not valid yet".to_owned()
        }
        RefusalReason::Purpose => "the certificate is not meant for TLS clients".to_owned(),
        RefusalReason::Rule(mismatches) => mismatches.iter().map(mismatch).collect::<Vec<_>>().join("; "),
        RefusalReason::UnknownCa => "no configured CA vouches for the certificate; compare its fingerprint \
             with the sender before trusting it"
            .to_owned(),
        RefusalReason::Unreadable(why) => Escaped(why).to_string(),
    }
}

fn mismatch((sender, mismatch): &(Name, Mismatch)) -> String {
    let Mismatch { matcher, expected, presented } = mismatch;
    let expected = expected.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(" or ");
    let presented = match presented {
        CommonName::None => "it has none".to_owned(),
        CommonName::One(name) => format!(
            "it says `{}`; to admit it, add {matcher} = [{}] to sender `{sender}`",
            Escaped(name),
            toml_string(name)
        ),
        CommonName::Several(count) => format!("it has {count}, and exactly one is asked for"),
        CommonName::Unreadable(why) => why.to_string(),
    };
    format!(
        "a CA of sender `{sender}` vouches for the certificate, but its {matcher} has to be {expected}: {presented}"
    )
}
