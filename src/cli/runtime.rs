//! A runtime on the calling thread, for commands that ask others.

use super::exit::Failure;

/// Runs a future to its end.
///
/// # Errors
/// When the system does not give what a runtime needs.
pub fn block_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map(|runtime| runtime.block_on(future))
        .map_err(|why| Failure::Io { what: "cannot start the runtime".to_owned(), why })
}
