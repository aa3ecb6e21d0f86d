//! A simulated file system in memory. Any call can fail, and a log of operations allows a power failure after any call.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::oneshot;

use super::commit_error::CommitError;
use super::layout::Access;
use super::volume::{Displaced, FileFacts, UnexpectedFile, Volume};
use super::writer::Receipt;
use crate::clock::Timestamp;
use crate::envelope::EntryId;

type Inode = usize;
type Bytes = Arc<Vec<u8>>;

/// An operation that changes what is on disk, including failed syncs.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Create(PathBuf, Inode),
    Unnamed(Inode),
    Link(PathBuf, Inode),
    Write(Inode, usize, Bytes),
    Sync(Inode),
    SyncFailed(Inode),
    SyncEverything,
    SyncEverythingFailed,
    SyncDir(PathBuf),
    Rename(PathBuf, PathBuf, Inode),
    Exchange(PathBuf, Inode, PathBuf, Inode),
    Remove(PathBuf),
}

/// The names of files and the contents of inodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Contents {
    pub(super) names: BTreeMap<PathBuf, Inode>,
    pub(super) data: BTreeMap<Inode, Bytes>,
}

impl Contents {
    pub(super) fn get(&self, path: &Path) -> Option<&[u8]> {
        Some(&self.data[self.names.get(path)?])
    }

    /// Drops the data of files that have no name.
    pub(super) fn forget_unnamed(&mut self) {
        let named: BTreeSet<_> = self.names.values().copied().collect();
        self.data.retain(|inode, _| named.contains(inode));
    }

    pub(super) fn write(&mut self, inode: Inode, offset: usize, bytes: &[u8]) {
        let data = Arc::make_mut(self.data.entry(inode).or_default());
        data.resize(data.len().max(offset + bytes.len()), 0);
        data[offset..offset + bytes.len()].copy_from_slice(bytes);
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) now: Contents,
    pub(super) log: Vec<Op>,
    inodes: Inode,
    /// All calls that may fail, with their paths.
    pub(super) calls: Vec<(&'static str, PathBuf)>,
    /// The calls that fail, and their error numbers.
    pub(super) faults: Vec<(Fault, i32)>,
    pub(super) reports_losses: bool,
    /// Files that another process has locked.
    pub(super) locked: BTreeSet<Inode>,
    /// Directories on another file system.
    pub(super) other_mounts: Vec<PathBuf>,
    pub(super) displaced: Option<Displaced>,
    /// Files with data that is not synced.
    unsynced: BTreeSet<Inode>,
    /// Files that lost data, which their own sync has not reported yet.
    tainted: BTreeSet<Inode>,
    /// How many times data was lost. Each descriptor reports each loss once.
    losses: usize,
    pending: Vec<(EntryId, oneshot::Receiver<Result<Receipt, CommitError>>)>,
    /// The receipts, each with the length of the log when it was sent.
    pub(super) receipts: Vec<(EntryId, usize)>,
    pub(super) refused: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// The call with this name fails, after this many successful ones.
    Named(&'static str, usize),
    /// Consecutive calls fail: the number of the first one, and how many fail.
    Numbered(usize, usize),
    /// No call fails, but before the call with this number all unsynced data is lost.
    WriteBack(usize),
}

/// The simulated file system. Clones share its state.
#[derive(Clone, Default)]
pub(super) struct Sim(Arc<Mutex<State>>, Arc<Mutex<Option<Hook>>>);

type Hook = Arc<dyn Fn() + Send + Sync>;

impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sim")
    }
}

impl Sim {
    /// Returns a file system with these contents. `reports_losses` is the result of [`Volume::reports_every_loss`].
    pub(super) fn with_contents(now: Contents, reports_losses: bool) -> Self {
        let inodes = now.data.keys().max().map_or(0, |inode| inode + 1);
        Self(Arc::new(Mutex::new(State { now, inodes, reports_losses, ..State::default() })), Arc::default())
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Registers an entry whose reply is recorded.
    pub(super) fn expect(&self, id: EntryId, reply: oneshot::Receiver<Result<Receipt, CommitError>>) {
        self.state().pending.push((id, reply));
    }

    /// Records the replies that have arrived. Called before each operation.
    pub(super) fn record_replies(&self) {
        let state = &mut *self.state();
        let at = state.log.len();
        state.pending.retain_mut(|(id, reply)| match reply.try_recv() {
            Ok(Ok(receipt)) => {
                assert_eq!(receipt.id(), *id);
                state.receipts.push((*id, at));
                false
            }
            Ok(Err(_)) => {
                state.refused += 1;
                false
            }
            Err(oneshot::error::TryRecvError::Empty) => true,
            Err(oneshot::error::TryRecvError::Closed) => panic!("no reply to {id}"),
        });
    }

    /// Sets a function that runs before each call, on the thread of the call.
    pub(super) fn set_hook(&self, hook: impl Fn() + Send + Sync + 'static) {
        *self.1.lock().unwrap() = Some(Arc::new(hook));
    }

    fn call(&self, name: &'static str, path: &Path) -> io::Result<MutexGuard<'_, State>> {
        let hook = self.1.lock().unwrap().clone();
        if let Some(hook) = hook {
            hook();
        }
        self.record_replies();
        let mut state = self.state();
        let number = state.calls.len();
        let before = state.calls.iter().filter(|(call, _)| *call == name).count();
        let fails = |(fault, errno): &(Fault, i32)| {
            let matches_call = match fault {
                Fault::Named(call, after) => *call == name && before == *after,
                Fault::Numbered(from, count) => (*from..from + count).contains(&number),
                Fault::WriteBack(_) => false,
            };
            matches_call.then_some(*errno)
        };
        let errno = state.faults.iter().find_map(fails);
        if state.faults.iter().any(|(fault, _)| matches!(fault, Fault::WriteBack(at) if *at == number)) {
            state.lose_everything_unsynced();
        }
        state.calls.push((name, path.to_owned()));
        match errno {
            Some(errno) => Err(io::Error::from_raw_os_error(errno)),
            None => Ok(state),
        }
    }
}

impl State {
    /// Simulates a failed write-back by the kernel, which only the next sync reports.
    fn lose_everything_unsynced(&mut self) {
        let lost = std::mem::take(&mut self.unsynced);
        if !lost.is_empty() {
            self.losses += 1;
            self.tainted.extend(lost);
            self.log.push(Op::SyncEverythingFailed);
        }
    }

    fn handle(&self, path: &Path, inode: Inode) -> Handle {
        Handle { path: path.to_owned(), inode, reported: Arc::new(self.losses.into()) }
    }

    fn inode(&self, path: &Path) -> io::Result<Inode> {
        self.now.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

#[derive(Clone, Debug)]
pub(super) struct Handle {
    path: PathBuf,
    inode: Inode,
    /// The losses that this descriptor does not report: those from before it was opened, and those it has reported.
    reported: Arc<AtomicUsize>,
}

impl Volume for Sim {
    type File = Handle;
    type Dir = PathBuf;
    type Reader = io::Cursor<Vec<u8>>;
    type Names = std::vec::IntoIter<io::Result<OsString>>;

    fn create(&self, path: &Path, _: Access) -> io::Result<Handle> {
        let mut state = self.call("create", path)?;
        if state.now.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = state.inodes;
        state.inodes += 1;
        state.now.names.insert(path.to_owned(), inode);
        state.now.data.insert(inode, Bytes::default());
        state.log.push(Op::Create(path.to_owned(), inode));
        Ok(state.handle(path, inode))
    }

    fn open_queue(&self, path: &Path) -> io::Result<PathBuf> {
        let is_other_mount = self.state().other_mounts.iter().any(|mounted| path.starts_with(mounted));
        if is_other_mount { Err(UnexpectedFile::OtherMount.into()) } else { Ok(path.to_owned()) }
    }

    fn create_linked(&self, queue: &PathBuf, path: &Path, pieces: &[&[u8]]) -> io::Result<()> {
        assert_eq!(path.parent(), Some(queue.as_path()));
        let bytes = pieces.concat();
        let mut state = self.call("publish", path)?;
        let inode = state.inodes;
        state.inodes += 1;
        state.now.names.insert(path.to_owned(), inode);
        state.now.write(inode, 0, &bytes);
        state.unsynced.insert(inode);
        let written = Op::Write(inode, 0, Arc::new(bytes));
        state.log.extend([Op::Unnamed(inode), written, Op::Link(path.to_owned(), inode)]);
        Ok(())
    }

    fn open(&self, path: &Path, _: Access) -> io::Result<Handle> {
        let state = self.call("open", path)?;
        Ok(state.handle(path, state.inode(path)?))
    }

    fn open_dir(&self, path: &Path) -> io::Result<Handle> {
        Ok(self.call("open_dir", path)?.handle(path, Inode::MAX))
    }

    fn read(&self, path: &Path) -> io::Result<Self::Reader> {
        let state = self.call("read", path)?;
        let inode = state.inode(path)?;
        Ok(io::Cursor::new(state.now.data[&inode].to_vec()))
    }

    fn read_locked(&self, path: &Path) -> io::Result<Option<Self::Reader>> {
        let is_locked = {
            let state = self.state();
            state.locked.contains(&state.inode(path)?)
        };
        if is_locked { Ok(None) } else { self.read(path).map(Some) }
    }

    fn write(&self, file: &Handle, offset: u64, pieces: &[&[u8]]) -> io::Result<()> {
        let (bytes, offset) = (pieces.concat(), usize::try_from(offset).unwrap());
        let mut state = match self.call("write", &file.path) {
            Ok(state) => state,
            Err(error) => {
                // Half of the bytes were written before the fault.
                let mut state = self.state();
                let half = bytes[..bytes.len() / 2].to_vec();
                state.unsynced.insert(file.inode);
                state.now.write(file.inode, offset, &half);
                state.log.push(Op::Write(file.inode, offset, Arc::new(half)));
                return Err(error);
            }
        };
        state.now.write(file.inode, offset, &bytes);
        state.unsynced.insert(file.inode);
        state.log.push(Op::Write(file.inode, offset, Arc::new(bytes)));
        Ok(())
    }

    fn sync(&self, file: &Handle) -> io::Result<()> {
        let called = self.call("sync", &file.path).map(drop);
        let mut state = self.state();
        state.unsynced.remove(&file.inode);
        if called.is_err() || state.tainted.remove(&file.inode) {
            state.losses += 1;
            state.log.push(Op::SyncFailed(file.inode));
            return called.and(Err(io::Error::from_raw_os_error(5)));
        }
        state.log.push(Op::Sync(file.inode));
        Ok(())
    }

    fn sync_everything(&self, held: &Handle) -> io::Result<()> {
        let called = self.call("sync_everything", &held.path).map(drop);
        let mut state = self.state();
        let lost = std::mem::take(&mut state.unsynced);
        if called.is_err() {
            state.unsynced = lost;
            state.lose_everything_unsynced();
        } else {
            state.log.push(Op::SyncEverything);
        }
        let known = held.reported.swap(state.losses, Ordering::Relaxed);
        if known < state.losses { Err(io::Error::from_raw_os_error(5)) } else { called }
    }

    fn reports_every_loss(&self) -> io::Result<bool> {
        Ok(self.state().reports_losses)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.call("rename", from)?;
        let inode = state.inode(from)?;
        state.now.names.remove(from);
        state.now.names.insert(to.to_owned(), inode);
        state.log.push(Op::Rename(from.to_owned(), to.to_owned(), inode));
        Ok(())
    }

    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        let mut state = self.call("exchange", one)?;
        let (first, second) = (state.inode(one)?, state.inode(other)?);
        state.now.names.insert(one.to_owned(), second);
        state.now.names.insert(other.to_owned(), first);
        state.log.push(Op::Exchange(one.to_owned(), second, other.to_owned(), first));
        Ok(())
    }

    fn try_lock(&self, file: &Handle) -> io::Result<bool> {
        Ok(!self.call("try_lock", &file.path)?.locked.contains(&file.inode))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.call("sync_dir", path)?.log.push(Op::SyncDir(path.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.call("remove", path)?;
        state.inode(path)?;
        state.now.names.remove(path);
        state.log.push(Op::Remove(path.to_owned()));
        Ok(())
    }

    fn make_dir(&self, _: &Path, _: Access) -> io::Result<bool> {
        Ok(false)
    }

    fn make_lock_file(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&self, file: &Handle, length: u64) -> io::Result<()> {
        let state = self.call("truncate", &file.path)?;
        let found = state.now.data.get(&file.inode).map_or(0, |data| data.len());
        assert!(u64::try_from(found).unwrap() <= length, "no test makes an entry longer");
        Ok(())
    }

    fn is_in_mount(&self, directory: &Path) -> io::Result<bool> {
        Ok(!self.state().other_mounts.iter().any(|mounted| directory.starts_with(mounted)))
    }

    fn displaced(&self) -> Option<Displaced> {
        self.state().displaced.clone()
    }

    fn list(&self, path: &Path) -> io::Result<Self::Names> {
        let state = self.call("list", path)?;
        let inside = state.now.names.keys().filter(|name| name.parent() == Some(path));
        let names: Vec<_> = inside.filter_map(|name| Some(Ok(name.file_name()?.to_owned()))).collect();
        Ok(names.into_iter())
    }

    fn facts(&self, path: &Path) -> io::Result<FileFacts> {
        let state = self.state();
        let length = state.now.data[&state.inode(path)?].len();
        Ok(FileFacts { length: u64::try_from(length).unwrap(), changed: Timestamp::UNIX_EPOCH })
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(1 << 40)
    }
}
