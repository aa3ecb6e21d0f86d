//! A sender.

use super::name::Name;
use super::rule::Rule;

/// A sender's name and rule. Its anchors are in [`crate::tls::trust::SenderTrust`], because this layer does not use
/// TLS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sender {
    /// The name from webhooks.toml.
    pub name: Name,
    /// The requirements on the sender's certificates.
    pub rule: Rule,
}
