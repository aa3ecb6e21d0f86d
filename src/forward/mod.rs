//! Forwards entries from the spool to applications. One [`Target`] for each kind; one engine for all of them.
//!
//! ```text
//! backlog -> Claim -> Delivery -> Target::deliver -> Verdict -> Finished
//! ```

mod template;
mod settings;
mod delivery;
mod report;
mod status;
mod target;
mod claim;
mod attempt;
mod schedule;
mod backlog;
mod waiting;
mod scheduler;
mod queue_maintenance;
mod engine;
mod copy;

pub use claim::ForwardSpool;
pub use copy::copy;
pub use delivery::Delivery;
pub use engine::{Engine, EngineContext};
pub use report::{AttemptReport, Observer};
pub use settings::{
    Consumer, ExecSettings, HttpAddress, HttpSettings, NatsSettings, Order, PostgresSettings, RetrySettings,
    SecretBytes, TargetSettings, TargetTls,
};
pub use status::{AttemptError, ConsumerStatus, SharedStatus};
#[cfg(feature = "postgres")]
pub use target::print_schema;
pub use target::{BatchLimits, Target, TargetFault, Verdict, open_target};
pub use template::{Template, TemplateFault};
