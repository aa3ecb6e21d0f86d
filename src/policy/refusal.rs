//! A refused handshake, with a reason that an operator can act on.

use super::evaluation::{Evaluation, TrustErrorKind};
use super::matcher::Mismatch;
use super::name::Name;
use crate::escape::{Escaped, SHOWN_CHARS_MAX, toml_string};
use crate::identity::Identity;
use crate::metrics::RefusalReason;

/// A refused handshake. The certificate is only *claimed*: it is evaluated before the peer proves possession of
/// its key.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The label of the reason.
    pub reason: RefusalReason,
    /// What could not be parsed, or which limit was exceeded.
    pub fault: Option<String>,
    /// The contents of the certificate, if it could be parsed.
    pub claimed: Option<Box<Identity>>,
    /// The evaluation for each sender, in the policy's order.
    pub evaluations: Vec<Evaluation>,
}

impl From<TrustErrorKind> for RefusalReason {
    fn from(kind: TrustErrorKind) -> Self {
        match kind {
            TrustErrorKind::NotIssued | TrustErrorKind::BadPath => Self::UnknownCa,
            TrustErrorKind::Unreadable => Self::Unreadable,
            TrustErrorKind::Unsupported | TrustErrorKind::Key => Self::Unsupported,
            TrustErrorKind::Purpose => Self::Purpose,
            TrustErrorKind::NotYetValid => Self::NotYetValid,
            TrustErrorKind::Expired => Self::Expired,
            TrustErrorKind::RevocationUnknown => Self::RevocationUnknown,
            TrustErrorKind::Revoked => Self::Revoked,
        }
    }
}

impl Refusal {
    /// Creates the refusal of a peer that presented no certificate.
    pub fn no_certificate() -> Self {
        Self { reason: RefusalReason::NoCertificate, fault: None, claimed: None, evaluations: Vec::new() }
    }

    /// Creates the refusal of a certificate that cannot be parsed, or of a chain that is too large.
    pub fn unreadable(fault: impl Into<String>, claimed: Option<Box<Identity>>) -> Self {
        Self {
            reason: RefusalReason::Unreadable,
            fault: Some(fault.into()),
            claimed,
            evaluations: Vec::new(),
        }
    }

    /// Creates the refusal of a peer whose certificate would be accepted, but which did not prove possession of its
    /// key (RFC 8446, section 4.4.3).
    pub fn unproven(claimed: Box<Identity>) -> Self {
        let fault = "the peer presented this certificate without proof of its key".to_owned();
        Self {
            reason: RefusalReason::Unproven,
            fault: Some(fault),
            claimed: Some(claimed),
            evaluations: Vec::new(),
        }
    }

    /// The senders whose CA issued the certificate, even if a later check failed.
    pub fn vouched(&self) -> Vec<&Name> {
        self.evaluations
            .iter()
            .filter(|evaluation| evaluation.is_ca_known())
            .map(|evaluation| &evaluation.sender)
            .collect()
    }

    /// The reason as text, escaped, with a sentence for each sender that it applies to.
    pub fn detail(&self) -> String {
        if let Some(fault) = &self.fault {
            return Escaped(fault).to_string();
        }
        let sentences =
            || self.evaluations.iter().filter_map(|evaluation| self.sentence(evaluation)).collect::<Vec<_>>();
        match self.reason {
            RefusalReason::NoCertificate => "no client certificate was presented".to_owned(),
            RefusalReason::UnknownCa => format!(
                "not issued by any configured CA; compare this fingerprint with the bank before trusting it{}",
                self.closest().map(|closest| format!(" ({closest})")).unwrap_or_default()
            ),
            RefusalReason::Unreadable => {
                let errors = self.evaluations.iter().filter_map(|evaluation| evaluation.trust.as_ref().err());
                let first = errors.max_by_key(|error| error.kind);
                first.map(|error| Escaped(&error.detail).to_string()).unwrap_or_default()
            }
            RefusalReason::Expired
            | RefusalReason::NotYetValid
            | RefusalReason::Purpose
            | RefusalReason::RevocationUnknown
            | RefusalReason::Revoked
            | RefusalReason::Rule
            | RefusalReason::Unproven
            | RefusalReason::Unsupported => sentences().join("; "),
        }
    }

    /// The trust error of the sender for which most of the verification succeeded.
    fn closest(&self) -> Option<String> {
        let errors = self
            .evaluations
            .iter()
            .filter_map(|evaluation| Some((&evaluation.sender, evaluation.trust.as_ref().err()?)));
        // `max_by_key` returns the last maximum; the first sender is wanted.
        let (sender, error) = errors.rev().max_by_key(|(_, error)| error.kind)?;
        Some(format!("sender `{sender}`: {}", Escaped(&error.detail)))
    }

    /// The reason as a sentence about one sender, if it applies to that sender.
    fn sentence(&self, evaluation: &Evaluation) -> Option<String> {
        let sender = &evaluation.sender;
        match &evaluation.trust {
            Ok(_) if self.reason == RefusalReason::Rule => {
                let all: Vec<_> = evaluation.mismatches.iter().map(mismatch).collect();
                Some(format!("sender `{sender}` trusts the certificate, but {}", all.join(", and ")))
            }
            Err(error) if self.reason == error.kind.into() => {
                Some(format!("sender `{sender}`: {}", Escaped(&error.detail)))
            }
            Ok(_) | Err(_) => None,
        }
    }

    /// Each matcher that did not match, for senders whose CA issued the certificate. The values are not escaped.
    pub fn mismatches(&self) -> impl Iterator<Item = (&Name, &Mismatch)> {
        let known = self.evaluations.iter().filter(|evaluation| evaluation.is_ca_known());
        known.flat_map(|evaluation| {
            evaluation.mismatches.iter().map(|mismatch| (&evaluation.sender, mismatch))
        })
    }

    /// The lines of webhooks.toml that would admit the certificate, for each sender that trusts it or would with
    /// another `eku`. For the certificate of an unknown CA there is no advice, because an attacker could have made it.
    pub fn admitting(&self) -> Vec<Advice<'_>> {
        let Some(claimed) = self.claimed.as_deref() else { return Vec::new() };
        self.evaluations.iter().filter_map(|evaluation| advice(evaluation, claimed)).collect()
    }
}

/// Lines to add to one sender's table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Advice<'a> {
    /// The sender.
    pub sender: &'a Name,
    /// TOML, one key and value each.
    pub lines: Vec<String>,
}

fn advice<'a>(evaluation: &'a Evaluation, claimed: &Identity) -> Option<Advice<'a>> {
    let mut lines = match &evaluation.trust {
        Ok(_) => Vec::new(),
        // A CA's own certificate has this error too, and no key admits it.
        Err(error) if error.kind == TrustErrorKind::Purpose && !claimed.issuing.is_ca => {
            vec!["eku = \"any\"".to_owned()]
        }
        Err(_) => return None,
    };
    for mismatch in &evaluation.mismatches {
        lines.push(line(mismatch)?);
    }
    (!lines.is_empty()).then_some(Advice { sender: &evaluation.sender, lines })
}

/// The line that also accepts the presented value. It keeps the existing values, because the old certificate may
/// still be in use. `None` if no addition admits the certificate.
fn line(mismatch: &Mismatch) -> Option<String> {
    let presented = mismatch.presented.first()?;
    if presented.chars().count() > SHOWN_CHARS_MAX {
        return None;
    }
    let values: Vec<_> =
        mismatch.expected.iter().chain([presented]).map(|value| toml_string(value)).collect();
    Some(format!("{} = [{}]", mismatch.matcher, values.join(", ")))
}

/// The largest number of values in a sentence.
const SHOWN_VALUES_MAX: usize = 8;

fn mismatch(mismatch: &Mismatch) -> String {
    let Mismatch { matcher, presented, fault, .. } = mismatch;
    let expected = quoted(&mismatch.expected, " or ");
    let actual = match (presented.as_slice(), fault) {
        (_, Some(fault)) => Escaped(fault).to_string(),
        ([], None) => "the certificate has none".to_owned(),
        (values, None) => format!("the certificate has {}", quoted(values, ", ")),
    };
    format!("its {matcher} must be {expected}: {actual}")
}

/// At most [`SHOWN_VALUES_MAX`] values, escaped and in backticks.
fn quoted(values: &[String], between: &str) -> String {
    let shown: Vec<_> =
        values.iter().take(SHOWN_VALUES_MAX).map(|value| format!("`{}`", Escaped(value))).collect();
    let more = values.len().saturating_sub(SHOWN_VALUES_MAX);
    let more = if more == 0 { String::new() } else { format!("{between}{more} more") };
    format!("{}{more}", shown.join(between))
}
