//! inotify says at once that something happened on the way to a file, and a look every now and then
//! is the net below it: network file systems and a used-up watch limit send no event.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use notify::{ErrorKind, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::time::Instant;

use super::settings::Settings;
use super::way::Way;

/// However busy the folders are, a look is taken after this.
const SETTLE_MAX: Duration = Duration::from_secs(1);
/// What "never" is to a clock.
const NEVER: Duration = Duration::from_secs(86_400);

/// Watches a set of files until it is dropped.
#[derive(Debug)]
pub struct FileWatch {
    signals: Sender<Signal>,
}

/// What is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tidings {
    /// Something may have changed.
    MayHaveChanged,
    /// Whether inotify works; without it changes are noticed at the next look.
    InotifyWorks(bool),
}

/// Watching cannot begin at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch files for changes")]
pub struct WatchError(#[from] io::Error);

#[derive(Debug)]
enum Signal {
    /// Something happened on the way to a file.
    Event,
    /// The thread that reads events is gone, and was not told to go.
    Deaf(u64),
    /// Other files, or another way of watching them.
    Follow(Vec<PathBuf>, Settings),
    Stop,
}

impl FileWatch {
    /// Tells `tell` when something may have changed, once things are quiet.
    ///
    /// # Errors
    /// When the system has no thread to give. Without inotify it still looks now and then.
    pub fn start(
        files: Vec<PathBuf>,
        settings: Settings,
        tell: impl Fn(Tidings) + Send + 'static,
    ) -> Result<Self, WatchError> {
        let (signals, received) = channel();
        let own = signals.clone();
        thread::Builder::new().name("watch".into()).spawn(move || {
            let mut post = Post { files, settings, signals: own, tell, ear: None, ears: 0, said: None };
            post.listen();
            // What changed between the reading and the listening.
            (post.tell)(Tidings::MayHaveChanged);
            post.stand(&received);
        })?;
        Ok(Self { signals })
    }

    /// Watches these files from now on, in this way, and tells once that they may have changed.
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
struct Post<F> {
    files: Vec<PathBuf>,
    settings: Settings,
    signals: Sender<Signal>,
    tell: F,
    /// What listens, and the way it listens along.
    ear: Option<(RecommendedWatcher, Way, u64)>,
    ears: u64,
    said: Option<bool>,
}

impl<F: Fn(Tidings)> Post<F> {
    fn stand(&mut self, received: &Receiver<Signal>) {
        loop {
            match received.recv_timeout(self.settings.poll.unwrap_or(NEVER)) {
                Ok(Signal::Event) => {
                    if !self.settle(received) {
                        return;
                    }
                }
                Ok(Signal::Follow(files, settings)) => (self.files, self.settings) = (files, settings),
                Ok(Signal::Deaf(number)) => {
                    if self.ear.as_ref().is_none_or(|(_, _, ours)| *ours != number) {
                        continue;
                    }
                    tracing::warn!("nobody listens for changes of files any more; listening anew");
                    self.ear = None;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
            // Listening first: what changes after the look is heard.
            self.listen();
            (self.tell)(Tidings::MayHaveChanged);
        }
    }

    /// Waits for quiet; false when it is time to stop.
    fn settle(&mut self, received: &Receiver<Signal>) -> bool {
        let latest = Instant::now() + SETTLE_MAX.max(self.settings.settle);
        loop {
            let left = latest.saturating_duration_since(Instant::now());
            match received.recv_timeout(self.settings.settle.min(left)) {
                Ok(Signal::Event | Signal::Deaf(_)) if left.is_zero() => return true,
                Ok(Signal::Event | Signal::Deaf(_)) => {}
                Ok(Signal::Follow(files, settings)) => (self.files, self.settings) = (files, settings),
                Err(RecvTimeoutError::Timeout) => return true,
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    /// Listens along the way as it is now.
    fn listen(&mut self) {
        let way = Way::to(&self.files);
        if !self.settings.watch {
            self.ear = None;
            return self.say(false);
        }
        if self.ear.as_ref().is_some_and(|(_, known, _)| *known == way) {
            return;
        }
        self.ears += 1;
        match ear(&way, self.signals.clone(), self.ears) {
            Ok(watcher) => {
                self.ear = Some((watcher, way, self.ears));
                self.say(true);
            }
            Err(error) => {
                self.ear = None;
                if self.said != Some(false) {
                    tracing::warn!(%error, poll = ?self.settings.poll, "inotify does not work here; files are looked at now and then");
                }
                self.say(false);
            }
        }
    }

    fn say(&mut self, works: bool) {
        if self.said.replace(works) != Some(works) {
            (self.tell)(Tidings::InotifyWorks(works));
        }
    }
}

/// Folders are watched, not files: a watch on a file sees the first rename over it and then nothing.
fn ear(way: &Way, signals: Sender<Signal>, number: u64) -> notify::Result<RecommendedWatcher> {
    let names = way.names.clone();
    let alarm = Alarm { signals, number };
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if concerns(event, &names) {
            let _ = alarm.signals.send(Signal::Event);
        }
    })?;
    for (folder, _, _) in &way.folders {
        match watcher.watch(folder, RecursiveMode::NonRecursive) {
            // A folder further up that is not ours to read is not ours to watch; nor is one that
            // went while we looked.
            Err(error) if is_bearable(&error) => {
                tracing::debug!(folder = %folder.display(), %error, "a folder is not watched")
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

/// Whether an event is about a name on the way. What cannot be told counts, too.
fn concerns(event: notify::Result<notify::Event>, names: &BTreeSet<PathBuf>) -> bool {
    match event {
        Err(_) => true,
        // Reading a file is an event as well; heeding it would wake us for our own looks.
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
        let _ = self.signals.send(Signal::Deaf(self.number));
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

    fn watch(file: &Path, settings: Settings) -> (FileWatch, Receiver<Tidings>) {
        let (tell, told) = channel();
        let watch = FileWatch::start(vec![file.to_owned()], settings, move |tidings| {
            let _ = tell.send(tidings);
        });
        let expected = Tidings::InotifyWorks(settings.watch);
        for expected in [expected, Tidings::MayHaveChanged] {
            assert_eq!(told.recv_timeout(NOTICED_WITHIN).expect("it begins"), expected);
        }
        (watch.expect("a watch"), told)
    }

    fn noticed(told: &Receiver<Tidings>) {
        let first = told.recv_timeout(NOTICED_WITHIN).expect("the change is noticed");
        assert_eq!(first, Tidings::MayHaveChanged);
        while told.recv_timeout(Duration::from_millis(100)).is_ok() {}
    }

    #[test]
    fn a_file_is_noticed_however_it_changes_again_and_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        fs::create_dir(root.join("r0")).expect("a folder");
        fs::write(root.join("r0/server.pem"), "0").expect("a file");
        symlink("r0", root.join("current")).expect("a symlink");
        let (_watch, told) = watch(&root.join("current/server.pem"), QUICK);
        for round in 1..4 {
            // Written in place.
            fs::write(root.join(format!("r{}/server.pem", round - 1)), "a").expect("a file");
            noticed(&told);
            // Renamed over.
            fs::write(root.join("next"), "b").expect("a file");
            fs::rename(root.join("next"), root.join(format!("r{}/server.pem", round - 1))).expect("a rename");
            noticed(&told);
            // The symlink on the way is swapped.
            let fresh = format!("r{round}");
            fs::create_dir(root.join(&fresh)).expect("a folder");
            fs::write(root.join(&fresh).join("server.pem"), "c").expect("a file");
            symlink(&fresh, root.join("link")).expect("a symlink");
            fs::rename(root.join("link"), root.join("current")).expect("a rename");
            noticed(&told);
        }
    }

    #[test]
    fn neighbours_and_readers_are_no_news() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("server.pem");
        fs::write(&file, "0").expect("a file");
        let (_watch, told) = watch(&file, QUICK);
        fs::write(folder.path().join("log"), "line").expect("a file");
        fs::read(&file).expect("read");
        assert!(told.recv_timeout(Duration::from_millis(300)).is_err());
        fs::write(&file, "1").expect("a file");
        noticed(&told);
    }

    #[test]
    fn without_inotify_it_looks_now_and_then() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings {
            watch: false,
            poll: Some(Duration::from_millis(20)),
            settle: Duration::from_millis(20),
        };
        let (_watch, told) = watch(&folder.path().join("a"), settings);
        for _ in 0..3 {
            assert_eq!(told.recv_timeout(NOTICED_WITHIN).expect("a look"), Tidings::MayHaveChanged);
        }
    }

    #[test]
    fn a_storm_is_looked_at_once_a_second_at_most() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("server.pem");
        fs::write(&file, "0").expect("a file");
        let (_watch, told) = watch(&file, Settings { settle: Duration::from_millis(200), ..QUICK });
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(2_500) {
            fs::write(&file, "1").expect("a file");
            thread::sleep(Duration::from_millis(5));
        }
        let looks = told.try_iter().count();
        assert!((1..=3).contains(&looks), "{looks}");
    }
}
