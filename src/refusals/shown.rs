//! A refused or failed handshake as text, for the log, `/status` and `explain`.

use std::borrow::Cow;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::clock::{Timestamp, rfc3339_micros};
use crate::escape::Escaped;
use crate::identity::Identity;
use crate::policy::{Mismatch, Name, Refusal};

/// A refused or failed handshake. The contents of the certificate are *claimed*, and escaped.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct HandshakeRecord {
    /// The time, RFC 3339.
    pub at: String,
    /// The peer's address and port.
    pub address: String,
    /// The server name that the client requested (SNI).
    pub sni: Option<String>,
    /// Always `handshake`.
    pub stage: Cow<'static, str>,
    /// One of the words of `hookspool_refusals_total` or `hookspool_handshake_failures_total`.
    pub reason: Cow<'static, str>,
    /// The reason as a sentence.
    pub detail: String,
    /// What the peer offered in its ClientHello, if none of it is supported.
    pub offered: Option<String>,
    /// The senders whose own CA issued the certificate.
    pub vouched: Vec<String>,
    /// The values that the rules of those senders require, if the certificate does not match.
    pub expected: Option<String>,
    /// The values in the certificate.
    pub presented: Option<String>,
    /// The lines of webhooks.toml that would admit it; only for a sender whose CA issued it.
    pub admit: Option<String>,
    /// The contents of the certificate, if it could be parsed.
    pub claimed: Option<ClaimedCertificate>,
}

/// The contents of a refused certificate.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct ClaimedCertificate {
    /// The subject, RFC 4514.
    pub subject: String,
    /// The issuer, RFC 4514.
    pub issuer: String,
    /// The serial number in lower-case hex.
    pub serial: String,
    /// The first moment at which it is valid, RFC 3339.
    pub not_before: String,
    /// The last moment at which it is valid, RFC 3339.
    pub not_after: String,
    /// The SHA-256 of the certificate, in hex.
    pub sha256: String,
    /// The SHA-256 of the SubjectPublicKeyInfo, in hex.
    pub spki_sha256: String,
}

impl HandshakeRecord {
    /// Creates the description of a refusal.
    pub fn new(at: Timestamp, address: SocketAddr, sni: Option<&str>, refusal: &Refusal) -> Self {
        Self {
            at: rfc3339_micros(at),
            address: address.to_string(),
            sni: sni.map(|name| Escaped(name).to_string()),
            stage: "handshake".into(),
            reason: refusal.reason.word().into(),
            detail: refusal.detail(),
            offered: None,
            vouched: refusal.vouched().into_iter().map(ToString::to_string).collect(),
            expected: each(refusal.mismatches().map(|(name, it)| values_of(name, it, &it.expected))),
            presented: each(refusal.mismatches().map(|(name, it)| values_of(name, it, &it.presented))),
            admit: advice_line(refusal),
            claimed: refusal.claimed.as_deref().map(ClaimedCertificate::of),
        }
    }
}

impl HandshakeRecord {
    /// Creates the description of a handshake that failed before a certificate was evaluated, from the label and the
    /// sentence of the reason and what the peer offered.
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
            stage: "handshake".into(),
            reason: reason.into(),
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
    /// The contents of a certificate, with untrusted text escaped.
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

/// The lines of webhooks.toml that would admit the certificate, as one line; `None` if there are none.
pub fn advice_line(refusal: &Refusal) -> Option<String> {
    let each_sender = refusal.admitting().into_iter();
    each(each_sender.map(|advice| format!("sender `{}`: {}", advice.sender, advice.lines.join(" and "))))
}

/// The largest number of values in one line.
const VALUES_MAX: usize = 8;

fn values_of(sender: &Name, mismatch: &Mismatch, values: &[String]) -> String {
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
