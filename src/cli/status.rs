//! stub
use super::exit::{Exit, Failure};
use crate::admin::Address;
use std::path::Path;
/// stub
pub fn default_addresses(_config: &Path) -> Vec<Address> {
    Vec::new()
}
/// stub
///
/// # Errors
/// stub
pub fn status(_addresses: &[Address], _json: bool) -> Result<Exit, Failure> {
    Err(Failure::Usage("not yet".to_owned()))
}
