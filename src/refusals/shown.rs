//! A refused or failed handshake as text, for the log, `/status` and `explain`.

use std::borrow::Cow;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::clock::{Timestamp, rfc3339_micros};
use crate::escape::{Escaped, joined};
use crate::identity::{Identity, ReadableParts};
use crate::policy::{Matcher, Refusal, presented, quoted};

/// A refused or failed handshake. The contents of the certificate are *claimed* unless `vouched` names a sender, and
/// escaped.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct HandshakeRecord {
    /// The time, RFC 3339; of the first refusal of this certificate that is still remembered.
    pub at: String,
    /// The time of the last refusal of this certificate, with which all other fields agree.
    pub last_at: String,
    /// How often the certificate was refused since `at`.
    pub count: u64,
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
    /// The first of the senders whose own CA issued the certificate. The key is proven.
    pub vouched: Vec<String>,
    /// The number of all those senders.
    pub vouched_count: usize,
    /// The values that the rules of those senders require, if the certificate does not match.
    pub expected: Option<String>,
    /// The values in the certificate.
    pub presented: Option<String>,
    /// The lines of webhooks.toml that would admit it; only for a sender whose CA issued it.
    pub admit: Option<String>,
    /// The certificate, if it is that of a CA: it is accepted for a sender only if it is in `ca`.
    pub pem: Option<String>,
    /// The contents of the certificate, as far as they could be read.
    pub claimed: Option<ClaimedCertificate>,
}

/// The number of senders that a record names.
const SENDERS_MAX: usize = 8;
/// The length limit of each text, in bytes.
const TEXT_BYTES_MAX: usize = 4 << 10;

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
        let vouched = refusal.vouched();
        let values = |values: fn(&Matcher, &Identity) -> Vec<String>| {
            let text = joined(refusal.mismatches(), "; ", |(sender, matcher, identity)| {
                let (key, values) = (matcher.key(), values(matcher, identity));
                let values = if values.is_empty() { "none".to_owned() } else { quoted(&values, ", ") };
                format!("{sender}: {key} {values}")
            });
            (!text.is_empty()).then(|| bounded(text))
        };
        Self {
            vouched: vouched.iter().take(SENDERS_MAX).map(ToString::to_string).collect(),
            vouched_count: vouched.len(),
            expected: values(|matcher, _| matcher.expected()),
            presented: values(|matcher, identity| presented(matcher.key(), identity)),
            admit: refusal.advice_line(),
            pem: refusal.pem.clone(),
            claimed: ClaimedCertificate::of_refusal(refusal),
            ..Self::failed(at, address, sni, (refusal.reason.word(), &bounded(refusal.detail())), None)
        }
    }

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
            last_at: rfc3339_micros(at),
            count: 1,
            address: address.to_string(),
            sni: sni.map(|name| Escaped(name).to_string()),
            stage: "handshake".into(),
            reason: reason.into(),
            detail: detail.to_owned(),
            offered,
            ..Self::default()
        }
    }

    /// The names in `vouched`, and how many more there are; `None` if there are none.
    pub fn vouched_names(&self) -> Option<String> {
        let more = self.vouched_count.saturating_sub(self.vouched.len());
        let more = (more > 0).then(|| format!("{more} more"));
        let names: Vec<_> = self.vouched.iter().map(String::as_str).chain(more.as_deref()).collect();
        (!names.is_empty()).then(|| names.join(","))
    }
}

fn bounded(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        text.push('…');
    }
    text
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
    /// The contents of a refused certificate.
    pub fn of_refusal(refusal: &Refusal) -> Option<Self> {
        let of_readable = refusal.readable.as_deref().map(Self::of_parts);
        refusal.claimed.as_deref().map(Self::of).or(of_readable)
    }

    /// What could be read of a certificate, with untrusted text escaped. Other fields are empty.
    fn of_parts(parts: &ReadableParts) -> Self {
        let name =
            |name: &Option<String>| name.as_deref().map(|it| Escaped(it).to_string()).unwrap_or_default();
        let (begin, end) = parts.validity.unzip();
        Self {
            subject: name(&parts.subject),
            issuer: name(&parts.issuer),
            serial: parts.serial.as_ref().map(ToString::to_string).unwrap_or_default(),
            not_before: begin.map(|at| at.to_string()).unwrap_or_default(),
            not_after: end.map(|at| at.to_string()).unwrap_or_default(),
            sha256: parts.sha256.to_string(),
            spki_sha256: parts.spki_sha256.map(|pin| pin.to_string()).unwrap_or_default(),
        }
    }
}
