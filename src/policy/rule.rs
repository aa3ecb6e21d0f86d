//! What a sender's certificate has to say.

use crate::identity::{CommonName, Identity};

/// The matchers of one sender. All kinds that are given must hold; within a kind any value will do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// Exact common names: no wildcards, no folding of case, no trimming.
    pub cn: Vec<String>,
}

/// A certificate that an anchor of the sender vouched for, and that still is not the sender's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mismatch {
    /// The matcher that does not hold, as webhooks.toml calls it.
    pub matcher: &'static str,
    /// Any of these would have been accepted.
    pub expected: Vec<String>,
    /// What the certificate says instead.
    pub presented: CommonName,
}

impl Rule {
    /// Holds the rule against what a certificate says.
    ///
    /// # Errors
    /// With the first matcher that does not hold.
    pub fn check(&self, identity: &Identity) -> Result<(), Mismatch> {
        match identity.common_name.one() {
            Some(presented) if self.cn.iter().any(|expected| expected == presented) => Ok(()),
            Some(_) | None => Err(Mismatch {
                matcher: "cn",
                expected: self.cn.clone(),
                presented: identity.common_name.clone(),
            }),
        }
    }
}
