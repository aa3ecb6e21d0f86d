//! `hookspool check`: not on this branch.

use std::path::Path;

use super::exit::{Exit, Failure};

/// Stands in until the daemon is here.
///
/// # Errors
/// Always.
pub fn check(_config: &Path, _json: bool) -> Result<Exit, Failure> {
    Err(Failure::Usage("`check` is not in this version".to_owned()))
}
