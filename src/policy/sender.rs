//! Senders, and the two answers to "may this certificate come in?".

use jiff::Timestamp;

use super::name::Name;
use super::rule::{Mismatch, Rule};
use crate::identity::Identity;

/// The place of a sender in the policy's table.
pub type SenderIndex = usize;

/// Who we know: a name, and what that sender's certificate must say. The anchors that must vouch
/// for it belong to the same sender and to no other; they are kept beside this, where TLS lives.
#[derive(Clone, Debug)]
pub struct Sender {
    /// What the operator calls the sender.
    pub name: Name,
    /// What its certificate must say.
    pub rule: Rule,
}

/// A certificate that gets in: whose it can be, and for how long.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Admission {
    /// The senders whose anchors vouched and whose rule holds, never empty, in the policy's order.
    senders: Vec<SenderIndex>,
    /// The end of its validity, or of the anchor's that vouched, whichever is first: no request is
    /// taken later than this.
    pub not_after: Timestamp,
}

/// Why one sender's anchors do not vouch for a certificate.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Doubt {
    /// None of them issued it, or the signatures do not hold.
    UnknownCa,
    /// It, or a part of its chain, is not what the sender's CA may issue, or not readable.
    Unreadable,
    /// It is marked for another purpose.
    Purpose,
    /// A certificate of the chain is not valid yet.
    NotYetValid,
    /// A certificate of the chain, or the anchor itself, is not valid any more.
    Expired,
}

/// A handshake that was refused, and all that is known of who asked.
///
/// The certificate is only *claimed*: possession of its key is proved after it has been judged.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Why.
    pub reason: RefusalReason,
    /// What the certificate says, where it could be read.
    pub claimed: Option<Box<Identity>>,
}

/// Why a handshake was refused: a closed set, and the labels of `hookspool_refusals_total`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RefusalReason {
    /// The certificate, or an anchor above it, is past its dates.
    Expired,
    /// No certificate was presented.
    NoCertificate,
    /// The certificate, or an anchor above it, is not valid yet.
    NotYetValid,
    /// It is marked for another purpose than client authentication.
    Purpose,
    /// Anchors of these senders vouched for it, and none of their rules holds.
    Rule(Vec<(Name, Mismatch)>),
    /// No anchor of any sender vouches for it.
    UnknownCa,
    /// It is not a certificate that can be read.
    Unreadable(String),
}

impl Admission {
    /// Judges a certificate that the anchors of `vouched` stand for.
    ///
    /// # Errors
    /// When no rule of those senders holds: with what each expected and what was presented.
    pub fn judge(
        senders: &[Sender],
        vouched: &[SenderIndex],
        identity: &Identity,
        not_after: Timestamp,
    ) -> Result<Self, RefusalReason> {
        let mut admitted = Vec::new();
        let mut mismatches = Vec::new();
        for &index in vouched {
            match senders[index].rule.check(identity) {
                Ok(()) => admitted.push(index),
                Err(mismatch) => mismatches.push((senders[index].name.clone(), mismatch)),
            }
        }
        match (admitted.is_empty(), mismatches.is_empty()) {
            (false, _) => Ok(Self { senders: admitted, not_after }),
            (true, false) => Err(RefusalReason::Rule(mismatches)),
            (true, true) => Err(RefusalReason::UnknownCa),
        }
    }

    /// Whether the certificate can be this sender's.
    pub fn is_for(&self, sender: SenderIndex) -> bool {
        self.senders.contains(&sender)
    }

    /// The senders whose certificate this can be; never empty.
    pub fn senders(&self) -> &[SenderIndex] {
        &self.senders
    }
}

impl From<Doubt> for RefusalReason {
    fn from(doubt: Doubt) -> Self {
        match doubt {
            Doubt::UnknownCa => Self::UnknownCa,
            Doubt::Unreadable => Self::Unreadable("its chain is not one that may be issued".to_owned()),
            Doubt::Purpose => Self::Purpose,
            Doubt::NotYetValid => Self::NotYetValid,
            Doubt::Expired => Self::Expired,
        }
    }
}

impl RefusalReason {
    /// The reason as a metric's label.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NoCertificate => "no_certificate",
            Self::NotYetValid => "not_yet_valid",
            Self::Purpose => "purpose",
            Self::Rule(_) => "rule",
            Self::UnknownCa => "unknown_ca",
            Self::Unreadable(_) => "unreadable",
        }
    }
}
