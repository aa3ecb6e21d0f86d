//! The private key is in our memory: nobody gets a copy of that.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// No core dump, whatever ends the process, and no debugger of another process of this user: from
/// here on `/proc/PID/mem` is root's (prctl(2), `PR_SET_DUMPABLE`).
///
/// # Errors
/// When the system refuses.
pub fn keep_memory_private() -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // Where systemd has set it, it may have forbidden to set limits as well.
    if getrlimit(Resource::Core) != none {
        setrlimit(Resource::Core, none)?;
    }
    Ok(())
}
