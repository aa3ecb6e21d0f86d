//! The decision whether a certificate is accepted.

use jiff::Timestamp;

use super::evaluation::Evaluation;
use super::name::Name;
use crate::escape::joined;
use crate::metrics::RefusalReason;

/// The senders that a certificate is accepted for, and until when.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Admission {
    /// The senders that trust the certificate and whose rule matches it, in the policy's order. Each has the last
    /// moment at which the certificate and everything that its trust depends on are valid. Never empty.
    senders: Vec<(Name, Timestamp)>,
}

impl Admission {
    /// The admission for these senders, in the policy's order; `None` if there are none.
    pub fn new(senders: impl Iterator<Item = (Name, Timestamp)>) -> Option<Self> {
        let senders: Vec<_> = senders.collect();
        (!senders.is_empty()).then_some(Self { senders })
    }

    /// Decides on the evaluations of all senders, in the policy's order.
    ///
    /// # Errors
    /// If no sender trusts the certificate and has a rule that matches. The reason is taken from the closest sender:
    /// one whose CA issued the certificate and whose rule matches, else one that trusts it, else the one with the latest kind of error.
    pub fn decide(evaluations: &[Evaluation]) -> Result<Self, RefusalReason> {
        let admitted = evaluations.iter().filter_map(|evaluation| match &evaluation.trust {
            Ok(trusted) if evaluation.mismatches == 0 => {
                Some((evaluation.sender.name.clone(), trusted.not_after))
            }
            Ok(_) | Err(_) => None,
        });
        if let Some(admission) = Self::new(admitted) {
            return Ok(admission);
        }
        let error = |evaluation: &Evaluation| evaluation.trust.as_ref().err().map(|error| error.kind);
        let matching =
            evaluations.iter().filter(|evaluation| evaluation.is_ca_known() && evaluation.mismatches == 0);
        if let Some(closest) = matching.filter_map(error).max() {
            return Err(closest.into());
        }
        if evaluations.iter().any(|evaluation| evaluation.trust.is_ok()) {
            return Err(RefusalReason::Rule);
        }
        Err(evaluations.iter().filter_map(error).max().map_or(RefusalReason::UnknownCa, RefusalReason::from))
    }

    /// The last moment at which the certificate is valid for this sender; `None` if it is not accepted for it.
    pub fn until(&self, sender: &Name) -> Option<Timestamp> {
        self.senders.iter().find(|(name, _)| name == sender).map(|(_, not_after)| *not_after)
    }

    /// The senders that the certificate is accepted for; never empty.
    pub fn senders(&self) -> impl Iterator<Item = &Name> {
        self.senders.iter().map(|(sender, _)| sender)
    }

    /// The names of the first senders, separated by commas, for a log line.
    pub fn joined_names(&self) -> String {
        joined(self.senders(), ",", ToString::to_string)
    }

    /// The last moment at which the certificate is valid for any sender. Later requests are refused.
    pub fn not_after(&self) -> Timestamp {
        self.senders.iter().map(|(_, not_after)| *not_after).max().unwrap_or(Timestamp::MIN)
    }
}
