//! Forwards entries from the spool to applications. One [`Target`] for each kind; one engine for all of them.
//!
//! ```text
//! backlog -> Claim -> Delivery -> Target::deliver -> Verdict -> Finished
//! ```

mod template;
mod settings;
mod delivery;
mod target;

pub use delivery::Delivery;
pub use settings::{
    Consumer, ExecSettings, HttpAddress, HttpSettings, NatsSettings, Order, PostgresSettings, RetrySettings,
    SecretBytes, TargetSettings, TargetTls,
};
pub use target::{BatchLimits, Target, Verdict};
pub use template::{Template, TemplateFault};
