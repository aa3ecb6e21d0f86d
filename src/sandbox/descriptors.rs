//! The limit of open files.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The soft limit of descriptors; `None` if there is none.
pub fn descriptor_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// The hard limit of descriptors, to which the soft limit can be raised; `None` if there is none.
pub fn hard_descriptor_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// Raises the soft limit of descriptors to the hard limit, because the usual soft limit of 1024 is too low, and returns
/// the limit in force; none if there is no limit.
///
/// # Errors
/// As `setrlimit(2)`.
pub fn raise_descriptor_limit() -> Result<Option<u64>, Errno> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    Ok(descriptor_limit())
}
