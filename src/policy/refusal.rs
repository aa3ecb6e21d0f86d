//! A refused handshake, and why, in words that an operator can act on.

use super::evaluation::{Evaluation, TrustErrorKind};
use super::matcher::Mismatch;
use super::name::Name;
use crate::escape::{Escaped, SHOWN_CHARS_MAX, toml_string};
use crate::identity::Identity;

/// A handshake that was refused, and all that is known of who asked.
///
/// The certificate is only *claimed*: possession of its key is proved after it has been judged.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Why.
    pub reason: RefusalReason,
    /// What could not be read, or was too much of it.
    pub fault: Option<String>,
    /// What the certificate says, where it could be read.
    pub claimed: Option<Box<Identity>>,
    /// What each sender made of it.
    pub evaluations: Vec<Evaluation>,
}

/// Why a handshake was refused: a closed set, and the labels of `hookspool_refusals_total`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RefusalReason {
    /// The certificate, or one above it, is past its dates.
    Expired,
    /// No certificate was presented.
    NoCertificate,
    /// The certificate, or one above it, is not valid yet.
    NotYetValid,
    /// It is marked for another purpose than client authentication.
    Purpose,
    /// A sender asks for a current revocation list, and there is none.
    RevocationUnknown,
    /// A revocation list of the sender names it, or a certificate above it.
    Revoked,
    /// Anchors vouched for it, and the rules of their senders do not hold.
    Rule,
    /// No anchor of any sender vouches for it.
    UnknownCa,
    /// The peer did not prove that it has the certificate's key.
    Unproven,
    /// It is not a certificate that can be read, or is more than is read.
    Unreadable,
    /// A signature or key of it is of an algorithm that is not supported.
    Unsupported,
}

impl RefusalReason {
    /// The reason as a metric's label.
    pub fn word(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NoCertificate => "no_certificate",
            Self::NotYetValid => "not_yet_valid",
            Self::Purpose => "purpose",
            Self::RevocationUnknown => "revocation_unknown",
            Self::Revoked => "revoked",
            Self::Rule => "rule",
            Self::UnknownCa => "unknown_ca",
            Self::Unproven => "unproven",
            Self::Unreadable => "unreadable",
            Self::Unsupported => "unsupported",
        }
    }
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
    /// Nothing was presented.
    pub fn no_certificate() -> Self {
        Self { reason: RefusalReason::NoCertificate, fault: None, claimed: None, evaluations: Vec::new() }
    }

    /// What was presented cannot be read, or is more than is read.
    pub fn unreadable(fault: impl Into<String>, claimed: Option<Box<Identity>>) -> Self {
        Self {
            reason: RefusalReason::Unreadable,
            fault: Some(fault.into()),
            claimed,
            evaluations: Vec::new(),
        }
    }

    /// The certificate would be accepted, but the peer did not prove possession of its key (RFC 8446, 4.4.3).
    pub fn unproven(claimed: Box<Identity>) -> Self {
        let fault = "the peer presented this certificate without proof of its key".to_owned();
        Self {
            reason: RefusalReason::Unproven,
            fault: Some(fault),
            claimed: Some(claimed),
            evaluations: Vec::new(),
        }
    }

    /// The senders whose own CA vouches for the certificate, other errors aside.
    pub fn vouched(&self) -> Vec<&Name> {
        self.evaluations
            .iter()
            .filter(|evaluation| evaluation.knows_the_ca())
            .map(|evaluation| &evaluation.sender)
            .collect()
    }

    /// The reason in a sentence for each sender that it comes from, safe to show.
    pub fn detail(&self) -> String {
        if let Some(fault) = &self.fault {
            return Escaped(fault).to_string();
        }
        let sentences =
            || self.evaluations.iter().filter_map(|evaluation| self.sentence(evaluation)).collect::<Vec<_>>();
        match self.reason {
            RefusalReason::NoCertificate => "no client certificate was presented".to_owned(),
            RefusalReason::UnknownCa => format!(
                "no configured CA vouches; compare this fingerprint with the bank before trusting it{}",
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

    /// What the sender that came closest to vouching made of it.
    fn closest(&self) -> Option<String> {
        let errors = self
            .evaluations
            .iter()
            .filter_map(|evaluation| Some((&evaluation.sender, evaluation.trust.as_ref().err()?)));
        // The first of those that came equally close.
        let (sender, error) = errors.rev().max_by_key(|(_, error)| error.kind)?;
        Some(format!("sender `{sender}`: {}", Escaped(&error.detail)))
    }

    /// What one sender has to do with the reason, if it has.
    fn sentence(&self, evaluation: &Evaluation) -> Option<String> {
        let sender = &evaluation.sender;
        match &evaluation.trust {
            Ok(_) if self.reason == RefusalReason::Rule => {
                let all: Vec<_> = evaluation.mismatches.iter().map(mismatch).collect();
                Some(format!(
                    "a CA of sender `{sender}` vouches for the certificate, but {}",
                    all.join(", and ")
                ))
            }
            Err(error) if self.reason == error.kind.into() => {
                Some(format!("sender `{sender}`: {}", Escaped(&error.detail)))
            }
            Ok(_) | Err(_) => None,
        }
    }

    /// Each matcher that did not hold for a sender whose CA vouched: what it asks for, and what the
    /// certificate says. Safe to show.
    pub fn mismatches(&self) -> impl Iterator<Item = (&Name, &Mismatch)> {
        let vouched = self.evaluations.iter().filter(|evaluation| evaluation.knows_the_ca());
        vouched.flat_map(|evaluation| {
            evaluation.mismatches.iter().map(|mismatch| (&evaluation.sender, mismatch))
        })
    }

    /// The lines of webhooks.toml that would admit the certificate, for each sender whose own CA
    /// vouches for it without any other error. Nobody else's certificate gets such advice: a
    /// stranger must not talk an operator into it.
    pub fn admitting(&self) -> Vec<Advice<'_>> {
        let Some(claimed) = self.claimed.as_deref() else { return Vec::new() };
        self.evaluations.iter().filter_map(|evaluation| advice(evaluation, claimed)).collect()
    }
}

/// What to write into one sender's table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Advice<'a> {
    /// The sender.
    pub sender: &'a Name,
    /// The lines, in TOML.
    pub lines: Vec<String>,
}

fn advice<'a>(evaluation: &'a Evaluation, claimed: &Identity) -> Option<Advice<'a>> {
    let mut lines = match &evaluation.trust {
        Ok(_) => Vec::new(),
        // A CA's own certificate is of another purpose too, and no key lets that in.
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

/// The line that also takes what was presented; it keeps what is there, as the old certificate may
/// still be in use. `None` where nothing that is added helps.
fn line(mismatch: &Mismatch) -> Option<String> {
    let presented = mismatch.presented.first()?;
    if presented.chars().count() > SHOWN_CHARS_MAX {
        return None;
    }
    let values: Vec<_> =
        mismatch.expected.iter().chain([presented]).map(|value| toml_string(value)).collect();
    Some(format!("{} = [{}]", mismatch.matcher, values.join(", ")))
}

/// How many values are put into a sentence.
const SHOWN_VALUES_MAX: usize = 8;

fn mismatch(mismatch: &Mismatch) -> String {
    let Mismatch { matcher, presented, fault, .. } = mismatch;
    let expected = quoted(&mismatch.expected, " or ");
    let says = match (presented.as_slice(), fault) {
        (_, Some(fault)) => Escaped(fault).to_string(),
        ([], None) => "it has none".to_owned(),
        (values, None) => format!("it says {}", quoted(values, ", ")),
    };
    format!("its {matcher} has to be {expected}: {says}")
}

/// Values between backticks, safe to show, not too many.
fn quoted(values: &[String], between: &str) -> String {
    let shown: Vec<_> =
        values.iter().take(SHOWN_VALUES_MAX).map(|value| format!("`{}`", Escaped(value))).collect();
    let more = values.len().saturating_sub(SHOWN_VALUES_MAX);
    let more = if more == 0 { String::new() } else { format!("{between}{more} more") };
    format!("{}{more}", shown.join(between))
}
