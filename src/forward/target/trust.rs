//! How the servers of a target are verified.

use crate::forward::settings::TargetTls;
use crate::tls::client::{Trust, system_anchors};

/// The configured CAs, or else those of the system.
pub(super) fn trust(tls: &TargetTls) -> Trust {
    match (tls.insecure, tls.anchors.is_empty()) {
        (true, _) => Trust::DangerouslyAnything,
        (false, true) => Trust::Anchors(system_anchors()),
        (false, false) => Trust::Anchors(tls.anchors.clone()),
    }
}
