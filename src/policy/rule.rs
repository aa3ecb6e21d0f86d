//! What a sender's certificate has to say.

use super::matcher::{Matcher, Mismatch};
use crate::identity::Identity;

/// The matchers of one sender, at least one. All must hold; within each, any value will do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule(Vec<Matcher>);

impl Rule {
    /// A rule of these matchers; `None` where there are none, as that would let everyone in.
    pub fn new(matchers: Vec<Matcher>) -> Option<Self> {
        (!matchers.is_empty()).then_some(Self(matchers))
    }

    /// The matchers.
    pub fn matchers(&self) -> &[Matcher] {
        &self.0
    }

    /// Every matcher that does not hold for a certificate; none, when the rule holds.
    pub fn mismatches(&self, identity: &Identity) -> Vec<Mismatch> {
        self.0.iter().filter_map(|matcher| matcher.check(identity).err()).collect()
    }
}
