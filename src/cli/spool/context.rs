//! The context of all spool commands: the spool, and functions to find an entry and to report errors.

use std::borrow::Cow;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use super::entry_file::EntryFile;
use crate::cli::exit::Failure;
use crate::cli::spool_args::{CORRUPT, EntryFolder};
use crate::clock::{Clock, Timestamp};
use crate::envelope::EntryId;
use crate::escape::Escaped;
use crate::metrics::Queue;
use crate::policy::Name;
use crate::quantity::HumanDuration;
use crate::spool::{CorruptEntry, Disk, EntryLocation, Layout, Settings, corrupt_entries, endpoints, find};

/// The spool of a configuration.
#[derive(Debug)]
pub(super) struct SpoolContext {
    pub(super) disk: Disk,
    pub(super) layout: Layout,
    pub(super) now: Timestamp,
}

impl SpoolContext {
    pub(super) fn new(settings: Settings) -> Result<Self, Failure> {
        let disk = Disk::open(&settings.directory, settings.group);
        let disk = disk.map_err(|error| unlisted(&settings.directory, error))?;
        Ok(Self { disk, layout: Layout::new(settings.directory), now: Clock::System.now() })
    }

    /// The given endpoint, or all that have a directory.
    pub(super) fn endpoints(&self, one: Option<&Name>) -> Result<Vec<Name>, Failure> {
        let all = endpoints(&self.disk, &self.layout).map_err(|error| self.unlisted(error))?;
        match one {
            None => Ok(all),
            Some(one) if all.contains(one) => Ok(vec![one.clone()]),
            Some(one) => Err(Failure::Refused(format!(
                "the spool `{}` has no endpoint `{one}`; it has {}",
                Escaped(&self.layout.root().display().to_string()),
                if all.is_empty() { "none".to_owned() } else { quoted(&all) },
            ))),
        }
    }

    /// The entry with the given ID or path.
    pub(super) fn entry(&self, named: &str) -> Result<EntryLocation, Failure> {
        if let Ok(id) = named.parse::<EntryId>() {
            return self.by_id(id, None);
        }
        let path = Path::new(named);
        let is_ours = |place: &EntryLocation| same_file(&place.path(&self.layout), path);
        match std::path::absolute(path).ok().and_then(|path| EntryLocation::of(&path)) {
            Some(place) if is_ours(&place) => Ok(place),
            Some(_) if let Err(why) = path.metadata() => Err(Failure::reading(path, why)),
            Some(_) | None => Err(Failure::BadFile {
                path: path.to_owned(),
                why: format!(
                    "is neither an entry of the spool `{}` nor an ID",
                    Escaped(&self.layout.root().display().to_string())
                )
                .into(),
            }),
        }
    }

    /// The entry with the given ID; if a crash left it in more than one queue, the one in `wanted`.
    fn by_id(&self, id: EntryId, wanted: Option<Queue>) -> Result<EntryLocation, Failure> {
        let found = find(&self.disk, &self.layout, id).map_err(|error| self.unlisted(error))?;
        let best = found.iter().find(|place| Some(place.queue) == wanted).or(found.first());
        best.cloned().ok_or_else(|| Failure::Refused(format!("there is no entry `{id}` in any queue")))
    }

    /// The entry with the given ID or path, if it is in one of these queues.
    pub(super) fn entry_in(&self, named: &str, queues: &[Queue]) -> Result<EntryLocation, Failure> {
        let mut place = self.entry(named)?;
        if !queues.contains(&place.queue) && named.parse::<EntryId>().is_ok() {
            place = self.by_id(place.id, queues.first().copied())?;
        }
        if queues.contains(&place.queue) {
            return Ok(place);
        }
        let folders: Vec<_> = queues.iter().map(|queue| format!("`{}`", queue.word())).collect();
        Err(Failure::Refused(format!(
            "the entry `{}` is in `{}`, not in {}",
            place.id,
            place.queue.word(),
            folders.join(" or ")
        )))
    }

    /// The file of the entry with the given ID or path, in this queue or `corrupt`, or in any.
    pub(super) fn file(&self, named: &str, folder: Option<EntryFolder>) -> Result<EntryFile, Failure> {
        let in_queue = match folder {
            None => self.entry(named),
            Some(EntryFolder::Queue(queue)) => self.entry_in(named, &[queue]),
            Some(EntryFolder::Corrupt) => {
                Err(Failure::Refused(format!("there is no entry `{}` in `{CORRUPT}`", Escaped(named))))
            }
        };
        match in_queue {
            Ok(place) => Ok(EntryFile::in_queue(&place, &self.disk, &self.layout)),
            Err(failure) if matches!(folder, Some(EntryFolder::Queue(_))) => Err(failure),
            Err(failure) => {
                let corrupt = self.corrupt_entry(named)?.ok_or(failure)?;
                Ok(EntryFile::in_corrupt(corrupt, &self.layout))
            }
        }
    }

    /// The entry in `corrupt` with the given ID or path; of several with one ID, the one without a number.
    fn corrupt_entry(&self, named: &str) -> Result<Option<CorruptEntry>, Failure> {
        if let Ok(id) = named.parse::<EntryId>() {
            let found = corrupt_entries(&self.disk, &self.layout).map_err(|error| self.unlisted(error))?;
            let with_id = found.filter(|entry| entry.as_ref().map_or(true, |entry| entry.id == id));
            let with_id: Vec<_> = with_id.collect::<io::Result<_>>().map_err(|error| self.unlisted(error))?;
            return Ok(with_id
                .into_iter()
                .min_by_key(|entry| (entry.path.as_os_str().len(), entry.path.clone())));
        }
        let named = Path::new(named);
        let name = named.file_name().unwrap_or_default();
        let entry = CorruptEntry::of(self.layout.corrupt().join(name));
        Ok(entry.filter(|entry| same_file(&entry.path, named)))
    }

    /// The time that is this long ago.
    pub(super) fn since(&self, age: Option<HumanDuration>) -> Option<Timestamp> {
        age.and_then(|age| self.now.checked_sub(age.0).ok())
    }

    pub(super) fn unlisted(&self, why: io::Error) -> Failure {
        unlisted(self.layout.root(), why)
    }
}

fn unlisted(root: &Path, why: io::Error) -> Failure {
    let root = Escaped(&root.display().to_string()).to_string();
    if why.kind() == io::ErrorKind::NotFound {
        return Failure::Refused(format!("there is no spool `{root}` yet; `hookspool run` creates it"));
    }
    Failure::Io { what: format!("cannot list the spool `{root}`"), why }
}

/// The failure of an operation on an entry.
pub(super) fn failed(what: &str, path: &Path, why: io::Error) -> Failure {
    Failure::Io { what: format!("cannot {what} `{}`", Escaped(&path.display().to_string())), why }
}

/// Prints a finding to standard error, if that is not closed.
pub(super) fn report(finding: &str) {
    let _ = writeln!(anstream::stderr().lock(), "hookspool: {finding}");
}

/// A progress bar, which is shown only on a terminal.
pub(super) fn bar(total: u64, what: impl Into<Cow<'static, str>>) -> ProgressBar {
    let bar = ProgressBar::new(total).with_message(what);
    let style = ProgressStyle::with_template("{msg} {bar:30} {human_pos} of {human_len}, {eta} left");
    if let Ok(style) = style { bar.with_style(style) } else { bar }
}

fn quoted(names: &[Name]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn same_file(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| -> Option<PathBuf> { path.canonicalize().ok() };
    real(one).is_some_and(|one| real(other) == Some(one))
}
