//! A refused handshake, and why, in words that an operator can act on.

use super::matcher::Mismatch;
use super::name::Name;
use super::trial::{DoubtKind, Trial};
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
    pub trials: Vec<Trial>,
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

impl From<DoubtKind> for RefusalReason {
    fn from(kind: DoubtKind) -> Self {
        match kind {
            DoubtKind::NotIssued | DoubtKind::BadPath => Self::UnknownCa,
            DoubtKind::Unreadable => Self::Unreadable,
            DoubtKind::Unsupported | DoubtKind::Key => Self::Unsupported,
            DoubtKind::Purpose => Self::Purpose,
            DoubtKind::NotYetValid => Self::NotYetValid,
            DoubtKind::Expired => Self::Expired,
            DoubtKind::RevocationUnknown => Self::RevocationUnknown,
            DoubtKind::Revoked => Self::Revoked,
        }
    }
}

impl Refusal {
    /// Nothing was presented.
    pub fn no_certificate() -> Self {
        Self { reason: RefusalReason::NoCertificate, fault: None, claimed: None, trials: Vec::new() }
    }

    /// What was presented cannot be read, or is more than is read.
    pub fn unreadable(fault: impl Into<String>, claimed: Option<Box<Identity>>) -> Self {
        Self { reason: RefusalReason::Unreadable, fault: Some(fault.into()), claimed, trials: Vec::new() }
    }

    /// The certificate would be accepted, but the peer did not prove possession of its key (RFC 8446, 4.4.3).
    pub fn unproven(claimed: Box<Identity>) -> Self {
        let fault = "the peer presented this certificate without proof of its key".to_owned();
        Self {
            reason: RefusalReason::Unproven,
            fault: Some(fault),
            claimed: Some(claimed),
            trials: Vec::new(),
        }
    }

    /// The senders whose own CA stands for the certificate, other doubts aside.
    pub fn vouched(&self) -> Vec<&Name> {
        self.trials.iter().filter(|trial| trial.knows_the_ca()).map(|trial| &trial.sender).collect()
    }

    /// The reason in a sentence for each sender that it comes from, safe to show.
    pub fn detail(&self) -> String {
        if let Some(fault) = &self.fault {
            return Escaped(fault).to_string();
        }
        let sentences = || self.trials.iter().filter_map(|trial| self.sentence(trial)).collect::<Vec<_>>();
        match self.reason {
            RefusalReason::NoCertificate => "no client certificate was presented".to_owned(),
            RefusalReason::UnknownCa => format!(
                "no configured CA vouches; compare this fingerprint with the bank before trusting it{}",
                self.closest().map(|closest| format!(" ({closest})")).unwrap_or_default()
            ),
            RefusalReason::Unreadable => {
                let doubts = self.trials.iter().filter_map(|trial| trial.trust.as_ref().err());
                let first = doubts.max_by_key(|doubt| doubt.kind);
                first.map(|doubt| Escaped(&doubt.detail).to_string()).unwrap_or_default()
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
        let doubts =
            self.trials.iter().filter_map(|trial| Some((&trial.sender, trial.trust.as_ref().err()?)));
        // The first of those that came equally close.
        let (sender, doubt) = doubts.rev().max_by_key(|(_, doubt)| doubt.kind)?;
        Some(format!("sender `{sender}`: {}", Escaped(&doubt.detail)))
    }

    /// What one sender has to do with the reason, if it has.
    fn sentence(&self, trial: &Trial) -> Option<String> {
        let sender = &trial.sender;
        match &trial.trust {
            Ok(_) if self.reason == RefusalReason::Rule => {
                let all: Vec<_> = trial.mismatches.iter().map(mismatch).collect();
                Some(format!(
                    "a CA of sender `{sender}` vouches for the certificate, but {}",
                    all.join(", and ")
                ))
            }
            Err(doubt) if self.reason == doubt.kind.into() => {
                Some(format!("sender `{sender}`: {}", Escaped(&doubt.detail)))
            }
            Ok(_) | Err(_) => None,
        }
    }

    /// Each matcher that did not hold for a sender whose CA vouched: what it asks for, and what the
    /// certificate says. Safe to show.
    pub fn mismatches(&self) -> impl Iterator<Item = (&Name, &Mismatch)> {
        let vouched = self.trials.iter().filter(|trial| trial.knows_the_ca());
        vouched.flat_map(|trial| trial.mismatches.iter().map(|mismatch| (&trial.sender, mismatch)))
    }

    /// The lines of webhooks.toml that would admit the certificate, for each sender whose own CA
    /// vouches for it without any other doubt. Nobody else's certificate gets such advice: a
    /// stranger must not talk an operator into it.
    pub fn admitting(&self) -> Vec<Advice<'_>> {
        let Some(claimed) = self.claimed.as_deref() else { return Vec::new() };
        self.trials.iter().filter_map(|trial| advice(trial, claimed)).collect()
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

fn advice<'a>(trial: &'a Trial, claimed: &Identity) -> Option<Advice<'a>> {
    let mut lines = match &trial.trust {
        Ok(_) => Vec::new(),
        // A CA's own certificate is of another purpose too, and no key lets that in.
        Err(doubt) if doubt.kind == DoubtKind::Purpose && !claimed.issuing.is_ca => {
            vec!["eku = \"any\"".to_owned()]
        }
        Err(_) => return None,
    };
    for mismatch in &trial.mismatches {
        lines.push(line(mismatch)?);
    }
    (!lines.is_empty()).then_some(Advice { sender: &trial.sender, lines })
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
