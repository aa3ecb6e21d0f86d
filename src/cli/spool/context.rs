//! The context of all spool commands: the spool, and functions to find an entry and to report errors.

use std::borrow::Cow;
use std::collections::BTreeMap;
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
use crate::spool::{
    CorruptEntry, Disk, EntryLocation, IdEnd, IdEndError, Layout, Settings, corrupt_entries, ending_in,
    endpoints, find,
};

/// The most entries that are listed if the end of an ID is ambiguous.
const CANDIDATES_MAX: usize = 5;
/// The digits of the end of an ID that a message contains.
const SHOWN_DIGITS: usize = 12;

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

    /// The ID that an argument names, in full or by its end; none if the argument is a path. An end selects among all
    /// entries, or those in `folder`.
    fn id(&self, named: &str, folder: Option<EntryFolder>) -> Result<Option<EntryId>, Failure> {
        if let Ok(id) = named.parse() {
            return Ok(Some(id));
        }
        let end: IdEnd = match named.parse() {
            Ok(end) => end,
            Err(IdEndError::NotHex) => return Ok(None),
            Err(short @ IdEndError::TooShort) => {
                return Err(Failure::Usage(format!("`{}`: {short}", Escaped(named))));
            }
        };
        let (queues, is_in_corrupt) = match &folder {
            None => (Queue::ALL, true),
            Some(EntryFolder::Queue(queue)) => (std::slice::from_ref(queue), false),
            Some(EntryFolder::Corrupt) => (&[][..], true),
        };
        let found = ending_in(&self.disk, &self.layout, end, queues, is_in_corrupt);
        let found = found.map_err(|error| self.unlisted(error))?;
        // Not all digits, because a message with many digits would be taken for a key and cut.
        let shown = end.last(SHOWN_DIGITS);
        match (found.len(), found.first_key_value()) {
            (1, Some((id, _))) => Ok(Some(*id)),
            (0, _) => Err(Failure::Refused(format!("there is no entry whose ID ends in `{shown}`"))),
            _ => {
                let shown = format!("several entries have IDs that end in `{shown}`; write more digits:");
                Err(Failure::Refused(shown + &candidates(&found)))
            }
        }
    }

    /// The entry with this path.
    fn by_path(&self, path: &Path) -> Result<EntryLocation, Failure> {
        let is_ours = |place: &EntryLocation| same_file(&place.path(&self.layout), path);
        match std::path::absolute(path).ok().and_then(|path| EntryLocation::of(&path)) {
            Some(place) if is_ours(&place) => Ok(place),
            Some(_) if let Err(why) = path.metadata() => Err(Failure::reading(path, why)),
            Some(_) | None => Err(Failure::BadFile {
                path: path.to_owned(),
                why: format!(
                    "is neither an entry of the spool `{}` nor an ID or the end of one",
                    Escaped(&self.layout.root().display().to_string())
                )
                .into(),
            }),
        }
    }

    /// The entry with the given ID; if a crash left it in more than one queue, one of those in `wanted`.
    fn by_id(&self, id: EntryId, wanted: &[Queue]) -> Result<EntryLocation, Failure> {
        let found = find(&self.disk, &self.layout, id).map_err(|error| self.unlisted(error))?;
        let best = found.iter().find(|place| wanted.contains(&place.queue)).or(found.first());
        best.cloned().ok_or_else(|| Failure::Refused(format!("there is no entry `{id}` in any queue")))
    }

    /// The entry with the given ID, end of an ID, or path, if it is in one of these queues.
    pub(super) fn entry_in(&self, named: &str, queues: &[Queue]) -> Result<EntryLocation, Failure> {
        self.entry(named, self.id(named, None)?, queues)
    }

    /// The entry with the given ID, or else path, if it is in one of these queues.
    fn entry(&self, named: &str, id: Option<EntryId>, queues: &[Queue]) -> Result<EntryLocation, Failure> {
        let place = match id {
            Some(id) => self.by_id(id, queues)?,
            None => self.by_path(Path::new(named))?,
        };
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

    /// The file of the entry with the given ID, end of an ID, or path, in this queue or `corrupt`, or in any.
    pub(super) fn file(&self, named: &str, folder: Option<EntryFolder>) -> Result<EntryFile, Failure> {
        let id = self.id(named, folder)?;
        let in_queue = match folder {
            None => self.entry(named, id, Queue::ALL),
            Some(EntryFolder::Queue(queue)) => self.entry(named, id, &[queue]),
            Some(EntryFolder::Corrupt) => {
                Err(Failure::Refused(format!("there is no entry `{}` in `{CORRUPT}`", Escaped(named))))
            }
        };
        match in_queue {
            Ok(place) => Ok(EntryFile::in_queue(&place, &self.disk, &self.layout)),
            Err(failure) if matches!(folder, Some(EntryFolder::Queue(_))) => Err(failure),
            Err(failure) => {
                let corrupt = self.corrupt_entry(named, id)?.ok_or(failure)?;
                Ok(EntryFile::in_corrupt(corrupt, &self.layout))
            }
        }
    }

    /// The entry in `corrupt` with the given ID, or else path; of several with one ID, the one without a number.
    fn corrupt_entry(&self, named: &str, id: Option<EntryId>) -> Result<Option<CorruptEntry>, Failure> {
        if let Some(id) = id {
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

/// The first entries of those that were found, one per line.
fn candidates(found: &BTreeMap<EntryId, Option<EntryLocation>>) -> String {
    let lines = found.iter().rev().take(CANDIDATES_MAX).map(|(id, place)| match place {
        Some(place) => format!("\n  {id}  {}/{}", place.endpoint, place.queue.word()),
        None => format!("\n  {id}  {CORRUPT}"),
    });
    let more = if found.len() > CANDIDATES_MAX { "\n  and more" } else { "" };
    lines.collect::<String>() + more
}

fn quoted(names: &[Name]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn same_file(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| -> Option<PathBuf> { path.canonicalize().ok() };
    real(one).is_some_and(|one| real(other) == Some(one))
}
