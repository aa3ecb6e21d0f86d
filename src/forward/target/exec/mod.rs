//! The `exec` kind: a command for each entry, as `spool take --exec` runs it.

mod output;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use self::output::LastLine;
use super::{Target, Verdict, one_by_one};
use crate::escape::Escaped;
use crate::forward::delivery::Delivery;
use crate::forward::settings::ExecSettings;
use crate::metrics::Queue;
use crate::spool::{HANDLER_KILLS_MAX, handler_environment, payload_input, queue_after};

/// The entries whose killed handlers are counted. The count begins again for all of them when there are more.
const KILLED_ENTRIES_MAX: usize = 10_000;

/// A command.
#[derive(Debug)]
pub(super) struct ExecTarget {
    command: Vec<String>,
    /// How often a signal has ended the handler of an entry, by the entry's ID.
    killed: Mutex<BTreeMap<String, u32>>,
}

impl ExecTarget {
    pub(super) fn new(settings: &ExecSettings) -> Self {
        Self { command: settings.command.clone(), killed: Mutex::default() }
    }

    async fn attempt(&self, delivery: &Delivery) -> Verdict {
        let name = Escaped(self.command.first().map_or("", String::as_str)).to_string();
        let mut child = match self.start(delivery) {
            Ok(child) => child,
            Err(why) => {
                let reason = format!("cannot run `{name}`: {why}");
                // The cause is this entry: it cannot be read, or its environment contains a NUL or is too long.
                let is_about_entry = matches!(
                    why.kind(),
                    io::ErrorKind::InvalidInput | io::ErrorKind::ArgumentListTooLong | io::ErrorKind::Other
                );
                return if is_about_entry {
                    Verdict::Retry { after: None, reason }
                } else {
                    Verdict::Unreachable { reason }
                };
            }
        };
        match finished(&mut child).await {
            Ok((status, last)) => {
                let separator = if last.is_empty() { "" } else { ": " };
                self.verdict(
                    &delivery.facts.id,
                    status,
                    format!("`{name}` ended with {status}{separator}{last}"),
                )
            }
            Err(why) => Verdict::Retry { after: None, reason: format!("cannot wait for `{name}`: {why}") },
        }
    }

    fn start(&self, delivery: &Delivery) -> io::Result<Child> {
        let [program, arguments @ ..] = &*self.command else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        Command::new(program)
            .args(arguments)
            .envs(handler_environment(&delivery.facts, &delivery.path))
            .stdin(input(delivery)?)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
    }

    fn verdict(&self, id: &str, status: ExitStatus, reason: String) -> Verdict {
        let times = self.times_killed(id, status.code().is_none());
        match queue_after(status) {
            Queue::Done => Verdict::Done { detail: "exit status: 0".into() },
            Queue::New if times < HANDLER_KILLS_MAX => Verdict::Retry { after: None, reason },
            Queue::New | Queue::Failed | Queue::Taken => Verdict::Failed { reason },
        }
    }

    /// Counts a handler that a signal has ended. The count begins again after any other end, and at the maximum.
    fn times_killed(&self, id: &str, is_killed: bool) -> u32 {
        let mut killed = self.killed.lock().unwrap_or_else(PoisonError::into_inner);
        let times = killed.remove(id).unwrap_or(0) + u32::from(is_killed);
        if is_killed && times < HANDLER_KILLS_MAX {
            if killed.len() == KILLED_ENTRIES_MAX {
                killed.clear();
            }
            killed.insert(id.to_owned(), times);
        }
        if is_killed { times } else { 0 }
    }
}

/// Waits for a handler, and returns its status and the last line of its standard error. If this is dropped before, the
/// handler and all processes of its group are killed.
async fn finished(child: &mut Child) -> io::Result<(ExitStatus, String)> {
    let mut group = Group(child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)));
    let mut output = child.stderr.take().map(LastLine::new);
    let status = loop {
        let Some(open) = &mut output else { break child.wait().await };
        tokio::select! {
            // A process that outlives the handler may keep standard error open.
            status = child.wait() => break status,
            is_open = open.read() => if !is_open { break child.wait().await },
        }
    };
    // The process ID may belong to another process now.
    group.0 = None;
    let last = output.map(LastLine::finish).unwrap_or_default();
    Ok((status?, last))
}

/// The process group of a handler, killed when this is dropped.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // The handler has not been waited for, so the process ID still belongs to it.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// The locked descriptor, at the beginning of the payload, which follows the envelope and its newline.
fn input(delivery: &Delivery) -> io::Result<File> {
    let file = delivery.file.as_ref().ok_or(io::ErrorKind::InvalidInput)?;
    payload_input(file, delivery.envelope.len() + 1)
}

impl Target for ExecTarget {
    fn needs_file(&self) -> bool {
        true
    }

    fn deliver<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Verdict>> {
        one_by_one(batch, |delivery| self.attempt(delivery))
    }
}

#[cfg(test)]
mod tests;
