//! Creates the daemon's directories and restricts the process, before the first thread is started.

use std::fs;
use std::path::Path;

use rustix::fs::Mode;

use super::assemble::StartError;
use crate::admin::socket_folders;
use crate::config::Settings;
use crate::sandbox::{AccessPaths, Sandbox, SpoolAccess, restrict, unrestricted};
use crate::spool::{OpenError, make_root};
use crate::systemd::credentials;

/// Creates the directories, and restricts this thread and all later ones to the files that a daemon with these settings
/// needs. A reload can read new files only in the directories of the current ones.
///
/// # Errors
/// If a directory cannot be created, or the process cannot be restricted.
pub fn confine(settings: &Settings) -> Result<Sandbox, StartError> {
    make_folders(settings)?;
    let sockets = socket_folders(&settings.admin).map(Path::to_owned).collect();
    let places = AccessPaths {
        files: settings.files.clone(),
        read: credentials::directory().into_iter().collect(),
        spool: settings.spool.directory.clone(),
        sockets,
        spool_access: SpoolAccess::Write,
    };
    Ok(restrict(&settings.sandbox, &places)?)
}

/// Creates the directories without restricting the process, for `demo`, which also runs a client.
///
/// # Errors
/// If a directory cannot be created.
pub fn unconfined(settings: &Settings) -> Result<Sandbox, StartError> {
    make_folders(settings)?;
    Ok(unrestricted())
}

fn make_folders(settings: &Settings) -> Result<(), StartError> {
    // Files that are created from here on are accessible only to the daemon's user and group.
    rustix::process::umask(Mode::RWXO);
    make_root(&settings.spool.directory, settings.spool.group).map_err(OpenError::from)?;
    socket_folders(&settings.admin).try_for_each(fs::create_dir_all).map_err(StartError::Folder)
}
