//! What is not an entry is moved to `corrupt/` and never deleted.

use std::io;
use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::volume::Volume;
use crate::envelope::EntryId;

/// How many names are tried.
const NAMES_MAX: usize = 1000;

/// Moves a file to `corrupt/`, under the ID's own name or, if that is taken, one with a number.
///
/// # Errors
/// As `rename(2)`.
pub(super) fn move_to_corrupt<V: Volume>(
    volume: &V,
    layout: &Layout,
    from: &Path,
    id: EntryId,
) -> io::Result<PathBuf> {
    let own = layout.corrupted(id);
    let numbered = (1..NAMES_MAX).map(|number| own.with_extension(format!("{number}.hook")));
    let free = [own.clone()]
        .into_iter()
        .chain(numbered)
        .find(|path| volume.facts(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound));
    let to = free.ok_or_else(|| io::Error::from(io::ErrorKind::AlreadyExists))?;
    volume.rename(from, &to)?;
    Ok(to)
}
