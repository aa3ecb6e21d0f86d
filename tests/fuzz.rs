//! Replays the corpora of `fuzz/` and mutates them, for `HOOKSPOOL_FUZZ_SECONDS` each (5 by default).
//!
//! The mutations follow from `HOOKSPOOL_TEST_SEED`, which is printed. An input that fails is kept in a file, whose path
//! is printed too.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    reason = "tests may panic and measure time"
)]

#[path = "fuzz/mutate.rs"]
mod mutate;
#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write as _};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hookspool::tls::pem::private_keys;
use mutate::{INPUT_BYTES_MAX, Random, mutated};
use rcgen::KeyPair;

/// The time limit of one execution. No input of this size takes a hundredth of it on an idle machine.
const LIMIT: Duration = Duration::from_secs(20);

/// The input that is being executed, and the number of executions before it.
#[derive(Default)]
struct Progress {
    input: Mutex<Vec<u8>>,
    executed: AtomicU64,
}

/// Runs a target with every file of its corpus, then with mutations. The directories are relative to the repository.
fn fuzz(name: &'static str, run: fn(&[u8]), corpora: &[&str]) {
    let mut corpus = corpus(corpora);
    if name == "files" {
        corpus.extend(keys());
    }
    assert!(!corpus.is_empty(), "{name}: no corpus");
    let seed = variable("HOOKSPOOL_TEST_SEED").unwrap_or_else(|| RandomState::new().hash_one(name));
    let time = Duration::from_secs(variable("HOOKSPOOL_FUZZ_SECONDS").unwrap_or(5));
    // Not captured, so that it is known if the process is killed.
    report(&format!("{name}: HOOKSPOOL_TEST_SEED={seed}, {} files, {} s", corpus.len(), time.as_secs()));
    let progress = Arc::new(Progress::default());
    let (finished, outcome) = channel();
    let worker = {
        let progress = Arc::clone(&progress);
        move || execute(run, &corpus, Random(seed), time, &progress, &finished)
    };
    thread::spawn(worker);
    loop {
        let before = progress.executed.load(Ordering::Relaxed);
        match outcome.recv_timeout(LIMIT) {
            Ok(Ok(executed)) => return report(&format!("{name}: {executed} executions")),
            Err(RecvTimeoutError::Timeout) if progress.executed.load(Ordering::Relaxed) != before => {}
            failed => {
                let input = progress.input.lock().unwrap_or_else(PoisonError::into_inner);
                let how = if failed.is_ok() { "failed" } else { "did not end" };
                panic!("{name}: {how} with `{}`, HOOKSPOOL_TEST_SEED={seed}", keep(name, &input).display());
            }
        }
    }
}

/// Sends the number of executions, or an error after a panic.
fn execute(
    run: fn(&[u8]),
    corpus: &[Vec<u8>],
    mut random: Random,
    time: Duration,
    progress: &Progress,
    finished: &Sender<Result<u64, ()>>,
) {
    let mut end = None;
    let mut replayed = corpus.iter();
    loop {
        let input = match replayed.next() {
            Some(input) => input.clone(),
            None if Instant::now() >= *end.get_or_insert_with(|| Instant::now() + time) => break,
            None => mutated(corpus, &mut random),
        };
        progress.input.lock().unwrap().clone_from(&input);
        if catch_unwind(|| run(&input)).is_err() {
            finished.send(Err(())).unwrap();
            return;
        }
        progress.executed.fetch_add(1, Ordering::Relaxed);
    }
    finished.send(Ok(progress.executed.load(Ordering::Relaxed))).unwrap();
}

fn corpus(directories: &[&str]) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<_> = directories
        .iter()
        .flat_map(|directory| fs::read_dir(root.join(directory)).expect("a corpus"))
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_none_or(|extension| extension != "expected"))
        .collect();
    // The mutations of a seed depend on the order.
    paths.sort();
    let inputs: Vec<_> = paths.iter().map(|path| fs::read(path).expect("a file")).collect();
    assert!(inputs.iter().all(|input| input.len() <= INPUT_BYTES_MAX));
    inputs
}

/// Files with private keys, which are made here: the repository contains none.
fn keys() -> Vec<Vec<u8>> {
    let key = KeyPair::generate().expect("a key").serialize_pem();
    let empty: Vec<_> = key.lines().filter(|line| line.starts_with("-----")).collect();
    vec![empty.join("\n").into_bytes(), key.into_bytes()]
}

fn keep(name: &str, input: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("hookspool-fuzz-{name}-{}", std::process::id()));
    fs::write(&path, input).expect("a file");
    path
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

fn report(line: &str) {
    let _ = writeln!(io::stderr(), "fuzz: {line}");
}

/// A test for each target.
macro_rules! targets {
    ($($name:ident: $($corpus:expr),+;)+) => {$(
        #[test]
        fn $name() {
            fuzz(stringify!($name), targets::$name::run, &[$($corpus),+]);
        }
    )+

        #[test]
        fn every_corpus_and_module_belongs_to_a_target() {
            let names: Vec<_> = [$(stringify!($name)),+].into_iter().map(str::to_owned).collect();
            assert_eq!(names, stems("fuzz/corpus"));
            assert_eq!(names, stems("fuzz/fuzz_targets"));
            let modules: Vec<_> = stems("fuzz/src").into_iter().filter(|it| it != "der" && it != "lib").collect();
            assert_eq!(names, modules);
        }
    };
}

#[test]
fn no_corpus_contains_a_private_key() {
    let names = stems("fuzz/corpus");
    let files = names.iter().flat_map(|name| corpus(&[&format!("fuzz/corpus/{name}")]));
    let label = b"PRIVATE KEY-----";
    let is_key = |file: &Vec<u8>| {
        private_keys(file).is_ok_and(|keys| !keys.is_empty())
            || file.windows(label.len()).any(|window| window == label)
    };
    assert_eq!(files.filter(is_key).count(), 0);
    assert!(keys().iter().all(is_key));
}

fn stems(directory: &str) -> Vec<String> {
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)).expect("a directory");
    let stem = |path: PathBuf| path.file_stem().expect("a name").to_str().expect("UTF-8").to_owned();
    let mut stems: Vec<_> = files.map(|file| stem(file.expect("a file").path())).collect();
    stems.sort();
    stems
}

targets! {
    certificate: "fuzz/corpus/certificate";
    chain: "fuzz/corpus/chain";
    distinguished_name: "fuzz/corpus/distinguished_name";
    entry: "fuzz/corpus/entry";
    files: "fuzz/corpus/files", "fuzz/corpus/certificate", "fuzz/corpus/revocation_list";
    log: "fuzz/corpus/log";
    path: "fuzz/corpus/path";
    proxy: "fuzz/corpus/proxy";
    query_secret: "fuzz/corpus/query_secret";
    revocation_list: "fuzz/corpus/revocation_list";
    settings: "fuzz/corpus/settings", "tests/messages";
}
