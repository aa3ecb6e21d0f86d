//! A sender.

use super::name::Name;
use super::rule::Rule;

/// The index of a sender in the policy's table.
pub type SenderIndex = usize;

/// A sender's name and rule. Its anchors are in [`crate::tls::trust::SenderTrust`], because this layer does not use
/// TLS.
#[derive(Clone, Debug)]
pub struct Sender {
    /// The name from webhooks.toml.
    pub name: Name,
    /// The requirements on the sender's certificates.
    pub rule: Rule,
}
