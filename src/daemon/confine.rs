//! Before the first thread: the folders that are written to are made, and what lies beyond is given up.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;

use super::assemble::StartError;
use crate::admin::socket_folders;
use crate::config::Settings;
use crate::sandbox::{AccessPaths, Enforcement, Sandbox, restrict, unrestricted};
use crate::spool::{OpenError, make_root};
use crate::systemd::credentials;

/// Makes what has to be there, and restricts this thread and all later ones to what a daemon with
/// these settings has to do with. A reload finds its new files beneath the folders of today's.
///
/// # Errors
/// When a folder cannot be made, or the system refuses to restrict us.
pub fn confine(settings: &Settings) -> Result<Sandbox, StartError> {
    make_folders(settings)?;
    let sockets = socket_folders(&settings.admin).map(Path::to_owned).collect();
    let places = AccessPaths {
        files: settings.files.clone(),
        read: credentials::directory().into_iter().collect(),
        spool: settings.spool.directory.clone(),
        sockets,
    };
    Ok(restrict(&settings.sandbox, &places)?)
}

/// As [`confine`], and gives up nothing: for a demonstration, which is its own client.
///
/// # Errors
/// When a folder cannot be made.
pub fn unconfined(settings: &Settings) -> Result<Sandbox, StartError> {
    make_folders(settings)?;
    Ok(unrestricted())
}

fn make_folders(settings: &Settings) -> Result<(), StartError> {
    // Whatever is made from here on is nobody's but ours and our group's.
    rustix::process::umask(Mode::RWXO);
    make_root(&settings.spool.directory, settings.spool.group).map_err(OpenError::from)?;
    socket_folders(&settings.admin).try_for_each(fs::create_dir_all).map_err(StartError::Folder)
}

/// Says what is in force.
pub(super) fn say(sandbox: &Sandbox) {
    let shown = |folders: &BTreeSet<PathBuf>| {
        folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(" ")
    };
    let (read, write, abi) = (shown(&sandbox.read), shown(&sandbox.write), &sandbox.abi);
    match sandbox.force {
        Enforcement::Full => tracing::info!(landlock = "full", abi, read, write, "sandboxed"),
        Enforcement::Partial => {
            tracing::info!(
                landlock = "partial",
                abi,
                read,
                write,
                "sandboxed as far as this kernel knows Landlock"
            );
        }
        Enforcement::None => tracing::warn!(
            landlock = "none",
            "not sandboxed: this kernel has no Landlock, or it is not switched on; systemd's sandbox still holds where it is used"
        ),
        Enforcement::Off => tracing::info!(landlock = "off", "not sandboxed by Landlock"),
    }
}
