//! The decision on "may this certificate come in?".

use jiff::Timestamp;

use super::evaluation::{Evaluation, TrustError};
use super::refusal::RefusalReason;
use super::sender::SenderIndex;

/// A certificate that gets in: whose it can be, and for how long.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Admission {
    /// The senders whose anchors vouched and whose rule holds, never empty, in the policy's order,
    /// each with the last moment at which everything that vouched for it is valid.
    senders: Vec<(SenderIndex, Timestamp)>,
}

impl Admission {
    /// The decision, after every sender's evaluation, in the policy's order.
    ///
    /// # Errors
    /// When there is no sender whose CA vouches and whose rule holds. The reason is the one of
    /// the sender that it came closest to: a sender whose rule holds, else one whose CA vouches, else any.
    pub fn decide(evaluations: &[Evaluation]) -> Result<Self, RefusalReason> {
        let admitted =
            evaluations.iter().enumerate().filter_map(|(index, evaluation)| match &evaluation.trust {
                Ok(vouched) if evaluation.mismatches.is_empty() => Some((index, vouched.not_after)),
                Ok(_) | Err(_) => None,
            });
        let senders: Vec<_> = admitted.collect();
        if !senders.is_empty() {
            return Ok(Self { senders });
        }
        let error =
            |evaluation: &Evaluation| evaluation.trust.as_ref().err().map(|error: &TrustError| error.kind);
        let fitting = evaluations
            .iter()
            .filter(|evaluation| evaluation.knows_the_ca() && evaluation.mismatches.is_empty());
        if let Some(closest) = fitting.filter_map(error).max() {
            return Err(closest.into());
        }
        if evaluations.iter().any(|evaluation| evaluation.trust.is_ok()) {
            return Err(RefusalReason::Rule);
        }
        Err(evaluations.iter().filter_map(error).max().map_or(RefusalReason::UnknownCa, RefusalReason::from))
    }

    /// Until when the certificate can be this sender's; `None` if it cannot be.
    pub fn until(&self, sender: SenderIndex) -> Option<Timestamp> {
        self.senders.iter().find(|(index, _)| *index == sender).map(|(_, not_after)| *not_after)
    }

    /// The senders whose certificate this can be; never empty.
    pub fn senders(&self) -> impl Iterator<Item = SenderIndex> {
        self.senders.iter().map(|(sender, _)| *sender)
    }

    /// The last moment at which it can be anybody's; no request is taken later.
    pub fn not_after(&self) -> Timestamp {
        self.senders.iter().map(|(_, not_after)| *not_after).max().unwrap_or(Timestamp::MIN)
    }
}
