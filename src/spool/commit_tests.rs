//! The committer on a volume that can fail, and that writes down what was asked of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::*;
use crate::envelope::{ENVELOPE_VERSION, Envelope, PayloadFacts, PeerFacts, RequestFacts};
use crate::policy::Name;
use crate::spool::volume::FileFacts;

#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Record>>);

#[derive(Default)]
struct Record {
    calls: Vec<(&'static str, PathBuf)>,
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// The call that fails, by its name and how often it may still succeed.
    fault: Option<(&'static str, usize)>,
    /// What it fails with; EIO unless something else is set.
    errno: Option<i32>,
}

impl Recorder {
    fn failing(call: &'static str, after: usize) -> Self {
        let recorder = Self::default();
        recorder.0.lock().unwrap().fault = Some((call, after));
        recorder
    }

    fn call(&self, name: &'static str, path: &Path) -> io::Result<std::sync::MutexGuard<'_, Record>> {
        let mut record = self.0.lock().unwrap();
        record.calls.push((name, path.to_owned()));
        match &mut record.fault {
            Some((call, 0)) if *call == name => {
                record.fault = None;
                Err(io::Error::from_raw_os_error(record.errno.unwrap_or(5)))
            }
            Some((call, left)) if *call == name => {
                *left -= 1;
                Ok(record)
            }
            _ => Ok(record),
        }
    }

    fn calls(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().calls.iter().map(|(name, _)| *name).collect()
    }

    fn files(&self) -> Vec<PathBuf> {
        self.0.lock().unwrap().files.keys().cloned().collect()
    }
}

impl Volume for Recorder {
    type File = PathBuf;
    type Reader = io::Empty;
    type Names = std::vec::IntoIter<io::Result<OsString>>;

    fn create(&self, path: &Path) -> io::Result<PathBuf> {
        self.call("create", path)?.files.insert(path.to_owned(), Vec::new());
        Ok(path.to_owned())
    }

    fn open(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }

    fn open_dir(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }

    fn read(&self, _: &Path) -> io::Result<io::Empty> {
        Ok(io::empty())
    }

    fn write(&self, file: &PathBuf, _: u64, pieces: &[&[u8]]) -> io::Result<()> {
        self.call("write", file)?.files.insert(file.clone(), pieces.concat());
        Ok(())
    }

    fn sync(&self, file: &PathBuf) -> io::Result<()> {
        self.call("sync", file).map(drop)
    }

    fn sync_everything(&self, held: &PathBuf) -> io::Result<()> {
        self.call("sync_everything", held).map(drop)
    }

    fn tells_every_loss(&self, _: &Path) -> io::Result<bool> {
        Ok(false)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut record = self.call("rename", from)?;
        let bytes = record.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        record.files.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn exchange(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.call("sync_dir", path).map(drop)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let removed = self.call("remove", path)?.files.remove(path);
        removed.map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn make_dir(&self, _: &Path) -> io::Result<bool> {
        Ok(true)
    }

    fn list(&self, _: &Path) -> io::Result<Self::Names> {
        Ok(Vec::new().into_iter())
    }

    fn facts(&self, _: &Path) -> io::Result<FileFacts> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(1 << 40)
    }
}

fn draft(endpoint: &str) -> Draft {
    let request = RequestFacts {
        method: "POST",
        path: "/".into(),
        query: None,
        http_version: "HTTP/1.1".into(),
        headers: Vec::new(),
    };
    let peer = PeerFacts {
        address: String::new(),
        subject: "",
        issuer: "",
        common_name: None,
        serial: String::new(),
        sha256: String::new(),
        spki_sha256: String::new(),
        not_before: String::new(),
        not_after: String::new(),
        tls_version: "",
        cipher_suite: "",
    };
    let envelope = Envelope {
        version: ENVELOPE_VERSION,
        id: EntryId::fresh(),
        received_at: String::new(),
        endpoint,
        sender: "efi",
        event: None,
        request,
        peer,
        generation: 1,
        payload: PayloadFacts { length: 2, sha256: String::new(), content_type: None },
    };
    Draft::new(endpoint.parse::<Name>().unwrap(), &envelope, b"{}".to_vec())
}

/// Runs one batch with a draft for each of `endpoints` through a committer on this volume.
fn commit(recorder: &Recorder, endpoints: &[&str]) -> Vec<Result<Receipt, CommitError>> {
    let (mut writer, _) = writer(recorder);
    batch(&mut writer, endpoints)
}

fn writer(recorder: &Recorder) -> (Writer<Recorder>, Arc<Health>) {
    let health = Arc::new(Health::new(0));
    let writer = Writer {
        volume: recorder.clone(),
        layout: Layout::new("/spool".into()),
        health: Arc::clone(&health),
        metrics: Arc::new(Metrics::new([])),
        suspects: BTreeSet::new(),
    };
    (writer, health)
}

fn batch(writer: &mut Writer<Recorder>, endpoints: &[&str]) -> Vec<Result<Receipt, CommitError>> {
    let (jobs, answers): (Vec<_>, Vec<_>) = endpoints
        .iter()
        .map(|endpoint| {
            let (answer, answered) = oneshot::channel();
            (Job { draft: draft(endpoint), answer }, answered)
        })
        .unzip();
    writer.commit(jobs);
    answers.into_iter().map(|answered| answered.blocking_recv().expect("an answer")).collect()
}

#[test]
fn data_is_synced_before_the_name_and_the_directory_after_it() {
    let recorder = Recorder::default();
    assert!(commit(&recorder, &["pix"])[0].is_ok());
    assert_eq!(recorder.calls(), ["create", "write", "sync", "rename", "sync_dir"]);
}

#[test]
fn what_arrives_together_shares_the_directory_sync() {
    let recorder = Recorder::default();
    assert!(commit(&recorder, &["pix", "boleto", "pix", "pix"]).iter().all(Result::is_ok));
    let calls = recorder.calls();
    assert_eq!(calls.iter().filter(|call| **call == "sync_dir").count(), 2, "{calls:?}");
    let last_rename = calls.iter().rposition(|call| *call == "rename");
    assert!(last_rename < calls.iter().position(|call| *call == "sync_dir"), "{calls:?}");
}

#[test]
fn a_failed_operation_fails_its_entry_alone_and_leaves_nothing_behind() {
    for call in ["create", "write", "sync", "rename"] {
        let recorder = Recorder::failing(call, 1);
        let results = commit(&recorder, &["pix", "pix", "pix"]);
        let failed: Vec<_> = results.iter().map(Result::is_err).collect();
        assert_eq!(failed, [false, true, false], "{call}");
        let files = recorder.files();
        assert_eq!(files.len(), 2, "{call}: {files:?}");
        assert!(files.iter().all(|file| file.starts_with("/spool/pix/new")), "{call}: {files:?}");
    }
}

#[test]
fn a_failed_directory_sync_fails_all_that_was_named_in_it() {
    let recorder = Recorder::failing("sync_dir", 0);
    // Directories are synced in the order of their names: `boleto` first.
    let results = commit(&recorder, &["pix", "boleto", "pix", "boleto"]);
    let stored: Vec<_> = results.iter().map(Result::is_ok).collect();
    assert_eq!(stored, [true, false, true, false]);
    let files = recorder.files();
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(files.iter().all(|file| file.starts_with("/spool/pix/new")), "{files:?}");
}

#[test]
fn a_failed_sync_is_never_tried_again_on_that_file() {
    let recorder = Recorder::failing("sync", 0);
    assert!(commit(&recorder, &["pix"])[0].is_err());
    assert_eq!(recorder.calls(), ["create", "write", "sync", "remove"]);
}

#[test]
fn after_a_failure_nothing_is_promised_until_a_probe_goes_through() {
    let recorder = Recorder::failing("sync", 0);
    let (mut writer, health) = writer(&recorder);
    assert!(batch(&mut writer, &["pix"])[0].is_err());
    assert!(health.is_failing());
    recorder.0.lock().unwrap().fault = Some(("sync", 0));
    assert!(matches!(batch(&mut writer, &["pix"])[0], Err(CommitError::Failing)));
    assert!(batch(&mut writer, &["pix"])[0].is_ok(), "the next probe goes through");
    assert!(!health.is_failing());
    assert_eq!(recorder.files().len(), 1);
}

#[test]
fn one_endpoints_missing_folder_and_a_lack_of_descriptors_do_not_stop_the_others() {
    const ENOENT: i32 = 2;
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    for (call, errno) in [("rename", ENOENT), ("sync_dir", ENOENT), ("create", EMFILE), ("create", ENFILE)] {
        let recorder = Recorder::failing(call, 0);
        recorder.0.lock().unwrap().errno = Some(errno);
        let (mut writer, health) = writer(&recorder);
        assert!(batch(&mut writer, &["pix"])[0].is_err());
        assert!(!health.is_failing(), "{call} {errno}");
        assert!(batch(&mut writer, &["boleto"])[0].is_ok());
    }
    // Where every draft is written, nothing is anybody's own affair.
    let recorder = Recorder::failing("create", 0);
    recorder.0.lock().unwrap().errno = Some(ENOENT);
    let (mut writer, health) = writer(&recorder);
    assert!(batch(&mut writer, &["pix"])[0].is_err());
    assert!(health.is_failing());
}

#[test]
fn a_directory_that_failed_is_synced_before_anything_is_promised_again() {
    let recorder = Recorder::failing("sync_dir", 0);
    let (mut writer, health) = writer(&recorder);
    assert!(batch(&mut writer, &["pix"])[0].is_err());
    assert!(health.is_failing());
    recorder.0.lock().unwrap().calls.clear();
    writer.probe_if_failing();
    assert!(!health.is_failing());
    let synced = ("sync_dir", PathBuf::from("/spool/pix/new"));
    assert!(recorder.0.lock().unwrap().calls.contains(&synced));
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_does_not_answer_is_an_ailment() {
    let health = Health::new(0);
    health.set_writing_since(Some(Instant::now()));
    assert_eq!(health.ailments().count(), 0);
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!(health.ailments().next().map(|ailment| ailment.code()), Some("spool_failing"));
    health.set_writing_since(None);
    assert_eq!(health.ailments().count(), 0);
}
