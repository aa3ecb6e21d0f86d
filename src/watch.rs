//! Notices when files in use change on disk.
//!
//! inotify says at once that something happened in a file's folder, and a comparison of contents
//! every [`POLL_EVERY`] is the net below it: network file systems, swapped symlinks further up and
//! a used-up watch limit send no event. What counts is the content, not the event.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use notify::{EventKind, RecursiveMode, Watcher as _};
use rustix::fs::OFlags;

/// How often contents are compared without being told to.
pub const POLL_EVERY: Duration = Duration::from_secs(30);
/// Quiet that has to follow an event: a file is often written in several steps.
const SETTLE: Duration = Duration::from_millis(200);
/// What is compared of a file, in bytes.
const COMPARED_BYTES_MAX: u64 = 4 << 20;

/// Watches a set of files until it is dropped.
#[derive(Debug)]
pub struct FileWatch {
    stop: Sender<Signal>,
    /// Whether inotify works; without it changes are noticed at the next comparison.
    pub is_instant: bool,
}

/// Watching cannot begin at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch files for changes")]
pub struct WatchError(#[from] std::io::Error);

#[derive(Clone, Copy, Debug)]
enum Signal {
    Event,
    Stop,
}

impl FileWatch {
    /// Calls `changed` with every file whose content is no longer what it is now.
    ///
    /// # Errors
    /// When the system has no thread to give. Without inotify it still compares now and then.
    pub fn start(files: Vec<PathBuf>, changed: impl Fn(&Path) + Send + 'static) -> Result<Self, WatchError> {
        let (signals, received) = channel();
        let watcher = listen(&files, signals.clone());
        if let Err(error) = &watcher {
            tracing::warn!(%error, poll = ?POLL_EVERY, "inotify does not work here; files are compared now and then");
        }
        let is_instant = watcher.is_ok();
        let known = files.into_iter().map(|file| (content(&file), file)).collect();
        thread::Builder::new().name("watch".into()).spawn(move || {
            let _listening = watcher;
            compare_for_ever(known, &received, changed);
        })?;
        Ok(Self { stop: signals, is_instant })
    }
}

impl Drop for FileWatch {
    fn drop(&mut self) {
        // Not waited for: it changes nothing, and a file system that hangs must not hold up a stop.
        let _ = self.stop.send(Signal::Stop);
    }
}

/// Folders, not files: a watch on a file sees the first rename over it and then nothing.
fn listen(files: &[PathBuf], signals: Sender<Signal>) -> notify::Result<notify::RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading a file is an event too; heeding it would wake us for our own comparisons.
        if event.is_ok_and(|event| !matches!(event.kind, EventKind::Access(_))) {
            let _ = signals.send(Signal::Event);
        }
    })?;
    let folders: BTreeSet<_> = files.iter().map(|file| folder(file)).collect();
    for folder in folders {
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

fn compare_for_ever(
    mut known: Vec<(Option<Vec<u8>>, PathBuf)>,
    signals: &Receiver<Signal>,
    changed: impl Fn(&Path),
) {
    loop {
        match signals.recv_timeout(POLL_EVERY) {
            Ok(Signal::Event) => {
                if !settle(signals) {
                    return;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return,
        }
        for (before, file) in &mut known {
            let now = content(file);
            if now != *before {
                *before = now;
                changed(file);
            }
        }
    }
}

/// Waits for quiet; false when it is time to stop.
fn settle(signals: &Receiver<Signal>) -> bool {
    // At most five times, so that a busy folder cannot put the comparison off for ever.
    for _ in 0..5 {
        match signals.recv_timeout(SETTLE) {
            Ok(Signal::Event) => {
                if signals.try_iter().any(|signal| matches!(signal, Signal::Stop)) {
                    return false;
                }
            }
            Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => return true,
        }
    }
    true
}

/// A digest of the content; `None` while there is none to read.
fn content(file: &Path) -> Option<Vec<u8>> {
    // Without waiting: somebody may put a pipe in a file's place.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).ok()?;
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(file).ok()?;
    if !opened.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    opened.take(COMPARED_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(digest(&SHA256, &bytes).as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc::channel;

    use super::*;

    /// Far longer than a change takes to be noticed, and far shorter than [`POLL_EVERY`].
    const NOTICED_WITHIN: Duration = Duration::from_secs(15);

    #[test]
    fn a_file_that_is_replaced_is_noticed_again_and_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, next) = (folder.path().join("server.pem"), folder.path().join("next"));
        fs::write(&file, "0").expect("a file");
        let (tell, told) = channel();
        let tell_path = move |path: &Path| tell.send(path.to_owned()).expect("somebody listens");
        let watch = FileWatch::start(vec![file.clone()], tell_path).expect("a watch");
        assert!(watch.is_instant);
        for round in 1..4 {
            fs::write(&next, round.to_string()).expect("a file");
            fs::rename(&next, &file).expect("a rename");
            assert_eq!(told.recv_timeout(NOTICED_WITHIN).expect("the change is noticed"), file);
        }
    }

    #[test]
    fn it_stops_also_while_events_rain() {
        for _ in 0..20 {
            let (signals, received) = channel();
            // Two events, and behind them the word to stop: it must not be taken for a third.
            for signal in [Signal::Event, Signal::Event, Signal::Stop] {
                signals.send(signal).expect("somebody listens");
            }
            assert!(!settle(&received));
        }
    }

    #[test]
    fn the_same_content_is_no_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, other) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&file, "same").expect("a file");
        fs::write(&other, "0").expect("a file");
        let (tell, told) = channel();
        let tell_path = move |path: &Path| tell.send(path.to_owned()).expect("somebody listens");
        let _watch = FileWatch::start(vec![file.clone(), other.clone()], tell_path).expect("a watch");
        fs::write(&file, "same").expect("a file");
        fs::write(&other, "1").expect("a file");
        assert_eq!(told.recv_timeout(NOTICED_WITHIN).expect("the other one changed"), other);
        assert!(told.try_recv().is_err());
    }
}
