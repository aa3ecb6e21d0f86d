//! Checks that the queues can be used: they must be on the file system and in the mount of the root.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::layout::Layout;
use super::volume::{UnexpectedFile, Volume};
use crate::metrics::Queue;
use crate::policy::Name;

/// Returns why this queue of an endpoint cannot be used; none if it can.
pub(super) fn fault_of_queue<V: Volume>(
    volume: &V,
    layout: &Layout,
    endpoint: &Name,
    queue: Queue,
) -> Option<String> {
    let directory = layout.queue(endpoint, queue);
    match volume.is_in_mount(&directory) {
        Ok(true) => None,
        Ok(false) => Some(fault(&directory, &UnexpectedFile::OtherMount.into())),
        Err(error) => Some(fault(&directory, &error)),
    }
}

/// Returns the endpoints with a queue that cannot be used, and why.
pub(super) fn faults<V: Volume>(volume: &V, layout: &Layout, endpoints: &[Name]) -> BTreeMap<Name, String> {
    let first = |endpoint| {
        Queue::ALL.iter().copied().find_map(|queue| fault_of_queue(volume, layout, endpoint, queue))
    };
    endpoints.iter().filter_map(|endpoint| Some((endpoint.clone(), first(endpoint)?))).collect()
}

/// Describes why a directory cannot be used, and how to correct it.
pub(super) fn fault(directory: &Path, error: &io::Error) -> String {
    let is_other_mount =
        error.get_ref().and_then(|source| source.downcast_ref()) == Some(&UnexpectedFile::OtherMount);
    let hint = if is_other_mount {
        "; mount only the root, and give an endpoint that needs its own disk a separate spool"
    } else if error.kind() == io::ErrorKind::NotFound {
        "; a restart creates it"
    } else {
        ""
    };
    format!("`{}`: {error}{hint}", directory.display())
}
