//! Sends entries to systemd's journal, one datagram each (systemd.journal-fields(7), and "Native Journal Protocol" of
//! the systemd project).

use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The journal's socket.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";
/// How long the journal may take to accept an entry, while others wait in the queue.
const SEND_MAX: Duration = Duration::from_secs(1);
/// The bytes of a value that are kept. A datagram holds about 200 KiB, and an entry has about a dozen values.
const VALUE_BYTES_MAX: usize = 8192;

/// An entry that is being assembled.
#[derive(Debug, Default)]
pub(super) struct JournalEntry(Vec<u8>);

impl JournalEntry {
    /// Adds a field. `name` consists of uppercase letters, digits and `_`.
    pub(super) fn field(&mut self, name: &str, value: &str) {
        let value = &value[..value.floor_char_boundary(VALUE_BYTES_MAX)];
        self.0.extend_from_slice(name.as_bytes());
        if value.contains('\n') {
            self.0.push(b'\n');
            self.0.extend_from_slice(&u64::try_from(value.len()).unwrap_or(u64::MAX).to_le_bytes());
        } else {
            self.0.push(b'=');
        }
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(b'\n');
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A writer that sends each write as one entry. Entries that cannot be sent are lost and counted. After the journal was
/// restarted, entries are sent again.
#[derive(Debug)]
pub(super) struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
    lost: Arc<AtomicU64>,
}

impl Journal {
    /// Creates a writer to the journal's socket at `path`.
    ///
    /// # Errors
    /// If the socket is not bound.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        UnixDatagram::unbound()?.connect(path)?;
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_MAX))?;
        Ok(Self { socket, path: path.to_owned(), lost: Arc::default() })
    }

    /// The number of entries that could not be sent.
    pub(super) fn lost(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.lost)
    }
}

impl Write for Journal {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        // The path is resolved each time, because a restarted journal has another socket.
        if self.socket.send_to(entry, &self.path).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_with_line_feeds_is_sent_with_its_length() {
        let mut entry = JournalEntry::default();
        entry.field("A", "x=y");
        entry.field("B", "1\n2");
        assert_eq!(entry.bytes(), b"A=x=y\nB\n\x03\0\0\0\0\0\0\x001\n2\n");
        let mut long = JournalEntry::default();
        long.field("A", &"é".repeat(VALUE_BYTES_MAX));
        assert_eq!(long.bytes().len(), VALUE_BYTES_MAX + 3);
    }

    #[test]
    fn unsent_entries_are_counted_and_a_restarted_journal_receives_later_ones() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        assert!(Journal::at(&path).is_err(), "no socket is bound");
        let first = UnixDatagram::bind(&path).expect("a socket");
        let mut journal = Journal::at(&path).expect("a bound socket");
        let lost = journal.lost();
        journal.write_all(b"A=1\n").expect("it never fails");
        let mut received = [0; 16];
        assert_eq!(first.recv(&mut received).expect("a datagram"), 4);
        drop(first);
        journal.write_all(b"A=2\n").expect("it never fails");
        std::fs::remove_file(&path).expect("removed");
        journal.write_all(b"A=3\n").expect("it never fails");
        assert_eq!(lost.load(Ordering::Relaxed), 2);
        let second = UnixDatagram::bind(&path).expect("a socket");
        journal.write_all(&[b'x'; 1 << 20]).expect("it never fails");
        journal.write_all(b"A=5\n").expect("it never fails");
        assert_eq!(second.recv(&mut received).expect("a datagram"), 4);
        assert_eq!(&received[..4], b"A=5\n");
        assert_eq!(lost.load(Ordering::Relaxed), 3, "an entry that is too long is lost too");
    }
}
