//! Senders: who we know.

use super::name::Name;
use super::rule::Rule;

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
