//! `.state/<sender>.<series>.crl`: the newest accepted revocation list of each series, so that an older one is detected
//! after a restart as well. A file is one line of JSON, then the list in DER.
//!
//! A list is written to a temporary name, synced and renamed, so a power failure leaves the old one or the new one.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::folders::{FolderError, failed};
use super::layout::{Access, Layout};
use super::volume::Volume;

/// The longest first line that is read: a path has at most 4096 bytes, and JSON can make each one six times as long.
const HEAD_BYTES_MAX: u64 = 32 << 10;
const EXTENSION: &str = "crl";
/// The extension of a file that is being written.
const TEMPORARY: &str = "new";

/// The first line of a file. The names of the keys must not change.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct KeptHead {
    /// The version of the format: 1.
    pub version: u32,
    /// The sender.
    pub sender: String,
    /// The file of `crl` that contained the list when it was accepted.
    pub file: String,
    /// The digest that identifies the list.
    pub digest: String,
}

/// An accepted list, to be kept.
#[derive(Clone, Debug)]
pub struct AcceptedList {
    /// The first line of the file.
    pub head: KeptHead,
    /// Identifies the series of lists of which this one is an issue; 64 hex digits.
    pub series: String,
    /// The list; none if it was read from its file, or accepted in an earlier reload.
    pub der: Option<Arc<Vec<u8>>>,
}

/// A list in the spool.
#[derive(Clone, Debug)]
pub struct KeptList {
    /// The first line of the file.
    pub head: KeptHead,
    /// Identifies its series.
    pub series: String,
    path: PathBuf,
}

impl KeptList {
    /// Reads the list in DER.
    ///
    /// # Errors
    /// As `open(2)` and `read(2)`, and if it is longer than `bytes_max`.
    pub fn der(&self, root: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        let mut reader = BufReader::new(Disk::open(root, None)?.read(&self.path)?);
        reader.skip_until(b'\n')?;
        let mut der = Vec::new();
        reader.take(bytes_max + 1).read_to_end(&mut der)?;
        let is_within = u64::try_from(der.len()).is_ok_and(|length| length <= bytes_max);
        if is_within { Ok(der) } else { Err(io::ErrorKind::FileTooLarge.into()) }
    }

    /// Its file, for messages.
    pub fn shown(&self) -> String {
        shown(&self.path)
    }
}

/// The lists in the spool.
#[derive(Debug, Default)]
pub struct KeptLists {
    /// Those whose first line can be read.
    pub lists: Vec<KeptList>,
    /// The files that cannot be read, with the error.
    pub unreadable: Vec<(PathBuf, io::Error)>,
}

/// A file of `.state/` for messages, which do not contain the digits of the series: they look like a secret.
pub fn shown(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let sender = name.split('.').next().unwrap_or_default();
    path.with_file_name(format!("{sender}.*.{EXTENSION}")).display().to_string()
}

/// The lists that the spool at `root` keeps.
///
/// # Errors
/// If the directory exists and cannot be read.
pub fn kept_lists(root: &Path) -> io::Result<KeptLists> {
    let missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    match Disk::open(root, None).and_then(|disk| list(&disk, &Layout::new(root.to_owned()))) {
        Err(error) if missing(&error) => Ok(KeptLists::default()),
        listed => listed,
    }
}

fn list<V: Volume>(volume: &V, layout: &Layout) -> io::Result<KeptLists> {
    let mut found = KeptLists::default();
    for name in volume.list(&layout.state())? {
        let path = layout.state().join(name?);
        let Some(series) = series_of(&path) else { continue };
        let mut line = Vec::new();
        let read = volume
            .read(&path)
            .and_then(|file| BufReader::new(file.take(HEAD_BYTES_MAX)).read_until(b'\n', &mut line));
        match read.map(|_| serde_json::from_slice::<KeptHead>(&line)) {
            Ok(Ok(head)) if head.version == 1 => found.lists.push(KeptList { head, series, path }),
            // A damaged file is not in the result, so it is replaced or removed.
            Ok(_) => {}
            Err(error) => found.unreadable.push((path, error)),
        }
    }
    Ok(found)
}

/// The series in the name of a file.
fn series_of(path: &Path) -> Option<String> {
    let (_, series) =
        path.file_name()?.to_str()?.strip_suffix(EXTENSION)?.strip_suffix('.')?.rsplit_once('.')?;
    Some(series.to_owned())
}

/// Keeps exactly these lists. Those that are on disk already are not written again.
///
/// # Errors
/// If a list cannot be written; the others are kept all the same.
pub fn keep_lists<V: Volume>(volume: &V, layout: &Layout, lists: &[AcceptedList]) -> Result<(), FolderError> {
    let directory = layout.state();
    let list_failed = || failed("list the directory", &directory);
    let names = || -> io::Result<Vec<_>> { volume.list(&directory)?.collect() };
    if lists.is_empty() && names().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(());
    }
    volume.make_dir(&directory, Access::Private).map_err(failed("create the directory", &directory))?;
    // Also if it existed: the process that created it may have ended before the sync.
    volume.sync_dir(layout.root()).map_err(failed("sync the directory", layout.root()))?;
    let KeptLists { lists: kept, unreadable } = list(volume, layout).map_err(list_failed())?;
    let path_of =
        |list: &AcceptedList| directory.join(format!("{}.{}.{EXTENSION}", list.head.sender, list.series));
    let mut outcome = Ok(());
    for list in lists {
        let path = path_of(list);
        let known = kept.iter().find(|kept| kept.path == path && kept.head.digest == list.head.digest);
        if known.is_none_or(|known| known.head != list.head) {
            let written = match (&list.der, known) {
                (Some(der), _) => write(volume, &path, &list.head, der),
                // Only the path of its file is another one.
                (None, Some(_)) => body(volume, &path).and_then(|der| write(volume, &path, &list.head, &der)),
                (None, None) => Err(io::ErrorKind::NotFound.into()),
            };
            let written = written.map_err(failed("write the revocation list", &path));
            outcome = outcome.and(written);
        }
    }
    let wanted: Vec<_> = lists.iter().map(path_of).collect();
    for name in names().map_err(list_failed())? {
        let path = directory.join(name);
        if !wanted.contains(&path) && !unreadable.iter().any(|(unreadable, _)| *unreadable == path) {
            outcome = outcome.and(volume.remove(&path).map_err(failed("remove", &path)));
        }
    }
    outcome.and(volume.sync_dir(&directory).map_err(failed("sync the directory", &directory)))
}

/// The list in a file, in DER.
fn body<V: Volume>(volume: &V, path: &Path) -> io::Result<Vec<u8>> {
    let mut reader = BufReader::new(volume.read(path)?);
    reader.skip_until(b'\n')?;
    let mut der = Vec::new();
    reader.read_to_end(&mut der).map(|_| der)
}

fn write<V: Volume>(volume: &V, path: &Path, head: &KeptHead, der: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension(TEMPORARY);
    let head = serde_json::to_vec(head)?;
    // Left by an earlier process.
    drop(volume.remove(&temporary));
    let file = volume.create(&temporary, Access::Private)?;
    volume
        .write(&file, 0, &[&head, b"\n", der])
        .and_then(|()| volume.sync(&file))
        .and_then(|()| volume.rename(&temporary, path))
        .inspect_err(|_| drop(volume.remove(&temporary)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::power::{Fate, Model, Platter};
    use crate::spool::sim::{Contents, Fault, Sim};

    fn layout() -> Layout {
        Layout::new("/spool".into())
    }

    fn accepted(sender: &str, content: &str) -> AcceptedList {
        let (sender, file, digest) = (sender.to_owned(), "bank.crl".to_owned(), content.to_owned());
        let der = Some(Arc::new(content.repeat(1000).into_bytes()));
        AcceptedList { head: KeptHead { version: 1, sender, file, digest }, series: "5e".repeat(32), der }
    }

    /// The digests of the kept lists, each with its sender; asserts that each is complete.
    fn kept(sim: &Sim) -> Vec<(String, String)> {
        let lists = list(sim, &layout()).expect("listed").lists.into_iter();
        lists
            .map(|list| {
                let mut bytes = Vec::new();
                sim.read(&list.path).expect("a file").read_to_end(&mut bytes).expect("read");
                let after = bytes.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
                assert_eq!(bytes[after..], *list.head.digest.repeat(1000).as_bytes());
                (list.head.sender, list.head.digest)
            })
            .collect()
    }

    #[test]
    fn power_failure_at_any_point_leaves_the_old_list_or_the_new_one() {
        let start = Sim::with_contents(Contents::default(), true);
        keep_lists(&start, &layout(), &[accepted("bank", "old")]).expect("kept");
        let old = start.state().now.clone();
        for model in [Model::Unjournaled, Model::Ext4, Model::Xfs] {
            let sim = Sim::with_contents(old.clone(), true);
            keep_lists(&sim, &layout(), &[accepted("bank", "new")]).expect("kept");
            let log = sim.state().log.clone();
            for end in 0..=log.len() {
                let mut platter = Platter::with_contents(model, old.clone());
                log[..end].iter().for_each(|op| platter.apply(op));
                for fate in [Fate::Lost, Fate::Kept].into_iter().chain((1..50).map(Fate::Torn)) {
                    let found = kept(&Sim::with_contents(platter.after_power_failure(fate), true));
                    let [(_, digest)] = found.as_slice() else { panic!("{found:?}") };
                    assert!(digest == "new" || digest == "old" && end < log.len(), "{digest}, {end}");
                }
            }
        }
    }

    #[test]
    fn failure_of_any_call_leaves_the_old_list_or_the_new_one_and_is_corrected_later() {
        let calls = |sim: &Sim| sim.state().calls.len();
        let begin = || {
            let sim = Sim::with_contents(Contents::default(), true);
            keep_lists(&sim, &layout(), &[accepted("bank", "old")]).expect("kept");
            sim
        };
        let before = calls(&begin());
        let sim = begin();
        keep_lists(&sim, &layout(), &[accepted("bank", "new")]).expect("kept");
        assert!(calls(&sim) > before + 5);
        for number in before..calls(&sim) {
            let sim = begin();
            sim.state().faults.push((Fault::Numbered(number, 1), 28));
            let failed = keep_lists(&sim, &layout(), &[accepted("bank", "new")]);
            sim.state().faults.clear();
            let found = kept(&sim);
            assert_eq!(found.len(), 1, "{number}: {found:?}");
            assert!(failed.is_err() || found[0].1 == "new", "{number}");
            keep_lists(&sim, &layout(), &[accepted("bank", "new")]).expect("kept");
            assert_eq!((kept(&sim)[0].1.as_str(), sim.state().now.names.len()), ("new", 1));
        }
    }

    #[test]
    fn exactly_the_configured_lists_are_kept() {
        let sim = Sim::with_contents(Contents::default(), true);
        let (one, two) = (accepted("one", "1"), accepted("two", "2"));
        keep_lists(&sim, &layout(), &[one.clone(), two]).expect("kept");
        assert_eq!(kept(&sim).len(), 2);
        let written = |sim: &Sim| sim.state().calls.iter().filter(|(call, _)| *call == "create").count();
        // Known from its file, it is not written again.
        keep_lists(&sim, &layout(), &[AcceptedList { der: None, ..one }]).expect("kept");
        assert_eq!(kept(&sim), [("one".to_owned(), "1".to_owned())]);
        assert_eq!(written(&sim), 2);
        let lost = AcceptedList { der: None, ..accepted("three", "3") };
        assert!(keep_lists(&sim, &layout(), &[lost]).is_err());
        assert_eq!(kept(&sim), []);
    }
}
