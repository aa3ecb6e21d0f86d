//! The door for the operator: health, metrics, status. It has a thread of its own, so that it
//! answers when everything else is busy.

mod settings;

pub use settings::{Address, Settings};
