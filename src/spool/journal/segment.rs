//! One journal file: made once, filled, and then made void.

use std::io::{self, Read as _};
use std::path::Path;

use super::record::{self, BLOCK};
use crate::envelope::EntryId;
use crate::spool::draft::Draft;
use crate::spool::layout::Layout;
use crate::spool::volume::Volume;

/// The size of each of the two. More would mean more to put back after a crash, less that the disk
/// is asked to make the files durable more often than once a second under full load.
pub(super) const SEGMENT_BYTES: usize = if cfg!(test) { 128 << 10 } else { 8 << 20 };
/// Zeros that are written at once.
const ZEROS: &[u8] = &[0; 1 << 16];

/// A journal file that is open to be filled.
#[derive(Debug)]
pub(super) struct Segment<V: Volume> {
    volume: V,
    pub(super) number: usize,
    file: V::File,
    filling: EntryId,
    used: usize,
}

impl<V: Volume> Segment<V> {
    /// Makes one in the place of whatever stands there. All its blocks are written, so that filling
    /// it changes nothing of the file system.
    pub(super) fn create(volume: &V, layout: &Layout, number: usize) -> io::Result<Self> {
        let draft = layout.draft(EntryId::fresh());
        let made = Self::write_zeros(volume, &draft)
            .and_then(|()| volume.rename(&draft, &layout.journal(number)))
            .and_then(|()| volume.sync_dir(layout.root()));
        if let Err(error) = made {
            // Whether it stands at all is not known; tmp is swept at the next start.
            let _ = volume.remove(&draft);
            return Err(error);
        }
        Self::open(volume, layout, number)
    }

    fn write_zeros(volume: &V, path: &Path) -> io::Result<()> {
        let file = volume.create(path)?;
        let mut at = 0;
        while at < SEGMENT_BYTES {
            volume.write(&file, offset(at)?, &[ZEROS])?;
            at += ZEROS.len();
        }
        volume.sync(&file)
    }

    /// Opens the one that stands there, if it is of the right size, and makes it void.
    pub(super) fn reopen(volume: &V, layout: &Layout, number: usize) -> io::Result<Self> {
        if volume.facts(&layout.journal(number))?.length != offset(SEGMENT_BYTES)? {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut segment = Self::open(volume, layout, number)?;
        segment.void()?;
        Ok(segment)
    }

    fn open(volume: &V, layout: &Layout, number: usize) -> io::Result<Self> {
        let file = volume.open(&layout.journal(number))?;
        Ok(Self { volume: volume.clone(), number, file, filling: EntryId::fresh(), used: 0 })
    }

    /// Whether it holds anything.
    pub(super) fn is_void(&self) -> bool {
        self.used == 0
    }

    /// Whether a batch of so many bytes fits in.
    pub(super) fn has_room_for(&self, bytes: usize) -> bool {
        bytes.next_multiple_of(BLOCK) <= SEGMENT_BYTES - self.used
    }

    /// Writes a batch and makes it durable. After an error it must not be used any more.
    pub(super) fn append<'a>(&mut self, drafts: impl Iterator<Item = &'a Draft> + Clone) -> io::Result<()> {
        let heads: Vec<_> = drafts.clone().map(|draft| record::head(self.filling, draft)).collect();
        let mut pieces: Vec<&[u8]> = Vec::with_capacity(heads.len() * 3 + 1);
        for (head, draft) in heads.iter().zip(drafts) {
            let [envelope, payload] = draft.pieces();
            pieces.extend([head.as_slice(), envelope, payload]);
        }
        let bytes = pieces.iter().map(|piece| piece.len()).sum::<usize>();
        pieces.push(record::padding(bytes));
        self.volume.write(&self.file, offset(self.used)?, &pieces)?;
        self.volume.sync(&self.file)?;
        self.used += bytes.next_multiple_of(BLOCK);
        Ok(())
    }

    /// Makes it void: what it held is safe without it.
    pub(super) fn void(&mut self) -> io::Result<()> {
        self.volume.write(&self.file, 0, &[&ZEROS[..BLOCK]])?;
        self.volume.sync(&self.file)?;
        self.filling = EntryId::fresh();
        self.used = 0;
        Ok(())
    }
}

/// The bytes of a journal file; none if there is no such file.
pub(super) fn contents<V: Volume>(volume: &V, path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match volume.read(path) {
        // A file of another size was not made by this version; what it begins with is read.
        Ok(file) => file.take(offset(SEGMENT_BYTES)?).read_to_end(&mut bytes).map(|_| bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(bytes),
        Err(error) => Err(error),
    }
}

fn offset(bytes: usize) -> io::Result<u64> {
    u64::try_from(bytes).map_err(io::Error::other)
}
