//! The spool: a delivery is wholly there or not there at all.

mod settings;

pub use settings::Settings;
