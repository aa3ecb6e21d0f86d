//! The operations of a batch, and the files that remain if one of them fails.

use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::spool::draft::tests::draft;
use crate::spool::sim::{Contents, Fault, Sim};

const EIO: i32 = 5;

/// Returns a spool that syncs each entry by itself.
fn spool_without_wal() -> (Sim, Writer<Sim>, Arc<Health>) {
    spool(false)
}

fn spool(reports_losses: bool) -> (Sim, Writer<Sim>, Arc<Health>) {
    let sim = Sim::with_contents(Contents::default(), reports_losses);
    let health = Arc::new(Health::new(0));
    let writer = Writer::start(
        sim.clone(),
        Layout::new("/spool".into()),
        Arc::clone(&health),
        CheckpointThread::start,
    );
    sim.state().calls.clear();
    (sim, writer.expect("a thread"), health)
}

/// Makes the call with this name fail after `after` successful ones.
fn fail(sim: &Sim, call: &'static str, after: usize, errno: i32) {
    let mut state = sim.state();
    state.calls.clear();
    state.faults = vec![(Fault::Named(call, after), errno)];
}

fn calls(sim: &Sim) -> Vec<&'static str> {
    sim.state().calls.iter().map(|(name, _)| *name).collect()
}

fn files(sim: &Sim) -> Vec<PathBuf> {
    sim.state().now.names.keys().filter(|path| !path.to_str().unwrap().contains("journal")).cloned().collect()
}

/// Runs one batch with a small draft for each of `endpoints`.
fn batch(writer: &mut Writer<Sim>, endpoints: &[&str]) -> Vec<Result<Receipt, CommitError>> {
    batch_of(writer, endpoints.iter().map(|endpoint| draft(endpoint, b"{}")).collect())
}

fn batch_of(writer: &mut Writer<Sim>, drafts: Vec<Draft>) -> Vec<Result<Receipt, CommitError>> {
    let (steps, answers): (Vec<_>, Vec<_>) = drafts
        .into_iter()
        .map(|item| {
            let (reply, receiver) = oneshot::channel();
            (Pending { item, reply }, receiver)
        })
        .unzip();
    writer.write_batch(steps);
    answers.into_iter().map(|receiver| receiver.blocking_recv().expect("a reply")).collect()
}

#[test]
fn small_entry_is_synced_in_the_log_before_it_is_published() {
    let (sim, mut writer, _) = spool(true);
    assert!(batch(&mut writer, &["pix", "boleto"]).iter().all(Result::is_ok));
    // The first batch marks the log as active, in both marks. The same sync covers them.
    assert_eq!(calls(&sim), ["write", "write", "sync", "publish", "publish"]);
    sim.state().calls.clear();
    assert!(batch(&mut writer, &["pix"]).iter().all(Result::is_ok));
    assert_eq!(calls(&sim), ["write", "sync", "publish"]);
}

#[test]
fn large_entry_is_synced_by_itself() {
    let (sim, mut writer, _) = spool(true);
    assert!(batch_of(&mut writer, vec![draft("pix", &[0; 70_000])])[0].is_ok());
    assert_eq!(calls(&sim), ["create", "write", "sync", "rename", "sync_dir"]);
}

#[test]
fn failed_log_fails_its_batch_and_is_never_written_again() {
    for call in ["write", "sync"] {
        let (sim, mut writer, health) = spool(true);
        assert!(batch(&mut writer, &["pix"])[0].is_ok());
        fail(&sim, call, 0, EIO);
        assert!(batch(&mut writer, &["pix", "pix"]).iter().all(Result::is_err), "{call}");
        assert!(health.is_failing());
        assert_eq!(files(&sim).len(), 1, "{call}: only the first entry exists");
        let inodes = || {
            let state = sim.state();
            [0, 1].map(|number| state.now.names[&Layout::new("/spool".into()).wal(number)])
        };
        let before = inodes();
        assert!(batch(&mut writer, &["pix"])[0].is_ok(), "{call}: the probe succeeded");
        assert!(
            before[0] != inodes()[0] && before[1] == inodes()[1],
            "{call}: only the failed log was replaced"
        );
    }
}

#[test]
fn data_is_synced_before_the_rename_and_the_directory_after_it() {
    let (sim, mut writer, _) = spool_without_wal();
    assert!(batch(&mut writer, &["pix"])[0].is_ok());
    assert_eq!(calls(&sim), ["create", "write", "sync", "rename", "sync_dir"]);
}

#[test]
fn entries_of_a_batch_share_the_directory_sync() {
    let (sim, mut writer, _) = spool_without_wal();
    assert!(batch(&mut writer, &["pix", "boleto", "pix", "pix"]).iter().all(Result::is_ok));
    let calls = calls(&sim);
    assert_eq!(calls.iter().filter(|call| **call == "sync_dir").count(), 2, "{calls:?}");
    let last_rename = calls.iter().rposition(|call| *call == "rename");
    assert!(last_rename < calls.iter().position(|call| *call == "sync_dir"), "{calls:?}");
}

#[test]
fn failed_operation_fails_only_its_entry_and_leaves_no_file() {
    for call in ["create", "write", "sync", "rename"] {
        let (sim, mut writer, _) = spool_without_wal();
        fail(&sim, call, 1, EIO);
        let results = batch(&mut writer, &["pix", "pix", "pix"]);
        let failed: Vec<_> = results.iter().map(Result::is_err).collect();
        assert_eq!(failed, [false, true, false], "{call}");
        let files = files(&sim);
        assert_eq!(files.len(), 2, "{call}: {files:?}");
        assert!(files.iter().all(|file| file.starts_with("/spool/pix/new")), "{call}: {files:?}");
    }
}

#[test]
fn failed_directory_sync_fails_every_entry_in_the_directory() {
    let (sim, mut writer, _) = spool_without_wal();
    fail(&sim, "sync_dir", 0, EIO);
    // Directories are synced in the order of their names: `boleto` first.
    let results = batch(&mut writer, &["pix", "boleto", "pix", "boleto"]);
    let stored: Vec<_> = results.iter().map(Result::is_ok).collect();
    assert_eq!(stored, [true, false, true, false]);
    let files = files(&sim);
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(files.iter().all(|file| file.starts_with("/spool/pix/new")), "{files:?}");
}

#[test]
fn failed_sync_is_not_repeated_for_the_same_file() {
    let (sim, mut writer, _) = spool_without_wal();
    fail(&sim, "sync", 0, EIO);
    assert!(batch(&mut writer, &["pix"])[0].is_err());
    assert_eq!(calls(&sim), ["create", "write", "sync", "remove"]);
}

#[test]
fn after_a_failure_entries_are_rejected_until_a_probe_succeeds() {
    let (sim, mut writer, health) = spool_without_wal();
    fail(&sim, "sync", 0, EIO);
    assert!(batch(&mut writer, &["pix"])[0].is_err());
    assert!(health.is_failing());
    fail(&sim, "sync", 0, EIO);
    assert!(matches!(batch(&mut writer, &["pix"])[0], Err(CommitError::Failing)));
    assert!(batch(&mut writer, &["pix"])[0].is_ok(), "the next probe succeeds");
    assert!(!health.is_failing());
    assert_eq!(files(&sim).len(), 1);
}

#[test]
fn missing_queue_or_lack_of_descriptors_does_not_fail_the_spool() {
    const ENOENT: i32 = 2;
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    for (call, errno) in [("rename", ENOENT), ("sync_dir", ENOENT), ("create", EMFILE), ("create", ENFILE)] {
        let (sim, mut writer, health) = spool_without_wal();
        fail(&sim, call, 0, errno);
        assert!(batch(&mut writer, &["pix"])[0].is_err());
        assert!(!health.is_failing(), "{call} {errno}");
        assert!(batch(&mut writer, &["boleto"])[0].is_ok());
    }
    // A missing `tmp` affects every draft, so the whole spool is failing.
    let (sim, mut writer, health) = spool_without_wal();
    fail(&sim, "create", 0, ENOENT);
    assert!(batch(&mut writer, &["pix"])[0].is_err());
    assert!(health.is_failing());
}

#[test]
fn directory_whose_sync_failed_is_synced_before_the_spool_recovers() {
    let (sim, mut writer, health) = spool_without_wal();
    fail(&sim, "sync_dir", 0, EIO);
    assert!(batch(&mut writer, &["pix"])[0].is_err());
    assert!(health.is_failing());
    writer.probe_if_failing();
    assert!(!health.is_failing());
    let synced = ("sync_dir", PathBuf::from("/spool/pix/new"));
    assert_eq!(sim.state().calls.iter().filter(|call| **call == synced).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn stalled_disk_is_a_health_fault() {
    let health = Health::new(0);
    health.set_writing_since(Some(Instant::now()));
    assert_eq!(health.faults().count(), 0);
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!(health.faults().next().map(|fault| fault.code()), Some("spool_failing"));
    health.set_writing_since(None);
    assert_eq!(health.faults().count(), 0);
}
