//! A runtime on the calling thread, for commands that use the network or start processes.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use tokio::signal::unix::{SignalKind, signal};

use super::exit::Failure;

/// Runs a future to completion.
///
/// # Errors
/// If the runtime cannot be created.
pub fn block_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map(|runtime| runtime.block_on(future))
        .map_err(|why| Failure::Io { what: "cannot start the runtime".to_owned(), why })
}

/// Waits for SIGINT, SIGTERM, SIGQUIT or SIGHUP, for a command that prints a report before it exits.
///
/// # Errors
/// If the system refuses a handler.
pub async fn ending_signal() -> io::Result<()> {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::quit(), SignalKind::hangup()];
    let mut signals = kinds.into_iter().map(signal).collect::<io::Result<Vec<_>>>()?;
    poll_fn(|context| {
        let received = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if received { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    Ok(())
}
