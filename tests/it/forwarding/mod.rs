//! Runs the receivers of docs/forwarding.md unchanged, with a real `hookspool forward` and real servers: an entry
//! arrives, a repetition books nothing, and a signature that is not valid is refused.

mod http;
mod sinks;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use crate::documents::{block, file, read, write_program};
use crate::wire::Wire;
use crate::world::{Daemon, TIMEOUT, World, eventually, program};

const DOCUMENT: &str = "docs/forwarding.md";
/// The keys of the payment, and of its two refunds, in the samples.
const KEYS: [&str; 3] = [
    "E99999004202611231312aB3dE5fG7h1",
    "E99999004202611231312aB3dE5fG7h1.dev1001a.DEVOLVIDO",
    "E99999004202611231312aB3dE5fG7h1.dev1001b.NAO_REALIZADO",
];

/// A process of the test, which ends with it.
struct Running(Child);

impl Running {
    /// Runs a command of the document in the world's directory, after these replacements.
    fn start(world: &World, line: &str, replaced: &[(&str, &str)]) -> Self {
        assert!(read(DOCUMENT).contains(line), "{line}");
        let line = replaced.iter().fold(line.to_owned(), |line, (old, new)| {
            assert!(line.contains(old), "{line}: {old}");
            line.replace(old, new)
        });
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("exec env {line}")]);
        Self::spawn(world, command, "receiver.log")
    }

    fn spawn(world: &World, mut command: Command, log: &str) -> Self {
        let log = File::create(world.path(log)).unwrap();
        let modules = concat!(env!("CARGO_MANIFEST_DIR"), "/target/python");
        command
            .current_dir(world.path(""))
            .env("LEDGER", "ledger")
            .env("PYTHONPATH", modules)
            .process_group(0);
        command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("HOOKSPOOL_CONFIG").env_remove("RUST_LOG");
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Self(command.spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A daemon with the files of the document, and a consumer of the endpoint `pix`.
struct Scene {
    world: World,
    daemon: Daemon,
}

impl Scene {
    /// The table is the block of the document for this kind, after these replacements.
    fn new(consumer: &str, replaced: &[(&str, &str)]) -> Self {
        let world = World::new();
        for name in
            ["receive.php", "receive.js", "ledger.py", "receive.py", "book.sql", "worker.php", "subscribe.py"]
        {
            fs::write(world.path(name), file(DOCUMENT, name)).unwrap();
        }
        write_program(&world.path("book-the-payment"), &file("docs/consumers.md", "book-the-payment"));
        crate::tools::bash(&world, &block(DOCUMENT, "mkdir -p secrets"));
        let table = block(DOCUMENT, &format!("[[consumer]]\nname = \"{consumer}\""));
        let table = replaced.iter().fold(table, |table, (old, new)| {
            assert!(table.contains(old), "{table}: {old}");
            table.replace(old, new)
        });
        let config = fs::read_to_string(world.path("webhooks.toml")).unwrap();
        let all = format!("{config}\n[forward]\nlisten = [\"unix:run/forward.sock\"]\n\n{table}");
        fs::write(world.path("webhooks.toml"), all).unwrap();
        let daemon = world.start();
        Self { world, daemon }
    }

    /// Delivers the samples, a repetition by the sender, and the test of a bank, which is not a Pix.
    fn deliver(&self) {
        let mut wire = Wire::connect(&self.world, &self.daemon, "client");
        for sample in ["01-pix-recebido", "04-devolucao", "01-pix-recebido", "05-efi-teste-registro"] {
            let payload =
                fs::read(format!("{}/tests/samples/{sample}.json", env!("CARGO_MANIFEST_DIR"))).unwrap();
            assert_eq!(wire.post("/webhooks/pix", &payload).unwrap().status, 200);
        }
    }

    fn forward(&self) -> Running {
        let mut command = Command::new(program());
        command.arg("forward");
        let running = Running::spawn(&self.world, command, "forward.log");
        eventually("forward serves metrics", || self.metrics());
        running
    }

    fn metrics(&self) -> Option<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let socket = self.world.path("run/forward.sock");
        let (_, body) = runtime.block_on(hookspool::client::get_unix(&socket, "/metrics")).ok()?;
        String::from_utf8(body.to_vec()).ok()
    }

    /// Waits until this many attempts had this outcome.
    fn await_attempts(&self, outcome: &str, count: usize) {
        let end = format!("outcome=\"{outcome}\"}} {count}");
        let is_reached =
            |line: &str| line.starts_with("hookspool_forward_attempts_total") && line.ends_with(&end);
        let deadline = std::time::Instant::now() + TIMEOUT;
        while !self.metrics().is_some_and(|text| text.lines().any(is_reached)) {
            let log = |name| fs::read_to_string(self.world.path(name)).unwrap_or_default();
            let logs = || format!("{}\n{}", log("forward.log"), log("receiver.log"));
            assert!(std::time::Instant::now() < deadline, "not {count} attempts {outcome}: {}", logs());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// Returns what is done to `new`, so that it is delivered again with the same IDs.
    fn requeue(&self) {
        let output = self.world.run(&["spool", "requeue", "--queue", "done"]);
        assert!(output.status.success(), "{output:?}");
    }

    /// The files of a directory.
    fn names(&self, directory: &str) -> BTreeSet<String> {
        let files = fs::read_dir(self.world.path(directory)).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// The reason of the only entry in `failed`.
    fn failure(&self) -> String {
        let name = self.names("spool/pix/failed").into_iter().find(|name| name.ends_with(".why"));
        fs::read_to_string(self.world.path(&format!("spool/pix/failed/{}", name.unwrap()))).unwrap()
    }
}

/// The standard output of a program that succeeds.
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The items and the IDs in the SQLite database of `ledger.py`, one per line.
fn python_ledger(world: &World, table: &str) -> Vec<String> {
    let script = "import sqlite3, sys\n\
        for row in sqlite3.connect(sys.argv[1]).execute(f'SELECT * FROM {sys.argv[2]} ORDER BY 1'): print(row[0])";
    let mut python = Command::new("python3");
    python.args(["-c", script]).arg(world.path("ledger.db")).arg(table);
    printed(&mut python).lines().map(str::to_owned).collect()
}

/// Removes the bookings, so that only the recorded IDs can prevent another one.
fn forget_python_bookings(world: &World) {
    let script =
        "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1]) as c: c.execute('DELETE FROM booked')";
    printed(Command::new("python3").args(["-c", script]).arg(world.path("ledger.db")));
}
