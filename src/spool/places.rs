//! Where the queues are: beneath the root that is held, on its file system and in its mount.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::layout::{Layout, Queue};
use super::volume::Volume;
use crate::policy::Name;

/// Why this queue of an endpoint cannot be used; none if it can.
pub(super) fn fault_of_queue<V: Volume>(
    volume: &V,
    layout: &Layout,
    endpoint: &Name,
    queue: Queue,
) -> Option<String> {
    let directory = layout.queue(endpoint, queue);
    match volume.is_in_mount(&directory) {
        Ok(true) => None,
        Ok(false) => Some(elsewhere(&directory)),
        Err(error) => Some(unusable(&directory, &error)),
    }
}

/// The endpoints with a queue that cannot be used, and why.
pub(super) fn faults<V: Volume>(volume: &V, layout: &Layout, endpoints: &[Name]) -> BTreeMap<Name, String> {
    let fault =
        |endpoint| Queue::ALL.into_iter().find_map(|queue| fault_of_queue(volume, layout, endpoint, queue));
    endpoints.iter().filter_map(|endpoint| Some((endpoint.clone(), fault(endpoint)?))).collect()
}

fn elsewhere(directory: &Path) -> String {
    format!(
        "`{}` is on another file system or mount than the spool's root, so entries cannot be moved there \
         safely; mount only the root, and give an endpoint that needs its own disk a spool of its own",
        directory.display()
    )
}

fn unusable(directory: &Path, error: &io::Error) -> String {
    let hint = if error.kind() == io::ErrorKind::NotFound { "; a restart creates it" } else { "" };
    format!("`{}`: {error}{hint}", directory.display())
}
