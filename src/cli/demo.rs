//! `hookspool demo`: not on this branch.

use std::path::Path;

use super::exit::{Exit, Failure};

/// Stands in until the daemon is here.
///
/// # Errors
/// Always.
pub fn demo(_config: &Path, _once: bool) -> Result<Exit, Failure> {
    Err(Failure::Usage("`demo` is not in this version".to_owned()))
}
