//! Watches files with inotify, and also reports a possible change at intervals: network file systems and an exhausted watch
//! limit send no events.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use notify::{ErrorKind, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::time::Instant;

use super::path_trace::PathTrace;
use super::settings::Settings;

/// However busy the folders are, a look is taken after this.
const SETTLE_MAX: Duration = Duration::from_secs(1);
/// What "never" is to a clock.
const NEVER: Duration = Duration::from_secs(86_400);

/// Watches a set of files until it is dropped.
#[derive(Debug)]
pub struct FileWatch {
    signals: Sender<Signal>,
}

/// What is reported.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WatchEvent {
    /// Something may have changed.
    MayHaveChanged,
    /// Whether inotify works; without it, changes are noticed at the next poll.
    InotifyWorks(bool),
}

/// Watching cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch files for changes")]
pub struct WatchError(#[from] io::Error);

#[derive(Debug)]
enum Signal {
    /// Something happened to a name on the path of a file.
    Event,
    /// The library's thread that reads events has ended by itself.
    WatcherDied(u64),
    /// Watch other files, or with other settings.
    Follow(Vec<PathBuf>, Settings),
    Stop,
}

impl FileWatch {
    /// Calls `notify_change` when something may have changed, after a quiet time.
    ///
    /// # Errors
    /// If the thread cannot be started. Without inotify, files are polled.
    pub fn start(
        files: Vec<PathBuf>,
        settings: Settings,
        notify_change: impl Fn(WatchEvent) + Send + 'static,
    ) -> Result<Self, WatchError> {
        let (signals, received) = channel();
        let own = signals.clone();
        thread::Builder::new().name("watch".into()).spawn(move || {
            let mut watcher = Watcher {
                files,
                settings,
                signals: own,
                notify_change,
                inotify: None,
                number: 0,
                reported: None,
            };
            watcher.rearm();
            // Files may have changed between reading them and watching them.
            (watcher.notify_change)(WatchEvent::MayHaveChanged);
            watcher.run(&received);
        })?;
        Ok(Self { signals })
    }

    /// Watches these files from now on, and reports once that they may have changed.
    pub fn follow(&self, files: Vec<PathBuf>, settings: Settings) {
        let _ = self.signals.send(Signal::Follow(files, settings));
    }
}

impl Drop for FileWatch {
    fn drop(&mut self) {
        // Not waited for: it changes nothing, and a file system that hangs must not hold up a stop.
        let _ = self.signals.send(Signal::Stop);
    }
}

/// The thread that watches.
struct Watcher<F> {
    files: Vec<PathBuf>,
    settings: Settings,
    signals: Sender<Signal>,
    notify_change: F,
    /// The inotify instance with the path that it watches, and its number.
    inotify: Option<(RecommendedWatcher, PathTrace, u64)>,
    number: u64,
    reported: Option<bool>,
}

impl<F: Fn(WatchEvent)> Watcher<F> {
    fn run(&mut self, received: &Receiver<Signal>) {
        loop {
            match received.recv_timeout(self.settings.poll.unwrap_or(NEVER)) {
                Ok(Signal::Event) => {
                    if !self.settle(received) {
                        return;
                    }
                }
                Ok(Signal::Follow(files, settings)) => (self.files, self.settings) = (files, settings),
                Ok(Signal::WatcherDied(number)) => {
                    if self.inotify.as_ref().is_none_or(|(_, _, ours)| *ours != number) {
                        continue;
                    }
                    tracing::warn!("file watcher died; restarting it");
                    self.inotify = None;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
            // Watch first, so that a change after the files are read is noticed.
            self.rearm();
            (self.notify_change)(WatchEvent::MayHaveChanged);
        }
    }

    /// Waits for a quiet time; false if the thread is to stop.
    fn settle(&mut self, received: &Receiver<Signal>) -> bool {
        let latest = Instant::now() + SETTLE_MAX.max(self.settings.settle);
        loop {
            let left = latest.saturating_duration_since(Instant::now());
            match received.recv_timeout(self.settings.settle.min(left)) {
                Ok(Signal::Event | Signal::WatcherDied(_)) if left.is_zero() => return true,
                Ok(Signal::Event | Signal::WatcherDied(_)) => {}
                Ok(Signal::Follow(files, settings)) => (self.files, self.settings) = (files, settings),
                Err(RecvTimeoutError::Timeout) => return true,
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    /// Watches the current path of every file.
    fn rearm(&mut self) {
        let trace = PathTrace::to(&self.files);
        if !self.settings.watch {
            self.inotify = None;
            return self.report(false);
        }
        if self.inotify.as_ref().is_some_and(|(_, known, _)| *known == trace) {
            return;
        }
        self.number += 1;
        match watch_directories(&trace, self.signals.clone(), self.number) {
            Ok(watcher) => {
                self.inotify = Some((watcher, trace, self.number));
                self.report(true);
            }
            Err(error) => {
                self.inotify = None;
                if self.reported != Some(false) {
                    tracing::warn!(%error, interval = ?self.settings.poll, "inotify unavailable; polling files instead");
                }
                self.report(false);
            }
        }
    }

    fn report(&mut self, works: bool) {
        if self.reported.replace(works) != Some(works) {
            (self.notify_change)(WatchEvent::InotifyWorks(works));
        }
    }
}

/// Directories are watched, not files: a watch on a file sees the first rename over it and then nothing.
fn watch_directories(
    trace: &PathTrace,
    signals: Sender<Signal>,
    number: u64,
) -> notify::Result<RecommendedWatcher> {
    let names = trace.names.clone();
    let alarm = Alarm { signals, number };
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if concerns(event, &names) {
            let _ = alarm.signals.send(Signal::Event);
        }
    })?;
    for (folder, _, _) in &trace.folders {
        match watcher.watch(folder, RecursiveMode::NonRecursive) {
            // A directory that cannot be read cannot be watched; nor can one that was just removed.
            Err(error) if is_bearable(&error) => {
                tracing::debug!(folder = %folder.display(), %error, "directory not watched")
            }
            watched => watched?,
        }
    }
    Ok(watcher)
}

fn is_bearable(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::Io(error) => {
            matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound)
        }
        ErrorKind::PathNotFound => true,
        ErrorKind::Generic(_)
        | ErrorKind::WatchNotFound
        | ErrorKind::InvalidConfig(_)
        | ErrorKind::MaxFilesWatch => false,
    }
}

/// Whether an event is about a name on the path. An event that does not tell counts as one.
fn concerns(event: notify::Result<notify::Event>, names: &BTreeSet<PathBuf>) -> bool {
    match event {
        Err(_) => true,
        // Reading a file is also an event: the daemon's own reads must not trigger another reload.
        Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
        Ok(event) => {
            event.need_rescan()
                || event.paths.is_empty()
                || event.paths.iter().any(|path| names.contains(path) || is_folder_of(path, names))
        }
    }
}

/// Whether a watched folder itself is meant: it was moved or removed.
fn is_folder_of(path: &Path, names: &BTreeSet<PathBuf>) -> bool {
    names.iter().any(|name| name.parent() == Some(path))
}

/// Goes off when the thread that reads events ends, whatever ends it.
struct Alarm {
    signals: Sender<Signal>,
    number: u64,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let _ = self.signals.send(Signal::WatcherDied(self.number));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    const QUICK: Settings = Settings { watch: true, poll: None, settle: Duration::from_millis(20) };
    /// Far longer than a change takes to be noticed.
    const NOTICED_WITHIN: Duration = Duration::from_secs(15);

    fn watch(file: &Path, settings: Settings) -> (FileWatch, Receiver<WatchEvent>) {
        let (notify_change, reported) = channel();
        let watch = FileWatch::start(vec![file.to_owned()], settings, move |event| {
            let _ = notify_change.send(event);
        });
        let expected = WatchEvent::InotifyWorks(settings.watch);
        for expected in [expected, WatchEvent::MayHaveChanged] {
            assert_eq!(reported.recv_timeout(NOTICED_WITHIN).expect("it begins"), expected);
        }
        (watch.expect("a watch"), reported)
    }

    fn noticed(reported: &Receiver<WatchEvent>) {
        let first = reported.recv_timeout(NOTICED_WITHIN).expect("the change is noticed");
        assert_eq!(first, WatchEvent::MayHaveChanged);
        while reported.recv_timeout(Duration::from_millis(100)).is_ok() {}
    }

    #[test]
    fn a_file_is_noticed_however_it_changes_again_and_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        fs::create_dir(root.join("r0")).expect("a folder");
        fs::write(root.join("r0/server.pem"), "0").expect("a file");
        symlink("r0", root.join("current")).expect("a symlink");
        let (_watch, reported) = watch(&root.join("current/server.pem"), QUICK);
        for round in 1..4 {
            // Written in place.
            fs::write(root.join(format!("r{}/server.pem", round - 1)), "a").expect("a file");
            noticed(&reported);
            // Renamed over.
            fs::write(root.join("next"), "b").expect("a file");
            fs::rename(root.join("next"), root.join(format!("r{}/server.pem", round - 1))).expect("a rename");
            noticed(&reported);
            // The symlink on the path is replaced.
            let fresh = format!("r{round}");
            fs::create_dir(root.join(&fresh)).expect("a folder");
            fs::write(root.join(&fresh).join("server.pem"), "c").expect("a file");
            symlink(&fresh, root.join("link")).expect("a symlink");
            fs::rename(root.join("link"), root.join("current")).expect("a rename");
            noticed(&reported);
        }
    }

    #[test]
    fn neighbours_and_readers_are_no_news() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("server.pem");
        fs::write(&file, "0").expect("a file");
        let (_watch, reported) = watch(&file, QUICK);
        fs::write(folder.path().join("log"), "line").expect("a file");
        fs::read(&file).expect("read");
        assert!(reported.recv_timeout(Duration::from_millis(300)).is_err());
        fs::write(&file, "1").expect("a file");
        noticed(&reported);
    }

    #[test]
    fn without_inotify_it_looks_now_and_then() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings {
            watch: false,
            poll: Some(Duration::from_millis(20)),
            settle: Duration::from_millis(20),
        };
        let (_watch, reported) = watch(&folder.path().join("a"), settings);
        for _ in 0..3 {
            assert_eq!(reported.recv_timeout(NOTICED_WITHIN).expect("a poll"), WatchEvent::MayHaveChanged);
        }
    }

    #[test]
    fn a_storm_is_looked_at_once_a_second_at_most() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("server.pem");
        fs::write(&file, "0").expect("a file");
        let (_watch, reported) = watch(&file, Settings { settle: Duration::from_millis(200), ..QUICK });
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(2_500) {
            fs::write(&file, "1").expect("a file");
            thread::sleep(Duration::from_millis(5));
        }
        let looks = reported.try_iter().count();
        assert!((1..=3).contains(&looks), "{looks}");
    }
}
