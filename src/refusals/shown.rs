//! One refused or failed handshake as text, for the log, for `/status` and for `explain`.

use std::net::SocketAddr;

use serde::Serialize;

use crate::clock::{Timestamp, rfc3339_micros};
use crate::escape::Escaped;
use crate::identity::Identity;
use crate::policy::{Mismatch, Name, Refusal};

/// One refused or failed handshake. What the certificate contains is *claimed*, and escaped.
#[derive(Clone, Debug, Serialize)]
pub struct RefusedHandshake {
    /// The time, RFC 3339.
    pub at: String,
    /// The peer's address and port.
    pub address: String,
    /// The server name that the client requested (SNI).
    pub sni: Option<String>,
    /// Always `handshake`.
    pub stage: &'static str,
    /// One of the words of `hookspool_refusals_total` or `hookspool_handshake_failures_total`.
    pub reason: &'static str,
    /// The reason in a sentence.
    pub detail: String,
    /// What the peer offered in its ClientHello, where nothing of it is in common.
    pub offered: Option<String>,
    /// The senders whose own CA vouches for the certificate.
    pub vouched: Vec<String>,
    /// What the rules of those senders require, where the certificate does not match.
    pub expected: Option<String>,
    /// What the certificate contains instead.
    pub presented: Option<String>,
    /// The lines of webhooks.toml that would accept it; only for a sender whose CA vouches for it.
    pub admit: Option<String>,
    /// The certificate's contents, if it could be parsed.
    pub claimed: Option<ClaimedCertificate>,
}

/// The contents of a refused certificate.
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
    /// Describes a refusal.
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
    /// The contents of a certificate, escaped.
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

/// What would accept the certificate, in one line; `None` if no addition would.
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
