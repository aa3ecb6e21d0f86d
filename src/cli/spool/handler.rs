//! Runs the command of `take --exec`, and maps its exit status to a queue.

use std::ffi::OsString;
use std::io;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use super::context::SpoolContext;
use crate::cli::runtime::block_on;
use crate::metrics::Queue;
use crate::spool::{EnvelopeFacts, Lease, handler_environment, handler_input, queue_after};

/// The result of a handler.
#[derive(Debug)]
pub(super) struct HandlerResult {
    pub(super) status: ExitStatus,
    /// Whether `take` received a signal to end, which it passed on.
    pub(super) is_interrupted: bool,
}

impl HandlerResult {
    /// The queue that the entry is moved to.
    pub(super) fn queue(&self) -> Queue {
        queue_after(self.status)
    }

    /// Whether a signal ended the handler.
    pub(super) fn is_killed(&self) -> bool {
        self.status.code().is_none()
    }
}

/// Runs the handler on a claimed entry and waits for its end. The handler reads the payload from the locked
/// descriptor, so it holds the lease as long as it runs, even if this process ends.
pub(super) fn run(
    context: &SpoolContext,
    lease: &Lease,
    facts: &EnvelopeFacts,
    command: &[OsString],
) -> io::Result<HandlerResult> {
    let path = lease.place().path(&context.layout);
    let [program, arguments @ ..] = command else { return Err(io::ErrorKind::InvalidInput.into()) };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(handler_environment(facts, &path))
        .stdin(handler_input(lease.file(), &path)?);
    block_on(wait(command)).unwrap_or_else(|failure| Err(io::Error::other(failure.to_string())))
}

/// Starts the command, passes signals on to it, and waits for it as long as it takes.
async fn wait(mut command: Command) -> io::Result<HandlerResult> {
    // Before the command starts, so that a signal in between does not end only this process.
    let mut signals = [
        (signal(SignalKind::terminate())?, Signal::TERM),
        (signal(SignalKind::interrupt())?, Signal::INT),
        (signal(SignalKind::hangup())?, Signal::HUP),
        (signal(SignalKind::quit())?, Signal::QUIT),
    ];
    let mut child = command.spawn()?;
    let pid = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    let mut is_interrupted = false;
    let [term, int, hup, quit] = &mut signals;
    loop {
        let passed_on = tokio::select! {
            status = child.wait() => return Ok(HandlerResult { status: status?, is_interrupted }),
            _ = term.0.recv() => term.1,
            _ = int.0.recv() => int.1,
            _ = hup.0.recv() => hup.1,
            _ = quit.0.recv() => quit.1,
        };
        is_interrupted = true;
        if let Some(pid) = pid {
            // The process may have ended already.
            let _ = kill_process(pid, passed_on);
        }
    }
}
