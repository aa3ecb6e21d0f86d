//! Inspects the directories of a spool without changing them, for `hookspool check`.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::disk::Disk;
use super::file_system::FileSystem;
use super::layout::Layout;
use super::queue_faults::fault_of_queue;
use super::settings::Settings;
use super::volume::Volume as _;
use crate::metrics::Queue;
use crate::policy::{Endpoint, Name};
use crate::quantity::ByteSize;

/// A problem of the spool.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SpoolProblem {
    /// The file system can lose acknowledged entries.
    Risk(String),
    /// The daemon would not start, or the deliveries of an endpoint would get 503.
    Unusable(String),
}

/// Reports that the limits of all endpoints together are larger than the disk that the root is on, or will be created
/// on.
pub fn inspect_limits<'a>(
    settings: &Settings,
    endpoints: impl IntoIterator<Item = &'a Arc<Endpoint>>,
) -> Option<String> {
    let limits = endpoints.into_iter().filter_map(|endpoint| endpoint.max_spool);
    let sum = limits.fold(0_u64, |sum, limit| sum.saturating_add(limit.0));
    let absolute = std::path::absolute(&settings.directory).ok()?;
    let stat = absolute.ancestors().find_map(|path| rustix::fs::statvfs(path).ok())?;
    let size = stat.f_blocks.saturating_mul(stat.f_frsize);
    (sum > size).then(|| {
        let directory = settings.directory.display();
        format!(
            "`max_spool` of all endpoints is {} in total, and the disk of [spool] directory `{directory}` has {size} bytes",
            ByteSize(sum)
        )
    })
}

/// Inspects the directories that exist. Missing ones are not a problem: the daemon creates them at its start.
pub fn inspect(settings: &Settings, endpoints: &[Name]) -> Vec<SpoolProblem> {
    let root = settings.directory.as_path();
    let unusable = |error: io::Error| SpoolProblem::Unusable(format!("`{}`: {error}", root.display()));
    let mut problems: Vec<_> = risk(root).into_iter().collect();
    let disk = match Disk::open(root, settings.group) {
        Ok(disk) => disk,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return problems,
        Err(error) => return problems.into_iter().chain([unusable(error)]).collect(),
    };
    let layout = Layout::new(root.to_owned());
    for endpoint in endpoints {
        let exists = |queue: &Queue| {
            let found = disk.is_in_mount(&layout.queue(endpoint, *queue));
            !found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        };
        let fault = |queue| fault_of_queue(&disk, &layout, endpoint, queue);
        problems.extend(Queue::ALL.iter().copied().filter(exists).find_map(fault).map(|fault| {
            SpoolProblem::Unusable(format!("the queues of endpoint `{endpoint}` cannot be used: {fault}"))
        }));
    }
    problems
}

/// The risk of the file system that the root is on, or will be created on.
fn risk(root: &Path) -> Option<SpoolProblem> {
    let absolute = std::path::absolute(root).ok()?;
    let directory = absolute.ancestors().find_map(|path| std::fs::File::open(path).ok())?;
    let risk = FileSystem::of(&directory).ok()?.risk()?;
    Some(SpoolProblem::Risk(format!("[spool] directory `{}` is on {risk}", root.display())))
}
