//! Prevents copies of the process's memory, which contains the private key.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Disables core dumps, and prevents other processes of the same user from attaching a debugger: only root can access
/// `/proc/PID/mem` from now on (prctl(2), `PR_SET_DUMPABLE`).
///
/// # Errors
/// If a system call fails.
pub fn keep_memory_private() -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // If systemd has set the limit, its system call filter may reject setrlimit(2).
    if getrlimit(Resource::Core) != none {
        setrlimit(Resource::Core, none)?;
    }
    Ok(())
}
