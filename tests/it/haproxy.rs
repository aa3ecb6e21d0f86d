//! Runs HAProxy with a separate directory and free ports.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::nginx::free_ports;
use crate::world::eventually;

/// The number of attempts, because another program may use a port between its selection and the start.
const ATTEMPTS_MAX: usize = 5;

pub struct Haproxy {
    child: Child,
    pub port: u16,
    socket: PathBuf,
}

impl Haproxy {
    /// Starts a proxy in TCP mode in front of this port of 127.0.0.1. `options` are those of its `server` line.
    pub fn start(folder: &Path, target: u16, options: &str) -> Self {
        let home = folder.join("haproxy");
        fs::create_dir_all(&home).unwrap();
        for _ in 0..ATTEMPTS_MAX {
            let port = free_ports(1)[0];
            let (config, socket) = (home.join("haproxy.cfg"), home.join(format!("{port}.sock")));
            let text = format!(
                "global\n    stats socket {}\n    unix-bind mode 600\n\
                 defaults\n    mode tcp\n    timeout connect 10s\n    timeout client 60s\n    timeout server 60s\n    timeout check 10s\n\
                 frontend senders\n    bind 127.0.0.1:{port}\n    unique-id-format %ci:%cp\n    default_backend hookspool\n\
                 backend hookspool\n    server hookspool 127.0.0.1:{target} {options}\n",
                socket.display()
            );
            fs::write(&config, text).unwrap();
            let mut child = Command::new("haproxy")
                .args(["-q", "-db", "-f"])
                .arg(&config)
                .env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(fs::File::create(home.join("log")).unwrap())
                .spawn()
                .unwrap();
            let serves =
                eventually("haproxy accepts connections or has ended", || match child.try_wait().unwrap() {
                    Some(_) => Some(false),
                    None => TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(true),
                });
            if serves {
                return Self { child, port, socket };
            }
        }
        panic!("haproxy does not start: {}", fs::read_to_string(home.join("log")).unwrap_or_default());
    }

    /// The columns of the server's line in the statistics, which contain the result of its last health check.
    pub fn statistics(&self) -> String {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        stream.write_all(b"show stat\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text.lines().find(|line| line.starts_with("hookspool,hookspool,")).unwrap().to_owned()
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
