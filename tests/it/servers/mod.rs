//! Real servers that end when they are dropped, and can be killed and started again on the same port. Their tests show
//! only that the helpers work.

use std::fs;
use std::path::{Path, PathBuf};

use hookspool::clock::Timestamp;
use hookspool::devpki::{KeyKind, Root};

pub mod port;
pub mod python;
pub mod postgres;
mod nats_client;
pub mod nats;
pub mod answer;
pub mod application;
mod application_tests;

/// How a server starts.
#[derive(Clone, Copy, Default)]
pub struct Options {
    /// Accepts TLS, with a certificate for `localhost` and `127.0.0.1`.
    pub tls: bool,
    /// Requires a password over TCP (PostgreSQL only).
    pub password: bool,
    /// Further lines of the server's configuration.
    pub lines: &'static str,
}

/// Writes `ca.pem`, `server.pem` and `server.key` into a directory.
fn write_certificates(folder: &Path) -> [PathBuf; 3] {
    let root = Root::new(KeyKind::EcdsaP256, Timestamp::now()).unwrap();
    let server = root.server(&[]).unwrap();
    let contents = [
        ("ca.pem", root.issued.certificate_pem),
        ("server.pem", server.certificate_pem),
        ("server.key", server.key_pem),
    ];
    contents.map(|(name, text)| {
        let path = folder.join(name);
        write_private(&path, &text);
        path
    })
}

/// Writes a file that only this user may read.
fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
