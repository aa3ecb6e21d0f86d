//! The metrics of the daemon and of `forward`: their names, labels and help texts. No sockets.
//!
//! A label is an enum with a closed set of values, or a name from the configuration. Every series of a closed set exists
//! from the start, at 0. No label contains data from a peer.

mod labels;
mod families;
mod catalog;
mod forward;

pub use catalog::{HandshakeMetrics, Metrics, NO_ENDPOINT, PeerMetrics};
pub use families::{Counter, Counters, Gauge, Observations};
pub use forward::{ConsumerGauges, ConsumerMetrics, ForwardMetrics};
pub use labels::{
    AttemptOutcome, CertificateRole, ConnectionRefusalReason, DeliveryOutcome, GoAwayReason,
    HandshakeFailureReason, HandshakeOutcome, MetricLabel, Queue, RefusalReason, ReloadOutcome, StallKind,
};
