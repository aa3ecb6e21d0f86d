//! The two logs of a spool: while one is active, the other one gets its checkpoint.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::checkpoint::{CheckpointThread, Checkpointer, Checkpoints, Damage, Finished, Job};
use super::record;
use super::restore::{Handover, IfAbsent, Unrestored, restore};
use super::segment::{LogError, Segment, SegmentContents};
use crate::envelope::EntryId;
use crate::spool::draft::Draft;
use crate::spool::layout::Layout;
use crate::spool::volume::Volume;

/// The number of logs of a spool.
const LOGS: usize = 2;
/// The greatest size of an entry that is written to the log. For a larger one, writing it twice costs more than
/// syncing it alone.
const ENTRY_BYTES_MAX: usize = 64 << 10;
/// How long an entry may be durable only in the log. This limits how many entries that consumers have deleted reappear
/// after a crash.
const ACTIVE_MAX: Duration = Duration::from_secs(1);
/// How long to wait for a checkpoint if no log is free.
const CHECKPOINT_TIMEOUT: Duration = Duration::from_secs(20);
/// Logs are created only if at least this much space is free, of which they take a small part.
const FREE_BYTES_MIN: u64 = 256 << 20;

/// The write-ahead log of one spool, used by the commit thread.
#[derive(Debug)]
pub(in crate::spool) struct Wal<V: Volume, C = CheckpointThread<V>> {
    volume: V,
    layout: Layout,
    active: Option<Segment<V>>,
    /// When the first batch of the active log was appended.
    since: Instant,
    free: Vec<Segment<V>>,
    /// Logs whose entries must be rewritten before the next append.
    unrestored: Vec<Unrestored>,
    damage: Damage,
    checkpoints: C,
    /// The number of logs whose checkpoint has not been reclaimed yet.
    in_background: usize,
    /// The leases on entries whose files a repair has replaced.
    handovers: Vec<Handover<V>>,
}

impl<V: Volume, C: Checkpoints<V>> Wal<V, C> {
    /// Prepares the logs; [`Wal::repair`] restores the entries in those of an earlier run. `None` if the file system
    /// does not report every lost write or has little space; then every entry is synced by itself.
    ///
    /// # Errors
    /// If a log has an unknown version or is not a regular file, the system cannot start a thread, or the logs of a
    /// spool that was moved to another file system cannot be restored there. Errors that may be temporary are left to
    /// [`Wal::repair`].
    pub(in crate::spool) fn start(
        volume: &V,
        layout: &Layout,
        checkpoints: impl FnOnce(Checkpointer<V>) -> io::Result<C>,
    ) -> Result<Option<Self>, LogError> {
        let io = |source| LogError::Io { path: layout.root().to_owned(), source };
        for number in 0..LOGS {
            match SegmentContents::read(volume, layout, number) {
                Err(error) if error.is_permanent() => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        if !volume.reports_every_loss().map_err(io)? || !Self::can_publish(volume, layout) {
            Self::restore_and_remove(volume, layout).map_err(io)?;
            return Ok(None);
        }
        let has_space = volume.free_bytes().map_err(io)? >= FREE_BYTES_MIN;
        if !has_space && (0..LOGS).all(|number| volume.facts(&layout.wal(number)).is_err()) {
            return Ok(None);
        }
        let damage = Damage::default();
        damage.set();
        let root = volume.open_dir(layout.root()).map_err(io)?;
        let checkpointer = Checkpointer::new(volume.clone(), root, damage.clone());
        Ok(Some(Self {
            volume: volume.clone(),
            layout: layout.clone(),
            active: None,
            since: Instant::now(),
            free: Vec::new(),
            unrestored: (0..LOGS).map(|number| Unrestored { number, if_absent: IfAbsent::Restore }).collect(),
            damage,
            checkpoints: checkpoints(checkpointer).map_err(io)?,
            in_background: 0,
            handovers: Vec::new(),
        }))
    }

    /// Whether a file can be written before it has a name. This fails without /proc, for example.
    fn can_publish(volume: &V, layout: &Layout) -> bool {
        let probe = layout.temporary(EntryId::fresh());
        let published = volume
            .open_queue(&layout.tmp())
            .and_then(|tmp| volume.create_linked(&tmp, &probe, &[b"probe"]))
            .and_then(|()| volume.remove(&probe));
        !published
            .is_err_and(|error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::Unsupported))
    }

    /// Restores and removes the logs of a spool that was moved to a file system without logs.
    fn restore_and_remove(volume: &V, layout: &Layout) -> io::Result<()> {
        let found: Vec<_> = (0..LOGS)
            .filter(|number| volume.facts(&layout.wal(*number)).is_ok())
            .map(|number| Unrestored { number, if_absent: IfAbsent::Restore })
            .collect();
        restore(volume, layout, &found)?;
        found.iter().try_for_each(|log| volume.remove(&layout.wal(log.number)))
    }

    /// Whether a draft is small enough for the log.
    pub(in crate::spool) fn fits(draft: &Draft) -> bool {
        draft.len() <= ENTRY_BYTES_MAX
    }

    /// Makes drafts durable: their files can be restored from now on.
    ///
    /// # Errors
    /// If they are not durable. No further append succeeds until [`Wal::repair`] does.
    pub(in crate::spool) fn append<'a>(
        &mut self,
        drafts: impl Iterator<Item = &'a Draft> + Clone,
    ) -> io::Result<()> {
        let bytes = drafts.clone().map(record::size).sum();
        if !self.active.as_ref().is_some_and(|segment| segment.has_room_for(bytes)) {
            self.switch()?;
        }
        let Some(mut segment) = self.active.take() else {
            return Err(io::Error::other("no write-ahead log is free"));
        };
        if segment.is_void() {
            self.since = Instant::now();
        }
        match segment.append(drafts) {
            Ok(()) => {
                self.active = Some(segment);
                Ok(())
            }
            Err(error) => {
                self.add_unrestored(segment.number);
                Err(error)
            }
        }
    }

    /// Starts a checkpoint if entries have been durable only in the active log for [`ACTIVE_MAX`].
    ///
    /// # Errors
    /// If the disk lost writes: see [`Wal::repair`].
    pub(in crate::spool) fn checkpoint_if_due(&mut self) -> io::Result<()> {
        while let Some(done) = self.checkpoints.finished() {
            self.reclaim(done)?;
        }
        self.handovers.retain(|handover| !handover.is_over(&self.volume));
        let is_due = self.since.elapsed() >= ACTIVE_MAX;
        let holds_records = self.active.as_ref().is_some_and(|segment| !segment.is_void());
        if is_due && holds_records && !self.free.is_empty() { self.switch() } else { Ok(()) }
    }

    /// Submits the active log for a checkpoint and makes the other one active.
    fn switch(&mut self) -> io::Result<()> {
        if let Some(segment) = self.active.take() {
            self.checkpoints.submit(Job(segment));
            self.in_background += 1;
        }
        while self.free.is_empty() && self.in_background > 0 {
            self.wait()?;
        }
        self.active = self.free.pop();
        Ok(())
    }

    fn wait(&mut self) -> io::Result<()> {
        match self.checkpoints.wait(CHECKPOINT_TIMEOUT) {
            Some(done) => self.reclaim(done),
            None => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    fn reclaim(&mut self, Finished { segment, outcome }: Finished<V>) -> io::Result<()> {
        self.in_background -= 1;
        match outcome {
            Ok(()) => {
                self.free.push(segment);
                Ok(())
            }
            Err(error) => {
                self.add_unrestored(segment.number);
                Err(error)
            }
        }
    }

    /// Marks the log as unrestored, and the active one too: the lost write may belong to either, and is not reported
    /// again.
    fn add_unrestored(&mut self, number: usize) {
        self.damage.set();
        let mut add = |number| self.unrestored.push(Unrestored { number, if_absent: IfAbsent::Skip });
        add(number);
        match self.active.take() {
            Some(unused) if unused.is_void() => self.free.push(unused),
            Some(segment) => add(segment.number),
            None => {}
        }
    }

    /// Rewrites the entries of unrestored logs and replaces the logs. Returns the number of entries.
    ///
    /// # Errors
    /// If an entry cannot be rewritten, or no log can be used yet. All logs are kept until the files of all entries in
    /// them are durable.
    pub(in crate::spool) fn repair(&mut self) -> io::Result<usize> {
        while let Some(done) = self.checkpoints.finished() {
            // After an error the log is unrestored; it is repaired below.
            let _ = self.reclaim(done);
        }
        let mut restored = 0;
        if !self.unrestored.is_empty() {
            if self.in_background > 0 {
                // The log in the background may contain lost entries too.
                return Err(io::ErrorKind::TimedOut.into());
            }
            let done = restore(&self.volume, &self.layout, &self.unrestored)?;
            restored = done.entries;
            self.handovers.extend(done.handovers);
            self.replace_unrestored()?;
        }
        let has_usable_log = self.active.is_some() || !self.free.is_empty();
        if has_usable_log { Ok(restored) } else { Err(io::ErrorKind::TimedOut.into()) }
    }

    fn replace_unrestored(&mut self) -> io::Result<()> {
        while let Some(Unrestored { number, if_absent }) = self.unrestored.last().copied() {
            let segment = match if_absent {
                IfAbsent::Restore => Segment::reopen(&self.volume, &self.layout, number),
                IfAbsent::Skip => Err(io::ErrorKind::InvalidData.into()),
            };
            let segment = segment.or_else(|_| Segment::create(&self.volume, &self.layout, number))?;
            self.unrestored.pop();
            self.free.push(segment);
        }
        self.damage.clear();
        Ok(())
    }

    /// Makes all entries durable outside the logs, so that the next start finds the logs void. After an error the logs
    /// are kept.
    pub(in crate::spool) fn close(mut self) {
        let mut closed = self.switch();
        while closed.is_ok() && self.in_background > 0 {
            closed = self.wait();
        }
        if let Err(error) = closed {
            tracing::warn!(%error, "write-ahead log not emptied; the next start restores its entries");
        }
        self.checkpoints.close();
    }
}
