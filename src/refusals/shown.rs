//! One refused handshake in words, for the log, for `/status`, and for `explain`.

use std::net::SocketAddr;

use serde::Serialize;

use crate::clock::{Timestamp, rfc3339_micros};
use crate::escape::Escaped;
use crate::identity::Identity;
use crate::policy::{Mismatch, Name, Refusal};

/// One refused handshake. What the certificate says is *claimed*, and escaped for showing.
#[derive(Clone, Debug, Serialize)]
pub struct RefusedHandshake {
    /// When, RFC 3339.
    pub at: String,
    /// Where from.
    pub address: String,
    /// The server name that was asked for.
    pub sni: Option<String>,
    /// Always `handshake`.
    pub stage: &'static str,
    /// One of the words of `hookspool_refusals_total` or `hookspool_handshake_failures_total`.
    pub reason: &'static str,
    /// The reason in a sentence.
    pub detail: String,
    /// What the peer offered in its ClientHello, where nothing of it is in common.
    pub offered: Option<String>,
    /// The senders whose own CA stands for the certificate.
    pub vouched: Vec<String>,
    /// What the rules of those senders ask for, where it does not hold.
    pub expected: Option<String>,
    /// What the certificate says instead.
    pub presented: Option<String>,
    /// The lines of webhooks.toml that would admit it; only ever for a sender whose CA vouched.
    pub admit: Option<String>,
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
            stage: "handshake",
            reason: refusal.reason.word(),
            detail: refusal.detail(),
            offered: None,
            vouched: refusal.vouched().into_iter().map(ToString::to_string).collect(),
            expected: each(refusal.mismatches().map(|(name, it)| asked(name, it, &it.expected))),
            presented: each(refusal.mismatches().map(|(name, it)| asked(name, it, &it.presented))),
            admit: admit(refusal),
            claimed: refusal.claimed.as_deref().map(ClaimedCertificate::of),
        }
    }
}

impl RefusedHandshake {
    /// A handshake that failed before a certificate was judged: the reason's word and sentence, and what was offered.
    pub fn failed(
        at: Timestamp,
        address: SocketAddr,
        sni: Option<&str>,
        (reason, detail): (&'static str, &str),
        offered: Option<String>,
    ) -> Self {
        Self {
            at: rfc3339_micros(at),
            address: address.to_string(),
            sni: sni.map(|name| Escaped(name).to_string()),
            stage: "handshake",
            reason,
            detail: detail.to_owned(),
            offered,
            vouched: Vec::new(),
            expected: None,
            presented: None,
            admit: None,
            claimed: None,
        }
    }
}

impl ClaimedCertificate {
    /// What a certificate says, escaped.
    pub fn of(identity: &Identity) -> Self {
        Self {
            subject: Escaped(identity.subject.as_str()).to_string(),
            issuer: Escaped(identity.issuer.as_str()).to_string(),
            serial: identity.serial.to_string(),
            not_before: identity.not_before.to_string(),
            not_after: identity.not_after.to_string(),
            sha256: identity.sha256.to_string(),
            spki_sha256: identity.spki_sha256.to_string(),
        }
    }
}

/// What would admit the certificate, in a line; `None` where nothing that is added would.
pub fn admit(refusal: &Refusal) -> Option<String> {
    let each_sender = refusal.admitting().into_iter();
    each(each_sender.map(|advice| format!("sender `{}`: {}", advice.sender, advice.lines.join(" and "))))
}

/// How many values are put into one line.
const VALUES_MAX: usize = 8;

fn asked(sender: &Name, mismatch: &Mismatch, values: &[String]) -> String {
    let shown: Vec<_> = values.iter().take(VALUES_MAX).map(|value| format!("`{}`", Escaped(value))).collect();
    format!(
        "{sender}: {} {}",
        mismatch.matcher,
        if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
    )
}

fn each(parts: impl Iterator<Item = String>) -> Option<String> {
    let parts: Vec<_> = parts.collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}
