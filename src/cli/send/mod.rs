//! `hookspool send`: delivers a file like a sender.

mod message;
mod summary;

mod once;
mod repeat;

use std::path::Path;

use super::args::SendArgs;
use super::exit::{Exit, Failure};
use super::files::stdin_at_most_once;
use super::peer::DeliveryClient;
use super::runtime::block_on;

/// Delivers once and prints the response, or delivers many times and prints a summary.
///
/// # Errors
/// If the flags are not valid, the server cannot be reached, or it refuses the client.
pub fn send(args: &SendArgs) -> Result<Exit, Failure> {
    let body = ("the body to send (FILE)", args.file.as_deref().unwrap_or(Path::new("-")));
    stdin_at_most_once(args.peer.files().chain([body]))?;
    let headers = message::headers(&args.headers)?;
    let peer = DeliveryClient::new(&args.url, &args.peer)?;
    let body = message::body(args.file.as_deref())?;
    let is_repeated = args.repeat > 1;
    block_on(async {
        if is_repeated {
            repeat::repeat(args, &peer, &headers, body).await
        } else {
            once::once(&args.url, &peer, &headers, body).await
        }
    })?
}
