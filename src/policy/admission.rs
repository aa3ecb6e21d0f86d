//! The verdict on "may this certificate come in?".

use jiff::Timestamp;

use super::refusal::RefusalReason;
use super::sender::SenderIndex;
use super::trial::{Doubt, Trial};

/// A certificate that gets in: whose it can be, and for how long.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Admission {
    /// The senders whose anchors vouched and whose rule holds, never empty, in the policy's order.
    senders: Vec<SenderIndex>,
    /// The last moment at which everything that vouched is valid; no request is taken later.
    pub not_after: Timestamp,
}

impl Admission {
    /// The verdict, after every sender's trial, in the policy's order.
    ///
    /// # Errors
    /// When there is no sender whose CA vouches and whose rule holds. The reason is the one of
    /// whom it came closest to: a sender whose rule holds, else one whose CA vouches, else any.
    pub fn decide(trials: &[Trial]) -> Result<Self, RefusalReason> {
        let mut admitted = trials.iter().enumerate().filter_map(|(index, trial)| match &trial.trust {
            Ok(vouched) if trial.mismatches.is_empty() => Some((index, vouched.not_after)),
            Ok(_) | Err(_) => None,
        });
        if let Some((first, first_end)) = admitted.next() {
            let admission = Self { senders: vec![first], not_after: first_end };
            return Ok(admitted.fold(admission, |mut all, (sender, not_after)| {
                all.senders.push(sender);
                all.not_after = all.not_after.min(not_after);
                all
            }));
        }
        let doubt = |trial: &Trial| trial.trust.as_ref().err().map(|doubt: &Doubt| doubt.kind);
        let fitting = trials.iter().filter(|trial| trial.knows_the_ca() && trial.mismatches.is_empty());
        if let Some(closest) = fitting.filter_map(doubt).max() {
            return Err(closest.into());
        }
        if trials.iter().any(|trial| trial.trust.is_ok()) {
            return Err(RefusalReason::Rule);
        }
        Err(trials.iter().filter_map(doubt).max().map_or(RefusalReason::UnknownCa, RefusalReason::from))
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
