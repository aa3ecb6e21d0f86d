//! What the outside world tells the process.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that mean something to us.
#[derive(Debug)]
pub struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Listens from now on; needs a runtime.
    ///
    /// # Errors
    /// When the system will not have a handler.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Said {
        tokio::select! {
            _ = self.terminate.recv() => Said::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Said::Stop("SIGINT"),
            _ = self.hangup.recv() => Said::Reload,
        }
    }

    /// Waits until somebody wants the program to stop, and says how.
    pub async fn stop(&mut self) -> &'static str {
        loop {
            if let Said::Stop(signal) = self.next().await {
                return signal;
            }
        }
    }
}

/// What a signal says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Said {
    /// To stop; with its name.
    Stop(&'static str),
    /// To read certificates and configuration again.
    Reload,
}
