//! Watches files with inotify. A possible change is also reported at intervals, because network file systems and an
//! exhausted watch limit produce no events.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use notify::{ErrorKind, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::time::Instant;

use super::path_trace::PathTrace;
use super::settings::Settings;

/// A change is reported after this time even if events continue.
const SETTLE_MAX: Duration = Duration::from_secs(1);
/// The receive timeout if files are not polled.
const NEVER: Duration = Duration::from_secs(86_400);

/// Watches a set of files until it is dropped.
#[derive(Debug)]
pub struct FileWatch {
    signals: Sender<Signal>,
}

/// A report of the watcher.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WatchEvent {
    /// The files may have changed.
    MayHaveChanged,
    /// Whether inotify works. Without it, changes are detected at the next poll.
    InotifyWorks(bool),
}

/// The watcher cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch files for changes")]
pub struct WatchError(#[from] io::Error);

#[derive(Debug)]
enum Signal {
    /// An event concerned a name on the path of a file.
    Event,
    /// The library's thread that reads events has ended unexpectedly.
    WatcherDied(u64),
    /// The files or the settings have changed.
    Follow(Vec<PathBuf>, Settings),
    Stop,
}

impl FileWatch {
    /// Starts a thread that calls `notify_change` when files may have changed, after a time without events.
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
                event_waits: Arc::default(),
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

    /// Replaces the files and the settings, and reports once that the files may have changed.
    pub fn follow(&self, files: Vec<PathBuf>, settings: Settings) {
        let _ = self.signals.send(Signal::Follow(files, settings));
    }
}

impl Drop for FileWatch {
    fn drop(&mut self) {
        // The thread is not joined: it changes nothing, and a file system that hangs must not delay a shutdown.
        let _ = self.signals.send(Signal::Stop);
    }
}

/// The state of the watching thread.
struct Watcher<F> {
    files: Vec<PathBuf>,
    settings: Settings,
    signals: Sender<Signal>,
    /// Whether an event waits in the channel. A second one would add nothing, so the channel cannot grow.
    event_waits: Arc<AtomicBool>,
    notify_change: F,
    /// The inotify instance, the paths that it watches, and its number.
    inotify: Option<(RecommendedWatcher, PathTrace, u64)>,
    number: u64,
    reported: Option<bool>,
}

impl<F: Fn(WatchEvent)> Watcher<F> {
    fn run(&mut self, received: &Receiver<Signal>) {
        loop {
            match self.next(received, self.settings.poll.unwrap_or(NEVER)) {
                Ok(Signal::Event) => {
                    if !self.settle(received) {
                        return;
                    }
                }
                Ok(Signal::Follow(files, settings)) => (self.files, self.settings) = (files, settings),
                Ok(Signal::WatcherDied(number)) => {
                    if self.inotify.as_ref().is_none_or(|(_, _, own)| *own != number) {
                        continue;
                    }
                    tracing::warn!("file watcher died; restarting it");
                    self.inotify = None;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
            // The watches are set before the report, so that a change after the files are read is detected.
            self.rearm();
            (self.notify_change)(WatchEvent::MayHaveChanged);
        }
    }

    /// Waits until no events arrive; false if the thread must stop.
    fn settle(&mut self, received: &Receiver<Signal>) -> bool {
        let deadline = Instant::now() + SETTLE_MAX.max(self.settings.settle);
        loop {
            let remaining = deadline.saturating_duration_since(Instant::now());
            match self.next(received, self.settings.settle.min(remaining)) {
                Ok(Signal::Event | Signal::WatcherDied(_)) if remaining.is_zero() => return true,
                Ok(Signal::Event | Signal::WatcherDied(_)) => {}
                Ok(Signal::Follow(files, settings)) => (self.files, self.settings) = (files, settings),
                Err(RecvTimeoutError::Timeout) => return true,
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    fn next(&self, received: &Receiver<Signal>, timeout: Duration) -> Result<Signal, RecvTimeoutError> {
        let signal = received.recv_timeout(timeout)?;
        if matches!(signal, Signal::Event) {
            self.event_waits.store(false, Ordering::SeqCst);
        }
        Ok(signal)
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
        match watch_directories(&trace, self.signals.clone(), Arc::clone(&self.event_waits), self.number) {
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

/// Watches the directories, not the files: a watch on a file ends with the first rename over it.
fn watch_directories(
    trace: &PathTrace,
    signals: Sender<Signal>,
    event_waits: Arc<AtomicBool>,
    number: u64,
) -> notify::Result<RecommendedWatcher> {
    let names = trace.names.clone();
    let death_signal = DeathSignal { signals, number };
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if concerns(event, &names) && !event_waits.swap(true, Ordering::SeqCst) {
            let _ = death_signal.signals.send(Signal::Event);
        }
    })?;
    for (folder, _, _) in &trace.folders {
        match watcher.watch(folder, RecursiveMode::NonRecursive) {
            // A directory that cannot be read, or was just removed, cannot be watched.
            Err(error) if is_tolerable(&error) => {
                tracing::debug!(folder = %folder.display(), %error, "directory not watched")
            }
            watched => watched?,
        }
    }
    Ok(watcher)
}

fn is_tolerable(error: &notify::Error) -> bool {
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

/// Whether an event concerns a name on the paths. An event without names counts as one.
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

/// Whether the path is a watched directory, which was moved or removed.
fn is_folder_of(path: &Path, names: &BTreeSet<PathBuf>) -> bool {
    names.iter().any(|name| name.parent() == Some(path))
}

/// Sends [`Signal::WatcherDied`] when it is dropped: when the thread that reads events ends, for any reason.
struct DeathSignal {
    signals: Sender<Signal>,
    number: u64,
}

impl Drop for DeathSignal {
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
    /// Much longer than the detection of a change takes.
    const DETECTION_TIMEOUT: Duration = Duration::from_secs(15);

    fn watch(file: &Path, settings: Settings) -> (FileWatch, Receiver<WatchEvent>) {
        let (notify_change, reported) = channel();
        let watch = FileWatch::start(vec![file.to_owned()], settings, move |event| {
            let _ = notify_change.send(event);
        });
        let expected = WatchEvent::InotifyWorks(settings.watch);
        for expected in [expected, WatchEvent::MayHaveChanged] {
            assert_eq!(reported.recv_timeout(DETECTION_TIMEOUT).expect("a first report"), expected);
        }
        (watch.expect("a watch"), reported)
    }

    fn expect_change(reported: &Receiver<WatchEvent>) {
        let first = reported.recv_timeout(DETECTION_TIMEOUT).expect("the change is detected");
        assert_eq!(first, WatchEvent::MayHaveChanged);
        while reported.recv_timeout(Duration::from_millis(100)).is_ok() {}
    }

    #[test]
    fn writes_renames_and_replaced_symlinks_are_detected_repeatedly() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        fs::create_dir(root.join("r0")).expect("a folder");
        fs::write(root.join("r0/server.pem"), "0").expect("a file");
        symlink("r0", root.join("current")).expect("a symlink");
        let (_watch, reported) = watch(&root.join("current/server.pem"), QUICK);
        for round in 1..4 {
            // Written in place.
            fs::write(root.join(format!("r{}/server.pem", round - 1)), "a").expect("a file");
            expect_change(&reported);
            // Renamed over.
            fs::write(root.join("next"), "b").expect("a file");
            fs::rename(root.join("next"), root.join(format!("r{}/server.pem", round - 1))).expect("a rename");
            expect_change(&reported);
            // The symlink on the path is replaced.
            let fresh = format!("r{round}");
            fs::create_dir(root.join(&fresh)).expect("a folder");
            fs::write(root.join(&fresh).join("server.pem"), "c").expect("a file");
            symlink(&fresh, root.join("link")).expect("a symlink");
            fs::rename(root.join("link"), root.join("current")).expect("a rename");
            expect_change(&reported);
        }
    }

    #[test]
    fn other_files_and_reads_are_not_reported() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("server.pem");
        fs::write(&file, "0").expect("a file");
        let (_watch, reported) = watch(&file, QUICK);
        fs::write(folder.path().join("log"), "line").expect("a file");
        fs::read(&file).expect("read");
        assert!(reported.recv_timeout(Duration::from_millis(300)).is_err());
        fs::write(&file, "1").expect("a file");
        expect_change(&reported);
    }

    #[test]
    fn without_inotify_changes_are_reported_at_each_poll() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings {
            watch: false,
            poll: Some(Duration::from_millis(20)),
            settle: Duration::from_millis(20),
        };
        let (_watch, reported) = watch(&folder.path().join("a"), settings);
        for _ in 0..3 {
            assert_eq!(reported.recv_timeout(DETECTION_TIMEOUT).expect("a poll"), WatchEvent::MayHaveChanged);
        }
    }

    #[test]
    fn continuous_events_are_reported_at_most_once_a_second() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("server.pem");
        fs::write(&file, "0").expect("a file");
        let (_watch, reported) = watch(&file, Settings { settle: Duration::from_millis(200), ..QUICK });
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(2_500) {
            fs::write(&file, "1").expect("a file");
            thread::sleep(Duration::from_millis(5));
        }
        let reports = reported.try_iter().count();
        assert!((1..=3).contains(&reports), "{reports}");
    }
}
