//! The requirements on a sender's certificate.

use super::matcher::Matcher;
use crate::identity::Identity;

/// The matchers of one sender, at least one. A certificate must match all of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule(Vec<Matcher>);

impl Rule {
    /// Creates a rule. `None` if there are no matchers, because an empty rule would match every certificate.
    pub fn new(matchers: Vec<Matcher>) -> Option<Self> {
        (!matchers.is_empty()).then_some(Self(matchers))
    }

    /// The matchers; never empty.
    pub fn matchers(&self) -> &[Matcher] {
        &self.0
    }

    /// Whether all matchers match a certificate.
    pub fn matches(&self, identity: &Identity) -> bool {
        self.0.iter().all(|matcher| matcher.matches(identity))
    }
}
