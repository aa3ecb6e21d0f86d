//! Files that are not intact entries are moved to `corrupt/` and never deleted. An entry may turn out to be intact after
//! all, for example after an error of the disk, and can then return to `new`.

use std::io;
use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::volume::Volume;
use crate::envelope::EntryId;
use crate::metrics::Queue;
use crate::policy::Name;

/// The number of names that are tried before the move fails.
const NAMES_MAX: usize = 1000;

/// Moves a file to `corrupt/`, under the name of the entry or, if that exists, the name with a number.
///
/// # Errors
/// As `rename(2)`.
pub(super) fn move_to_corrupt<V: Volume>(
    volume: &V,
    layout: &Layout,
    from: &Path,
    id: EntryId,
) -> io::Result<PathBuf> {
    let unnumbered = layout.corrupted(id);
    let numbered = (1..NAMES_MAX).map(|number| unnumbered.with_extension(format!("{number}.hook")));
    let free = [unnumbered.clone()]
        .into_iter()
        .chain(numbered)
        .find(|path| volume.facts(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound));
    let to = free.ok_or_else(|| io::Error::from(io::ErrorKind::AlreadyExists))?;
    volume.rename(from, &to)?;
    Ok(to)
}

/// A file in `corrupt/` with the name of an entry, or that name with a number.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct CorruptEntry {
    /// The ID in the file name.
    pub id: EntryId,
    /// The path of the file.
    pub path: PathBuf,
}

impl CorruptEntry {
    /// The entry whose file has this path; none if the name is not that of an entry.
    pub fn of(path: PathBuf) -> Option<Self> {
        let id = Layout::id_of(&path).or_else(|| {
            let unnumbered = path.with_extension("");
            let number = unnumbered.extension()?.to_str()?;
            let is_numbered = path.extension()? == "hook" && number.bytes().all(|byte| byte.is_ascii_digit());
            is_numbered.then(|| Layout::id_of(&unnumbered.with_extension("hook")))?
        })?;
        Some(Self { id, path })
    }
}

/// Lists the entries in `corrupt/`, in no order. Files that are not named like an entry are skipped.
///
/// # Errors
/// If the directory cannot be opened; the iterator returns an error if a name cannot be read.
pub fn corrupt_entries<V: Volume>(
    volume: &V,
    layout: &Layout,
) -> io::Result<impl Iterator<Item = io::Result<CorruptEntry>> + use<V>> {
    let corrupt = layout.corrupt();
    let names = match volume.list(&corrupt) {
        Ok(names) => Some(names),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let entry = move |name: io::Result<_>| match name {
        Ok(name) => CorruptEntry::of(corrupt.join(name)).map(Ok),
        Err(error) => Some(Err(error)),
    };
    Ok(names.into_iter().flatten().filter_map(entry))
}

/// Moves an entry from `corrupt/` to the queue `new` of an endpoint, durably.
///
/// # Errors
/// As `rename(2)` and `fsync(2)`.
pub fn return_from_corrupt<V: Volume>(
    volume: &V,
    layout: &Layout,
    entry: &CorruptEntry,
    endpoint: &Name,
) -> io::Result<()> {
    volume.rename(&entry.path, &layout.entry(endpoint, Queue::New, entry.id))?;
    volume.sync_dir(&layout.queue(endpoint, Queue::New))?;
    volume.sync_dir(&layout.corrupt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_an_entry_may_have_a_number() {
        let id = EntryId::fresh();
        let of =
            |name: String| CorruptEntry::of(Path::new("/spool/corrupt").join(name)).map(|entry| entry.id);
        for name in [format!("{id}.hook"), format!("{id}.1.hook"), format!("{id}.999.hook")] {
            assert_eq!(of(name), Some(id));
        }
        for name in ["hook", ".1.hook", "x.hook", "x.1.hook"] {
            assert_eq!(of(name.to_owned()), None);
        }
        for name in [format!("{id}"), format!("{id}.x.hook"), format!("{id}.1"), format!("{id}.1.2.hook")] {
            assert_eq!(of(name), None);
        }
    }
}
