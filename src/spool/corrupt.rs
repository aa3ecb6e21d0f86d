//! Files that are not intact entries are moved to `corrupt/` and never deleted.

use std::io;
use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::volume::Volume;
use crate::envelope::EntryId;

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
