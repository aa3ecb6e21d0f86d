//! Runs nginx with a separate directory and free ports.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::world::eventually;

/// The number of attempts, because another program may use a port between its selection and the start.
const ATTEMPTS_MAX: usize = 5;

pub struct Nginx {
    child: Child,
    pub ports: Vec<u16>,
}

impl Nginx {
    /// Starts nginx with this number of ports. `http` returns the content of the `http` block.
    pub fn start(folder: &Path, ports: usize, http: impl Fn(&[u16]) -> String) -> Self {
        let home = folder.join("nginx");
        fs::create_dir_all(&home).unwrap();
        for _ in 0..ATTEMPTS_MAX {
            let ports = free_ports(ports);
            fs::write(home.join("nginx.conf"), configuration(&home, &http(&ports))).unwrap();
            let mut child = Command::new("nginx")
                .arg("-p")
                .arg(&home)
                .arg("-c")
                .arg(home.join("nginx.conf"))
                .args(["-e", "stderr"])
                .env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()))
                .stdin(Stdio::null())
                .stderr(fs::File::create(home.join("log")).unwrap())
                .spawn()
                .unwrap();
            let serves = eventually("nginx accepts connections or has ended", || {
                let all = || ports.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok());
                match child.try_wait().unwrap() {
                    Some(_) => Some(false),
                    None => all().then_some(true),
                }
            });
            if serves {
                return Self { child, ports };
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("nginx does not start: {}", fs::read_to_string(home.join("log")).unwrap_or_default());
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

fn configuration(home: &Path, http: &str) -> String {
    let home = home.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("    {kind}_temp_path {home}/{kind};\n"))
        .collect();
    format!(
        "daemon off;\nmaster_process off;\npid {home}/pid;\nerror_log stderr;\nevents {{ }}\n\
         http {{\n    access_log off;\n{temporary}{http}\n}}\n"
    )
}
