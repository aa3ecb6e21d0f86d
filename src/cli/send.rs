//! stub
use super::args::SendArgs;
use super::exit::{Exit, Failure};
/// stub
///
/// # Errors
/// stub
pub fn send(_args: &SendArgs) -> Result<Exit, Failure> {
    Err(Failure::Usage("not yet".to_owned()))
}
