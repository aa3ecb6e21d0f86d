//! Two journals that take turns: while one is filled, what the other holds is made durable without
//! it, in the background.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::time::Instant;

use super::record;
use super::restore::{Absent, restore};
use super::segment::Segment;
use crate::envelope::EntryId;
use crate::spool::draft::Draft;
use crate::spool::layout::Layout;
use crate::spool::volume::Volume;

/// Journals of a spool.
const SEGMENTS: usize = 2;
/// Entries up to this size go through the journal. Writing a larger one twice costs more than a
/// sync of its own.
const ENTRY_BYTES_MAX: usize = 64 << 10;
/// How long an entry may be safe in the journal alone. This bounds what a crash brings back of the
/// entries that consumers had removed.
const FILLING_MAX: Duration = Duration::from_secs(1);
/// How long the disk may take to make free a journal that is needed.
const FREE_WITHIN: Duration = Duration::from_secs(20);
/// A journal is made only where it takes a small part of what is free.
const FREE_BYTES_MIN: u64 = 256 << 20;

/// The journals of one spool, held by the committer.
#[derive(Debug)]
pub(in crate::spool) struct Journal<V: Volume> {
    volume: V,
    layout: Layout,
    filling: Option<Segment<V>>,
    since: Instant,
    free: Vec<Segment<V>>,
    /// Those whose entries are not safe without them, and that cannot be filled any more.
    wounded: Vec<(usize, Absent)>,
    to_checkpoint: Sender<Segment<V>>,
    checkpointed: Receiver<Checkpointed<V>>,
    background: JoinHandle<()>,
    in_background: usize,
}

/// What became of a journal whose entries were to be made durable.
#[derive(Debug)]
struct Checkpointed<V: Volume> {
    segment: Segment<V>,
    outcome: io::Result<()>,
}

impl<V: Volume> Journal<V> {
    /// Puts back what journals of an earlier run hold, and readies them. `None` where the file
    /// system does not tell of every loss, or has little space: there every entry is synced by
    /// itself.
    ///
    /// # Errors
    /// When there is no thread to be had, or a spool that was brought to another file system has
    /// journals that cannot be put back there. Otherwise, what cannot be put back or made now is
    /// left for [`Journal::repair`], and nothing can be appended before.
    pub(in crate::spool) fn start(volume: &V, layout: &Layout) -> io::Result<Option<Self>> {
        if !volume.tells_every_loss(layout.root())? {
            return Self::without(volume, layout);
        }
        // A system without /proc, for one, cannot.
        let trial = layout.draft(EntryId::fresh());
        let publishes = volume.publish(&trial, &[b"trial"]).and_then(|()| volume.remove(&trial));
        if publishes
            .is_err_and(|error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::Unsupported))
        {
            return Self::without(volume, layout);
        }
        let has_space = volume.free_bytes(layout.root())? >= FREE_BYTES_MIN;
        if !has_space && (0..SEGMENTS).all(|number| volume.facts(&layout.journal(number)).is_err()) {
            return Ok(None);
        }
        let held = volume.open_dir(layout.root())?;
        let (to_checkpoint, incoming) = channel();
        let (outgoing, checkpointed) = channel();
        let theirs = volume.clone();
        let background = thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || checkpoint_all(&theirs, &held, &incoming, &outgoing))?;
        Ok(Some(Self {
            volume: volume.clone(),
            layout: layout.clone(),
            filling: None,
            since: Instant::now(),
            free: Vec::new(),
            wounded: (0..SEGMENTS).map(|number| (number, Absent::PutBack)).collect(),
            to_checkpoint,
            checkpointed,
            background,
            in_background: 0,
        }))
    }

    /// Puts back what journals from elsewhere hold, where there are to be none.
    fn without(volume: &V, layout: &Layout) -> io::Result<Option<Self>> {
        for number in (0..SEGMENTS).filter(|number| volume.facts(&layout.journal(*number)).is_ok()) {
            restore(volume, layout, number, Absent::PutBack)?;
            volume.remove(&layout.journal(number))?;
        }
        Ok(None)
    }

    /// Whether this is a draft for the journal.
    pub(in crate::spool) fn takes(draft: &Draft) -> bool {
        draft.len() <= ENTRY_BYTES_MAX
    }

    /// Makes drafts safe; their files can be put back from now on.
    ///
    /// # Errors
    /// When they are not. The journal then takes nothing more until [`Journal::repair`] succeeds.
    pub(in crate::spool) fn append<'a>(
        &mut self,
        drafts: impl Iterator<Item = &'a Draft> + Clone,
    ) -> io::Result<()> {
        let bytes = drafts.clone().map(record::size).sum();
        if !self.filling.as_ref().is_some_and(|segment| segment.has_room_for(bytes)) {
            self.turn()?;
        }
        let Some(mut segment) = self.filling.take() else {
            return Err(io::Error::other("no journal is to be had"));
        };
        if segment.is_void() {
            self.since = Instant::now();
        }
        match segment.append(drafts) {
            Ok(()) => {
                self.filling = Some(segment);
                Ok(())
            }
            Err(error) => {
                self.wounded.push((segment.number, Absent::LeaveOut));
                Err(error)
            }
        }
    }

    /// Lets go of what has been safe in the journal alone for long enough.
    ///
    /// # Errors
    /// When the disk lost what it was to keep: see [`Journal::repair`].
    pub(in crate::spool) fn tidy(&mut self) -> io::Result<()> {
        while let Ok(done) = self.checkpointed.try_recv() {
            self.take_back(done)?;
        }
        let is_due = self.since.elapsed() >= FILLING_MAX;
        let holds_something = self.filling.as_ref().is_some_and(|segment| !segment.is_void());
        if is_due && holds_something && !self.free.is_empty() { self.turn() } else { Ok(()) }
    }

    /// Fills the other one from now on.
    fn turn(&mut self) -> io::Result<()> {
        if let Some(full) = self.filling.take() {
            // The thread is there for as long as this sender.
            let _ = self.to_checkpoint.send(full);
            self.in_background += 1;
        }
        while self.free.is_empty() && self.in_background > 0 {
            self.wait()?;
        }
        self.filling = self.free.pop();
        Ok(())
    }

    fn wait(&mut self) -> io::Result<()> {
        match self.checkpointed.recv_timeout(FREE_WITHIN) {
            Ok(done) => self.take_back(done),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }

    fn take_back(&mut self, Checkpointed { segment, outcome }: Checkpointed<V>) -> io::Result<()> {
        self.in_background -= 1;
        if let Err(error) = outcome {
            tracing::error!(%error, "the disk may have lost entries that it had taken: they are written anew from the journal");
            // What was lost may be of either journal, and will not be told again.
            let suspects = [Some(segment.number), self.filling.take().map(|filling| filling.number)];
            self.wounded.extend(suspects.into_iter().flatten().map(|number| (number, Absent::LeaveOut)));
            return Err(error);
        }
        self.free.push(segment);
        Ok(())
    }

    /// Writes anew what wounded journals hold, and makes journals in their place. Says how many
    /// entries that were.
    ///
    /// # Errors
    /// When one of them is still needed, or none can be filled yet.
    pub(in crate::spool) fn repair(&mut self) -> io::Result<usize> {
        while let Ok(done) = self.checkpointed.try_recv() {
            // One that fails is wounded, and has its turn below.
            let _ = self.take_back(done);
        }
        let mut restored = 0;
        while let Some((number, absent)) = self.wounded.last().copied() {
            restored += restore(&self.volume, &self.layout, number, absent)?;
            let segment = match absent {
                Absent::PutBack => Segment::reopen(&self.volume, &self.layout, number),
                Absent::LeaveOut => Err(io::ErrorKind::InvalidData.into()),
            };
            let segment = segment.or_else(|_| Segment::create(&self.volume, &self.layout, number))?;
            self.wounded.pop();
            self.free.push(segment);
        }
        let has_room = self.filling.is_some() || !self.free.is_empty();
        if has_room { Ok(restored) } else { Err(io::ErrorKind::TimedOut.into()) }
    }

    /// Makes all entries durable without the journals, so that the next start finds them void.
    pub(in crate::spool) fn close(mut self) {
        let mut closed = self.turn();
        while closed.is_ok() && self.in_background > 0 {
            closed = self.wait();
        }
        if let Err(error) = closed {
            tracing::warn!(%error, "the journal could not be emptied: the next start puts back what it holds");
        }
        drop(self.to_checkpoint);
        let _ = self.background.join();
    }
}

/// The background thread: makes everything durable, and with it what each full journal holds.
fn checkpoint_all<V: Volume>(
    volume: &V,
    held: &V::File,
    full: &Receiver<Segment<V>>,
    checkpointed: &Sender<Checkpointed<V>>,
) {
    while let Ok(mut segment) = full.recv() {
        let outcome = volume.sync_everything(held).and_then(|()| segment.void());
        if checkpointed.send(Checkpointed { segment, outcome }).is_err() {
            return;
        }
    }
}
