//! Where the queues are: beneath the root that is held, on its file system and in its mount.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::layout::{Layout, Queue};
use super::volume::{NotOurs, Volume};
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
        Ok(false) => Some(fault(&directory, &NotOurs::Elsewhere.into())),
        Err(error) => Some(fault(&directory, &error)),
    }
}

/// The endpoints with a queue that cannot be used, and why.
pub(super) fn faults<V: Volume>(volume: &V, layout: &Layout, endpoints: &[Name]) -> BTreeMap<Name, String> {
    let first =
        |endpoint| Queue::ALL.into_iter().find_map(|queue| fault_of_queue(volume, layout, endpoint, queue));
    endpoints.iter().filter_map(|endpoint| Some((endpoint.clone(), first(endpoint)?))).collect()
}

/// What is wrong with a directory, and what to do.
pub(super) fn fault(directory: &Path, error: &io::Error) -> String {
    let is_elsewhere = error.get_ref().and_then(|source| source.downcast_ref()) == Some(&NotOurs::Elsewhere);
    let hint = if is_elsewhere {
        "; mount only the root, and give an endpoint that needs its own disk a separate spool"
    } else if error.kind() == io::ErrorKind::NotFound {
        "; a restart creates it"
    } else {
        ""
    };
    format!("`{}`: {error}{hint}", directory.display())
}
