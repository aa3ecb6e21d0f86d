//! Runs this program again as another user, with that user's groups, with `id` and util-linux's `setpriv`.

use std::ffi::OsStr;
use std::os::fd::IntoRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use rustix::fs::{Mode, OFlags, open};
use rustix::process::geteuid;

use super::exit::Failure;
use crate::systemd::credentials;
use crate::systemd::unit::Unit;

/// The program of this process. This path works even if the directory of the program is not accessible.
const PROGRAM: &str = "/proc/self/exe";

/// The credentials of running units, each in a directory that its user can read.
const CREDENTIALS: &str = "/run/credentials";

/// A user that `id` finds in any of the user databases of this machine.
#[derive(Clone, Debug)]
pub struct User {
    uid: String,
}

impl User {
    /// Finds a user by name or number.
    ///
    /// # Errors
    /// If there is no such user.
    pub fn find(user: &str) -> Result<Self, Failure> {
        Ok(Self { uid: id("-u", user)? })
    }

    /// The number of the user.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Whether this process already runs as the user.
    pub fn is_current(&self) -> bool {
        self.uid == geteuid().as_raw().to_string()
    }

    /// Replaces this process by the program as this user. Returns only if that fails.
    pub fn replace_process(&self, args: &[&OsStr], unit: Option<&Unit>) -> Failure {
        match self.command(args, unit) {
            Ok(mut command) => not_run(command.exec()),
            Err(failure) => failure,
        }
    }

    /// The command that runs this program as this user. If the unit runs as the same user, the command also gets the
    /// groups and credentials of the unit.
    ///
    /// # Errors
    /// If this process may not become that user.
    pub fn command(&self, args: &[&OsStr], unit: Option<&Unit>) -> Result<Command, Failure> {
        let unit = unit.filter(|unit| {
            unit.user().is_some_and(|user| Self::find(user).is_ok_and(|user| user.uid == self.uid))
        });
        let mut command = if self.is_current() { Command::new(PROGRAM) } else { self.switch(unit)? };
        command.args(args);
        if let Some(unit) = unit.filter(|_| credentials::directory().is_none()) {
            let credentials = Path::new(CREDENTIALS).join(unit.name());
            if credentials.is_dir() {
                command.env("CREDENTIALS_DIRECTORY", credentials);
            }
        }
        Ok(command)
    }

    /// The command that becomes this user and runs this program, so far without arguments.
    fn switch(&self, unit: Option<&Unit>) -> Result<Command, Failure> {
        if !geteuid().is_root() {
            return Err(Failure::Usage(format!("only root can read files as user {}", self.uid)));
        }
        let groups = id("-G", &self.uid)?;
        let mut groups: Vec<&str> = groups.split(' ').collect();
        let primary = groups[0];
        groups.extend(unit.into_iter().flat_map(Unit::groups));
        // Not closed here, because `setpriv` must inherit it.
        let program = open(PROGRAM, OFlags::PATH, Mode::empty()).map_err(|why| not_run(why.into()))?;
        let path = format!("/proc/self/fd/{}", program.into_raw_fd());
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &self.uid, "--regid", primary, "--groups", &groups.join(",")]).arg(path);
        Ok(command)
    }
}

/// The output of id(1) about a user.
fn id(flag: &str, user: &str) -> Result<String, Failure> {
    let output = Command::new("id").args([flag, "--", user]).output();
    let output = output.map_err(|why| Failure::Io { what: "cannot run `id`".to_owned(), why })?;
    if !output.status.success() {
        return Err(Failure::Usage(format!("there is no user `{user}`")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn not_run(why: std::io::Error) -> Failure {
    Failure::Io { what: "cannot read files as another user with `setpriv` of util-linux".to_owned(), why }
}
