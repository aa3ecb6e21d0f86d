//! `hookspool run`: not on this branch.

use std::path::Path;

use super::exit::{Exit, Failure};

/// Stands in until the daemon is here.
///
/// # Errors
/// Always.
pub fn run(_config: &Path) -> Result<Exit, Failure> {
    Err(Failure::Usage("`run` is not in this version".to_owned()))
}
