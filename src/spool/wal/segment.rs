//! A segment is one of the two files of the write-ahead log; "log" below means that file. It is created once, filled,
//! declared void, and filled again.
//!
//! ```text
//! block 0           the state of the log
//! block 1 ...       batches of records
//! the last block    a copy of the state
//! ```

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::BLOCK;
use super::mark::{Epoch, Mark, State};
use super::record::{self, Batch, Record, Records, records};
use super::{SEGMENT_BYTES, previous};
use crate::envelope::EntryId;
use crate::policy::Name;
use crate::spool::draft::Draft;
use crate::spool::layout::{Access, Layout};
use crate::spool::volume::{Volume, is_unexpected_file};

/// The offset of the copy of the state.
const SECOND_STATE: usize = SEGMENT_BYTES - BLOCK;
/// The zeros of one write.
const MANY_ZEROS: &[u8] = &[0; 1 << 16];

/// A log file that is open for appending.
#[derive(Debug)]
pub(super) struct Segment<V: Volume> {
    volume: V,
    pub(super) number: usize,
    file: V::File,
    epoch: Epoch,
    /// The offset of the next batch.
    end: usize,
    next: Batch,
}

impl<V: Volume> Segment<V> {
    /// Creates a void log, replacing an existing file. All its blocks are written, so that later appends do not change
    /// the metadata of the file system.
    pub(super) fn create(volume: &V, layout: &Layout, number: usize) -> io::Result<Self> {
        let temporary = layout.temporary(EntryId::fresh());
        let made = Self::write_zeros(volume, &temporary)
            .and_then(|()| volume.rename(&temporary, &layout.wal(number)))
            .and_then(|()| volume.sync_dir(layout.root()));
        if let Err(error) = made {
            // The file may not exist. The next start empties tmp.
            let _ = volume.remove(&temporary);
            return Err(error);
        }
        Self::open(volume, layout, number)
    }

    fn write_zeros(volume: &V, path: &Path) -> io::Result<()> {
        let file = volume.create(path, Access::Private)?;
        let mut at = 0;
        while at < SEGMENT_BYTES {
            volume.write(&file, offset(at)?, &[MANY_ZEROS])?;
            at += MANY_ZEROS.len();
        }
        volume.sync(&file)
    }

    /// Opens an existing file of the right size and makes it void.
    pub(super) fn reopen(volume: &V, layout: &Layout, number: usize) -> io::Result<Self> {
        if volume.facts(&layout.wal(number))?.length != offset(SEGMENT_BYTES)? {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut segment = Self::open(volume, layout, number)?;
        segment.write_void()?;
        segment.sync_void()?;
        Ok(segment)
    }

    fn open(volume: &V, layout: &Layout, number: usize) -> io::Result<Self> {
        let file = volume.open(&layout.wal(number), Access::Private)?;
        let (epoch, end, next) = Self::void_state();
        Ok(Self { volume: volume.clone(), number, file, epoch, end, next })
    }

    fn void_state() -> (Epoch, usize, Batch) {
        (Epoch::fresh(), BLOCK, Batch { number: 0, records: 0, records_before: 0 })
    }

    /// Whether it contains no record of the current epoch.
    pub(super) fn is_void(&self) -> bool {
        self.next.number == 0
    }

    /// Whether a batch of `bytes` bytes fits.
    pub(super) fn has_room_for(&self, bytes: usize) -> bool {
        bytes.next_multiple_of(BLOCK) <= SECOND_STATE - self.end
    }

    /// Writes a batch and makes it durable. After an error the log must not be used again.
    pub(super) fn append<'a>(&mut self, drafts: impl Iterator<Item = &'a Draft> + Clone) -> io::Result<()> {
        let batch =
            Batch { records: u32::try_from(drafts.clone().count()).map_err(io::Error::other)?, ..self.next };
        let headers: Vec<_> = drafts.clone().map(|draft| record::header(self.epoch, batch, draft)).collect();
        let mut pieces: Vec<&[u8]> = Vec::with_capacity(headers.len() * 3 + 2);
        for (header, draft) in headers.iter().zip(drafts) {
            let [envelope, payload] = draft.pieces();
            pieces.extend([header.as_slice(), envelope, payload]);
        }
        let bytes = pieces.iter().map(|piece| piece.len()).sum::<usize>();
        pieces.push(record::padding(bytes));
        self.write_batch(&pieces)?;
        self.volume.sync(&self.file)?;
        self.end += bytes.next_multiple_of(BLOCK);
        self.next = Batch { number: batch.number + 1, records: 0, records_before: batch.records };
        Ok(())
    }

    /// Writes a batch. The first one is written with the state, so that one sync makes both durable.
    fn write_batch(&self, pieces: &[&[u8]]) -> io::Result<()> {
        if !self.is_void() {
            return self.volume.write(&self.file, offset(self.end)?, pieces);
        }
        let active = Mark::Active(self.epoch).block();
        self.volume.write(&self.file, offset(SECOND_STATE)?, &[&active])?;
        self.volume.write(&self.file, 0, &[&[active.as_slice()], pieces].concat())
    }

    /// Marks the log as void. The mark is not durable before [`Segment::sync_void`].
    pub(super) fn write_void(&mut self) -> io::Result<()> {
        let void = Mark::Void(self.epoch).block();
        self.volume.write(&self.file, offset(SECOND_STATE)?, &[&void])?;
        self.volume.write(&self.file, 0, &[&void])
    }

    /// Makes the void mark durable. The log can be filled again.
    pub(super) fn sync_void(&mut self) -> io::Result<()> {
        self.volume.sync(&self.file)?;
        (self.epoch, self.end, self.next) = Self::void_state();
        Ok(())
    }
}

/// Why a log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It was written by a later release, or both copies of its state are damaged.
    #[error(
        "the write-ahead log `{}` has a version that this release does not support, or is damaged, so it may hold entries that are nowhere else; \
        start the release that wrote it, or move the file away if you are sure that it is not needed", .0.display()
    )]
    Unknown(PathBuf),
    /// The file system returned an error.
    #[error("cannot read the write-ahead log `{}`", path.display())]
    Io {
        /// The path of the log.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
}

impl LogError {
    /// Whether a retry would fail in the same way.
    pub(super) fn is_permanent(&self) -> bool {
        match self {
            Self::Unknown(_) => true,
            Self::Io { source, .. } => is_unexpected_file(source),
        }
    }

    pub(super) fn into_io(self) -> io::Error {
        io::Error::other(self)
    }
}

/// The ID, endpoint and content of each entry that a log with these bytes would restore; `None` if its state cannot be
/// read. No program calls it: `fuzz/` tests the decoder with it.
pub fn entries_in_log(bytes: Vec<u8>) -> Option<Vec<(EntryId, Name, Vec<u8>)>> {
    let format = SegmentContents::format(&bytes)?;
    let contents = SegmentContents { bytes, format };
    let entry = |record: Record<'_>| (record.id, record.endpoint, record.entry.to_vec());
    Some(contents.records().intact.into_iter().map(entry).collect())
}

/// The content of a log file.
#[derive(Debug)]
pub(super) struct SegmentContents {
    bytes: Vec<u8>,
    format: Format,
}

#[derive(Debug)]
enum Format {
    Void,
    Current(Vec<Epoch>),
    Previous,
}

impl SegmentContents {
    /// Reads a log. A log that does not exist is void.
    pub(super) fn read<V: Volume>(volume: &V, layout: &Layout, number: usize) -> Result<Self, LogError> {
        let path = layout.wal(number);
        let mut bytes = Vec::new();
        let read =
            volume.read(&path).and_then(|file| file.take(offset(SEGMENT_BYTES)?).read_to_end(&mut bytes));
        match read {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(LogError::Io { path, source }),
        }
        let format = Self::format(&bytes).ok_or(LogError::Unknown(path))?;
        Ok(Self { bytes, format })
    }

    fn format(bytes: &[u8]) -> Option<Format> {
        if previous::is_active(bytes) {
            return Some(Format::Previous);
        }
        let first = bytes.get(..BLOCK).unwrap_or(bytes);
        let second = bytes.get(SECOND_STATE..SEGMENT_BYTES).unwrap_or_default();
        match State::of(Mark::parse(first), Mark::parse(second)) {
            State::Active(epochs) => Some(Format::Current(epochs)),
            State::Void => Some(Format::Void),
            State::Unknown => None,
        }
    }

    /// The records that may be needed.
    pub(super) fn records(&self) -> Records<'_> {
        match &self.format {
            Format::Void => Records::default(),
            Format::Previous => Records { intact: self.previous_records(), ..Records::default() },
            Format::Current(epochs) => {
                let mut all = Records::default();
                for found in epochs.iter().map(|epoch| records(&self.bytes, *epoch)) {
                    all.intact.extend(found.intact);
                    all.damaged = all.damaged.saturating_add(found.damaged);
                    all.incomplete = all.incomplete.saturating_add(found.incomplete);
                }
                all
            }
        }
    }

    fn previous_records(&self) -> Vec<Record<'_>> {
        previous::records(&self.bytes)
    }
}

fn offset(bytes: usize) -> io::Result<u64> {
    u64::try_from(bytes).map_err(io::Error::other)
}
