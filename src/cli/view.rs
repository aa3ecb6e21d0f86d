//! `hookspool view`: serves the page, and prints the links to it.

use std::io::{self, BufRead as _};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::exit::{Exit, Failure};
use super::output::print;
use super::runtime::{block_on, ending_signal};
use super::view_args::ViewArgs;
use crate::config::{admin_settings, consumer_endpoints, forward_listen, sandbox_settings, spool_settings};
use crate::sandbox::{AccessPaths, Sandbox, SpoolAccess, keep_memory_private, restrict};
use crate::view::{Sessions, Settings, Times, ViewListener, ViewStartError};

/// Serves the page until a signal stops the process.
///
/// # Errors
/// If the configuration or the spool cannot be read, or the address cannot be bound.
pub fn view(config: &Path, args: &ViewArgs) -> Result<Exit, Failure> {
    keep_memory_private().map_err(|why| Failure::Io { what: "cannot disable core dumps".to_owned(), why })?;
    let forward = match consumer_endpoints(config)?.is_empty() {
        false => Some(forward_listen(config)?.listen),
        true => None,
    };
    let settings = Settings {
        listen: args.listen,
        read_only: args.read_only,
        times: Times::local(),
        spool: spool_settings(config)?,
        daemon: admin_settings(config)?.listen,
        forward,
    };
    let sessions = Sessions::new().map_err(io::Error::other).map_err(ViewStartError::from)?;
    // The sandbox does not apply to threads that exist already.
    let _sandbox = confine(config, &settings)?;
    block_on(serve(settings, Arc::new(sessions)))?
}

/// Restricts this thread and all later ones to the spool: they read it and, unless read-only, move entries within it.
fn confine(config: &Path, settings: &Settings) -> Result<Sandbox, Failure> {
    let spool_access = if settings.read_only { SpoolAccess::Read } else { SpoolAccess::Move };
    let paths =
        AccessPaths { spool: settings.spool.directory.clone(), spool_access, ..AccessPaths::default() };
    Ok(restrict(&sandbox_settings(config)?, &paths).map_err(ViewStartError::from)?)
}

async fn serve(settings: Settings, sessions: Arc<Sessions>) -> Result<Exit, Failure> {
    let view = ViewListener::bind(settings, Arc::clone(&sessions)).await?;
    let address = view.address().map_err(ViewStartError::from)?;
    let link = || {
        let link = sessions.link(address).map_err(io::Error::other).map_err(ViewStartError::from)?;
        print(&format!("{link}\n"))
    };
    // Before the first link is printed: the default action of the signal ends the process.
    let mut requests = signal(SignalKind::user_defined1()).map_err(ViewStartError::from)?;
    link()?;
    let (enter, mut entered) = mpsc::channel(1);
    thread::spawn(move || wait_for_enter(&enter));
    let (served, ended) = (view.serve(), ending_signal());
    tokio::pin!(served, ended);
    loop {
        tokio::select! {
            () = &mut served => return Ok(Exit::Success),
            ended = &mut ended => return ended.map(|()| Exit::Success).map_err(|why| ViewStartError::from(why).into()),
            Some(()) = entered.recv() => link()?,
            Some(()) = requests.recv() => link()?,
        }
    }
}

/// Reports each line of standard input, until it ends.
fn wait_for_enter(enter: &mpsc::Sender<()>) {
    for line in io::stdin().lock().lines() {
        if line.is_err() || enter.blocking_send(()).is_err() {
            return;
        }
    }
}
