//! Runs Debian's PostgreSQL with a separate data directory, as an unprivileged user.

use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::port::Port;
use super::{Options, write_certificates, write_private};
use crate::world::eventually;

/// The user `nobody`, because PostgreSQL refuses to run as root.
const NOBODY: u32 = 65534;

/// A server with the superuser `app` and a database of the same name.
pub struct Postgres {
    folder: tempfile::TempDir,
    pub port: Port,
    server: Option<Child>,
}

impl Postgres {
    /// Creates a data directory and starts a server on it.
    pub fn start(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut postgres = Self { folder, port: Port::reserve(), server: None };
        give(postgres.folder.path());
        let mut initdb = unprivileged("initdb");
        initdb.args(["--no-sync", "--no-locale", "-E", "UTF8", "-U", "app", "-A", "trust", "-D"]);
        let output = initdb.arg(postgres.path("data")).current_dir(postgres.path("")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        postgres.configure(options);
        postgres.restart();
        let password = uuid::Uuid::now_v7().simple().to_string();
        write_private(&postgres.password_file(), &password);
        postgres.sql_in("postgres", &format!("ALTER USER app PASSWORD '{password}'"));
        postgres.sql_in("postgres", "CREATE DATABASE app");
        postgres
    }

    fn configure(&self, options: Options) {
        let [ca, certificate, key] = write_certificates(self.folder.path());
        [&ca, &certificate, &key].into_iter().for_each(|file| give(file));
        let [ssl, kind] = if options.tls { ["on", "hostssl"] } else { ["off", "host"] };
        let method = if options.password { "scram-sha-256" } else { "trust" };
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{}'\n\
             password_encryption = 'scram-sha-256'\nssl = {ssl}\nssl_cert_file = '{}'\nssl_key_file = '{}'\n{}\n",
            self.port.number,
            self.folder.path().display(),
            certificate.display(),
            key.display(),
            options.lines
        );
        let file = self.path("data/postgresql.conf");
        fs::write(&file, fs::read_to_string(&file).unwrap() + &settings).unwrap();
        let rules = format!("local all all trust\n{kind} all all 127.0.0.1/32 {method}\n");
        fs::write(self.path("data/pg_hba.conf"), rules).unwrap();
    }

    /// Starts the server again, on the same data directory and port, and waits until it accepts connections.
    pub fn restart(&mut self) {
        assert!(self.server.is_none(), "the server runs");
        let mut command = unprivileged("postgres");
        command.arg("-D").arg(self.path("data")).current_dir(self.path("")).stdin(Stdio::null());
        let log = File::options().create(true).append(true).open(self.path("log")).unwrap();
        let server = self.server.insert(command.stderr(log).spawn().unwrap());
        let (socket, port) = (self.folder.path(), self.port.number.to_string());
        eventually("PostgreSQL accepts connections", || {
            let ended = server.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", fs::read_to_string(socket.join("log")).unwrap());
            let mut ready = found("pg_isready");
            ready.args(["-q", "-p", &port, "-h"]).arg(socket).status().unwrap().success().then_some(())
        });
    }

    /// Kills the server and all its processes with SIGKILL.
    pub fn kill(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        if server.try_wait().unwrap().is_some() {
            return;
        }
        let id = server.id();
        // Stopped first, so that it starts no process after its children were listed.
        signal(id, Signal::STOP);
        eventually("PostgreSQL is stopped", || matches!(state(id), Some('T' | 'Z')).then_some(()));
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let children: Vec<u32> = children.split_whitespace().map(|child| child.parse().unwrap()).collect();
        children.iter().for_each(|child| signal(*child, Signal::KILL));
        server.kill().unwrap();
        server.wait().unwrap();
        eventually("PostgreSQL's processes end", || {
            children.iter().all(|child| matches!(state(*child), None | Some('Z'))).then_some(())
        });
    }

    /// The URL of the database over TCP, without the password.
    pub fn url(&self) -> String {
        format!("postgresql://app@127.0.0.1:{}/app", self.port.number)
    }

    /// The directory of the Unix socket, on which no password is required.
    pub fn socket(&self) -> &Path {
        self.folder.path()
    }

    /// The certificate of the CA that issued the server's certificate.
    pub fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// A file with the password of the user `app`, without a newline.
    pub fn password_file(&self) -> PathBuf {
        self.path("password")
    }

    /// What the server has logged.
    pub fn log_text(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// Runs SQL that succeeds, over the Unix socket; the rows as lines, with `|` between the columns.
    pub fn sql(&self, sql: &str) -> String {
        self.sql_in("app", sql)
    }

    fn sql_in(&self, database: &str, sql: &str) -> String {
        let (socket, port) = (self.socket().display(), self.port.number);
        psql(&format!("host={socket} port={port} user=app dbname={database}"), sql).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs SQL over a connection string or URL; the rows, or the error.
pub fn psql(connection: &str, sql: &str) -> Result<String, String> {
    let mut psql = found("psql");
    let output = psql.args(["-X", "-q", "-A", "-t", "-w", "-d", connection, "-c", sql]).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// A command that is also searched for in the directories where Debian installs PostgreSQL.
fn found(program: &str) -> Command {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let folders = versions.map(|version| version.unwrap().path().join("bin").display().to_string());
    let path = std::env::var("PATH").into_iter().chain(folders).collect::<Vec<_>>().join(":");
    let mut command = Command::new(program);
    command.env("PATH", path);
    command
}

/// A command that runs as this user, or as `nobody` instead of root.
fn unprivileged(program: &str) -> Command {
    if !geteuid().is_root() {
        return found(program);
    }
    let mut command = found("setpriv");
    let [user, group] = ["--reuid", "--regid"].map(|option| format!("{option}={NOBODY}"));
    command.args([&user, &group, "--clear-groups", program]);
    command
}

/// Changes the owner of a file to the user that the server runs as.
fn give(path: &Path) {
    if geteuid().is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

fn signal(id: u32, signal: Signal) {
    let id = Pid::from_raw(id.try_into().unwrap()).unwrap();
    // A child may have ended already.
    let _ = kill_process(id, signal);
}

/// The state of a process (proc(5)), unless it is gone.
fn state(id: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

#[test]
fn committed_rows_survive_a_kill_and_a_restart() {
    let mut postgres = Postgres::start(Options::default());
    postgres.sql("CREATE TABLE kept (id int PRIMARY KEY, text text)");
    postgres.sql("INSERT INTO kept VALUES (1, 'one'), (2, 'two')");
    let url = postgres.url();
    for _ in 0..2 {
        // A process that computes does not detect that the server has ended, and would keep its memory in use.
        let endless = "INSERT INTO kept VALUES (3, 'three'); DO 'BEGIN LOOP END LOOP; END'";
        let busy = std::thread::spawn({
            let url = url.clone();
            move || psql(&url, endless)
        });
        let active = "SELECT FROM pg_stat_activity WHERE query LIKE '%END LOOP%' AND pid <> pg_backend_pid()";
        let count = format!("SELECT count(*) FROM ({active}) AS active");
        eventually("the loop runs", || (postgres.sql(&count) == "1").then_some(()));
        postgres.kill();
        assert!(busy.join().unwrap().is_err() && psql(&url, "SELECT 1").is_err());
        postgres.restart();
        assert_eq!(psql(&url, "SELECT * FROM kept").unwrap(), "1|one\n2|two");
    }
    assert!(postgres.log_text().contains("was not properly shut down"), "{}", postgres.log_text());
}

#[test]
fn tls_and_the_password_are_required_if_configured() {
    let options = Options { tls: true, password: true, lines: "work_mem = '5MB'" };
    let postgres = Postgres::start(options);
    let password = fs::read_to_string(postgres.password_file()).unwrap();
    let parameters = |password: &str, mode: &str| {
        let (port, ca) = (postgres.port.number, postgres.ca());
        format!(
            "host=localhost hostaddr=127.0.0.1 port={port} user=app dbname=app password={password} \
             sslmode={mode} sslrootcert={}",
            ca.display()
        )
    };
    let used = "SELECT version, current_setting('work_mem') FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(psql(&parameters(&password, "verify-full"), used).unwrap(), "TLSv1.3|5MB");
    assert!(psql(&parameters("wrong", "verify-full"), used).unwrap_err().contains("password authentication"));
    assert!(psql(&parameters(&password, "disable"), used).unwrap_err().contains("no encryption"));
}
