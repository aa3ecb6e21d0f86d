//! Two logs that take turns: while one is active, the other gets its checkpoint.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::checkpoint::{CheckpointThread, Checkpointer, Checkpoints, Damage, Finished, Job};
use super::record;
use super::restore::{Absent, Damaged, Handover, restore};
use super::segment::{LogError, Segment, SegmentContents};
use crate::envelope::EntryId;
use crate::spool::draft::Draft;
use crate::spool::layout::Layout;
use crate::spool::volume::Volume;

/// Logs of a spool.
const LOGS: usize = 2;
/// Entries up to this size go through the log. Writing a larger one twice costs more than a sync for
/// that entry alone.
const ENTRY_BYTES_MAX: usize = 64 << 10;
/// How long an entry may be durable in the log alone. This bounds what reappears after a crash of the
/// entries that consumers had deleted.
const ACTIVE_MAX: Duration = Duration::from_secs(1);
/// How long the disk may take to free a log that is needed.
const FREE_WITHIN: Duration = Duration::from_secs(20);
/// Logs are created only where they take a small part of the free space.
const FREE_BYTES_MIN: u64 = 256 << 20;

/// The write-ahead log of one spool, held by the commit thread.
#[derive(Debug)]
pub(in crate::spool) struct Wal<V: Volume, C = CheckpointThread<V>> {
    volume: V,
    layout: Layout,
    active: Option<Segment<V>>,
    since: Instant,
    free: Vec<Segment<V>>,
    /// Logs whose entries have to be rewritten before anything is appended.
    damaged: Vec<Damaged>,
    damage: Damage,
    checkpoints: C,
    in_background: usize,
    /// Leases on entries that a repair has replaced.
    handovers: Vec<Handover<V>>,
}

impl<V: Volume, C: Checkpoints<V>> Wal<V, C> {
    /// Prepares the logs; [`Wal::repair`] restores what those of an earlier run hold. `None` where the file
    /// system does not report every lost write, or has little space: there every entry is synced
    /// by itself.
    ///
    /// # Errors
    /// When a log is of an unknown version or not a regular file, the system cannot start a thread, or the logs of a
    /// spool that was brought to another file system cannot be restored there. What merely
    /// cannot be restored or created now is left for [`Wal::repair`].
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
            Self::restore_without(volume, layout).map_err(io)?;
            return Ok(None);
        }
        let has_space = volume.free_bytes().map_err(io)? >= FREE_BYTES_MIN;
        if !has_space && (0..LOGS).all(|number| volume.facts(&layout.wal(number)).is_err()) {
            return Ok(None);
        }
        let damage = Damage::default();
        damage.set();
        let held = volume.open_dir(layout.root()).map_err(io)?;
        let checkpointer = Checkpointer::new(volume.clone(), held, damage.clone());
        Ok(Some(Self {
            volume: volume.clone(),
            layout: layout.clone(),
            active: None,
            since: Instant::now(),
            free: Vec::new(),
            damaged: (0..LOGS).map(|number| Damaged { number, absent: Absent::PutBack }).collect(),
            damage,
            checkpoints: checkpoints(checkpointer).map_err(io)?,
            in_background: 0,
            handovers: Vec::new(),
        }))
    }

    /// Whether a file can be written before it has a name. A system without /proc, for one, cannot.
    fn can_publish(volume: &V, layout: &Layout) -> bool {
        let trial = layout.draft(EntryId::fresh());
        let published = volume
            .open_queue(&layout.tmp())
            .and_then(|tmp| volume.publish(&tmp, &trial, &[b"trial"]))
            .and_then(|()| volume.remove(&trial));
        !published
            .is_err_and(|error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::Unsupported))
    }

    /// Restores and removes logs from another file system, where there are to be none.
    fn restore_without(volume: &V, layout: &Layout) -> io::Result<()> {
        let found: Vec<_> = (0..LOGS)
            .filter(|number| volume.facts(&layout.wal(*number)).is_ok())
            .map(|number| Damaged { number, absent: Absent::PutBack })
            .collect();
        restore(volume, layout, &found)?;
        found.iter().try_for_each(|log| volume.remove(&layout.wal(log.number)))
    }

    /// Whether a draft is written to the log.
    pub(in crate::spool) fn takes(draft: &Draft) -> bool {
        draft.len() <= ENTRY_BYTES_MAX
    }

    /// Makes drafts durable; from now on their files can be restored.
    ///
    /// # Errors
    /// When they are not durable. Nothing more is appended until [`Wal::repair`] succeeds.
    pub(in crate::spool) fn append<'a>(
        &mut self,
        drafts: impl Iterator<Item = &'a Draft> + Clone,
    ) -> io::Result<()> {
        let bytes = drafts.clone().map(record::size).sum();
        if !self.active.as_ref().is_some_and(|segment| segment.has_room_for(bytes)) {
            self.turn()?;
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
                self.add_damaged(segment.number);
                Err(error)
            }
        }
    }

    /// Starts the checkpoint of what has been durable in the log alone for long enough.
    ///
    /// # Errors
    /// When the disk lost writes: see [`Wal::repair`].
    pub(in crate::spool) fn tidy(&mut self) -> io::Result<()> {
        while let Some(done) = self.checkpoints.finished() {
            self.take_back(done)?;
        }
        self.handovers.retain(|handover| !handover.is_over(&self.volume));
        let is_due = self.since.elapsed() >= ACTIVE_MAX;
        let holds_records = self.active.as_ref().is_some_and(|segment| !segment.is_void());
        if is_due && holds_records && !self.free.is_empty() { self.turn() } else { Ok(()) }
    }

    /// Makes the other log the active one.
    fn turn(&mut self) -> io::Result<()> {
        if let Some(full) = self.active.take() {
            self.checkpoints.submit(Job(full));
            self.in_background += 1;
        }
        while self.free.is_empty() && self.in_background > 0 {
            self.wait()?;
        }
        self.active = self.free.pop();
        Ok(())
    }

    fn wait(&mut self) -> io::Result<()> {
        match self.checkpoints.wait(FREE_WITHIN) {
            Some(done) => self.take_back(done),
            None => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    fn take_back(&mut self, Finished { segment, outcome }: Finished<V>) -> io::Result<()> {
        self.in_background -= 1;
        match outcome {
            Ok(()) => {
                self.free.push(segment);
                Ok(())
            }
            Err(error) => {
                self.add_damaged(segment.number);
                Err(error)
            }
        }
    }

    /// What was lost may be of either log, and is not reported again.
    fn add_damaged(&mut self, number: usize) {
        self.damage.set();
        let mut add = |number| self.damaged.push(Damaged { number, absent: Absent::LeaveOut });
        add(number);
        match self.active.take() {
            Some(void) if void.is_void() => self.free.push(void),
            Some(segment) => add(segment.number),
            None => {}
        }
    }

    /// Rewrites what damaged logs hold, and replaces them. Returns how many entries that were.
    ///
    /// # Errors
    /// When an entry cannot be rewritten, or no log can be filled yet. All logs are kept until everything
    /// that any of them holds is durable without them.
    pub(in crate::spool) fn repair(&mut self) -> io::Result<usize> {
        while let Some(done) = self.checkpoints.finished() {
            // One that failed is damaged, and is repaired below.
            let _ = self.take_back(done);
        }
        let mut restored = 0;
        if !self.damaged.is_empty() {
            if self.in_background > 0 {
                // It may hold what was lost as well.
                return Err(io::ErrorKind::TimedOut.into());
            }
            let done = restore(&self.volume, &self.layout, &self.damaged)?;
            restored = done.entries;
            self.handovers.extend(done.handovers);
            self.replace_damaged()?;
        }
        let has_room = self.active.is_some() || !self.free.is_empty();
        if has_room { Ok(restored) } else { Err(io::ErrorKind::TimedOut.into()) }
    }

    fn replace_damaged(&mut self) -> io::Result<()> {
        while let Some(Damaged { number, absent }) = self.damaged.last().copied() {
            let segment = match absent {
                Absent::PutBack => Segment::reopen(&self.volume, &self.layout, number),
                Absent::LeaveOut => Err(io::ErrorKind::InvalidData.into()),
            };
            let segment = segment.or_else(|_| Segment::create(&self.volume, &self.layout, number))?;
            self.damaged.pop();
            self.free.push(segment);
        }
        self.damage.clear();
        Ok(())
    }

    /// Makes all entries durable without the logs, so that the next start finds them void. After a loss they are left
    /// as they are.
    pub(in crate::spool) fn close(mut self) {
        let mut closed = self.turn();
        while closed.is_ok() && self.in_background > 0 {
            closed = self.wait();
        }
        if let Err(error) = closed {
            tracing::warn!(%error, "write-ahead log not emptied; the next start restores what it holds");
        }
        self.checkpoints.close();
    }
}
