//! The signals that the daemon and `forward` handle, and what it does on each.
//!
//! A signal that operators, tools or terminals send as a matter of routine must not end the daemon by its default
//! action. Those that report a fault of the process (SIGSEGV, SIGABRT, SIGSYS and others), those of job control
//! (SIGTSTP, SIGTTIN, SIGTTOU) and SIGXCPU keep their default action; SIGKILL and SIGSTOP cannot be handled.

use std::future::poll_fn;
use std::io;
use std::ops::RangeInclusive;
use std::task::{Context, Poll};

use rustix::process::Signal;
use tokio::runtime;
use tokio::signal::unix::{self, SignalKind, signal};

/// The reaction to a signal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Action {
    /// Stops gracefully.
    Stop,
    /// Reloads certificates and configuration.
    Reload,
    /// Logs that the signal has no effect, with the command that was probably intended.
    Ignore,
    /// None: the system call that failed returns an error, which is logged.
    Fail,
}

/// Every handled signal except the real-time signals.
const HANDLED: [(Signal, &str, Action); 14] = [
    (Signal::TERM, "SIGTERM", Action::Stop),
    (Signal::INT, "SIGINT", Action::Stop),
    (Signal::QUIT, "SIGQUIT", Action::Stop),
    (Signal::HUP, "SIGHUP", Action::Reload),
    (Signal::USR1, "SIGUSR1", Action::Ignore),
    (Signal::USR2, "SIGUSR2", Action::Ignore),
    (Signal::ALARM, "SIGALRM", Action::Ignore),
    (Signal::VTALARM, "SIGVTALRM", Action::Ignore),
    (Signal::PROF, "SIGPROF", Action::Ignore),
    (Signal::IO, "SIGIO", Action::Ignore),
    (Signal::POWER, "SIGPWR", Action::Ignore),
    (Signal::STKFLT, "SIGSTKFLT", Action::Ignore),
    (Signal::PIPE, "SIGPIPE", Action::Fail),
    // Above RLIMIT_FSIZE, a write returns EFBIG only if this signal is handled.
    (Signal::XFSZ, "SIGXFSZ", Action::Fail),
];

/// The real-time signals of Linux that the C library leaves to programs: glibc keeps 32 and 33, musl also 34.
const REAL_TIME: RangeInclusive<i32> = 34..=64;

/// What the log recommends instead of a signal that has no effect.
const HINT: &str = "`hookspool reload` or SIGHUP reloads, SIGTERM stops; logs go to standard error or the journal, so there is \
     no file to reopen";

/// A signal that requires an action.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Received {
    /// Stop the process. Contains the name of the signal.
    Stop(&'static str),
    /// Reload certificates and configuration.
    Reload,
}

/// The handlers of all signals that would otherwise end the process.
#[derive(Debug)]
pub struct Signals {
    handled: Vec<(unix::Signal, &'static str, Action)>,
    real_time: Vec<(unix::Signal, i32)>,
}

impl Signals {
    /// Installs the handlers. Signals are queued until a runtime is started.
    ///
    /// # Errors
    /// If the system refuses a handler.
    pub fn listen() -> io::Result<Self> {
        // This runtime installs the handlers and starts no thread; a later one receives their signals.
        let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
        let _entered = runtime.enter();
        let handled = HANDLED
            .into_iter()
            .map(|(number, name, action)| Ok((signal(SignalKind::from_raw(number.as_raw()))?, name, action)))
            .collect::<io::Result<_>>()?;
        // The C library determines which of them exist.
        let real_time = REAL_TIME
            .filter_map(|number| Some((signal(SignalKind::from_raw(number)).ok()?, number)))
            .collect();
        Ok(Self { handled, real_time })
    }

    /// Waits for the next signal that requires an action, and logs those that have no effect.
    pub async fn next(&mut self) -> Received {
        poll_fn(|context| self.poll(context)).await
    }

    /// Waits for the next signal that stops the process, and returns its name.
    pub async fn stop(&mut self) -> &'static str {
        loop {
            match self.next().await {
                Received::Stop(signal) => return signal,
                Received::Reload => tracing::warn!(signal = "SIGHUP", "signal ignored while stopping"),
            }
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        for (signal, name, action) in &mut self.handled {
            while let Poll::Ready(Some(())) = signal.poll_recv(context) {
                match action {
                    Action::Stop => return Poll::Ready(Received::Stop(name)),
                    Action::Reload => return Poll::Ready(Received::Reload),
                    Action::Ignore => ignored(name),
                    Action::Fail => {}
                }
            }
        }
        for (signal, number) in &mut self.real_time {
            while let Poll::Ready(Some(())) = signal.poll_recv(context) {
                ignored(&format!("SIGRTMIN+{}", *number - REAL_TIME.start()));
            }
        }
        Poll::Pending
    }
}

fn ignored(signal: &str) {
    tracing::warn!(signal, hint = HINT, "signal ignored");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Signals whose default action ends the process (signal(7)), and why they keep it.
    const DEFAULT: [(Signal, &str); 9] = [
        (Signal::ILL, "reports a fault"),
        (Signal::TRAP, "reports a fault"),
        (Signal::ABORT, "ends the process after a panic"),
        (Signal::BUS, "reports a fault"),
        (Signal::FPE, "reports a fault"),
        (Signal::SEGV, "reports a fault"),
        (Signal::SYS, "reports a system call that is not allowed"),
        (Signal::XCPU, "enforces RLIMIT_CPU"),
        (Signal::KILL, "cannot be handled"),
    ];
    /// Signals whose default action is harmless, or stops the process until SIGCONT.
    const HARMLESS: [Signal; 8] = [
        Signal::CHILD,
        Signal::CONT,
        Signal::STOP,
        Signal::TSTP,
        Signal::TTIN,
        Signal::TTOU,
        Signal::URG,
        Signal::WINCH,
    ];

    #[test]
    fn every_standard_signal_is_handled_or_listed_as_unhandled() {
        let handled = HANDLED.iter().map(|(signal, ..)| *signal);
        let all = handled.chain(DEFAULT.map(|(signal, _)| signal)).chain(HARMLESS);
        let numbers: Vec<_> = all.map(Signal::as_raw).collect();
        let distinct: BTreeSet<_> = numbers.iter().copied().collect();
        assert_eq!(numbers.len(), distinct.len());
        assert_eq!(distinct.into_iter().collect::<Vec<_>>(), (1..=31).collect::<Vec<_>>());
    }
}
