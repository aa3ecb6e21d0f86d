//! What is fuzzed. Each module has a function `run`, which decodes its input and panics if a property does not hold.
//!
//! `tests/fuzz.rs` replays the corpora and mutates them on the stable toolchain; `fuzz_targets/` runs the same functions
//! with cargo-fuzz.

pub mod certificate;
pub mod chain;
pub mod der;
pub mod distinguished_name;
pub mod entry;
pub mod files;
pub mod log;
pub mod path;
pub mod proxy;
pub mod query_secret;
pub mod revocation_list;
pub mod settings;
