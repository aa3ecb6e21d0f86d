//! An HTTP/1.1 client over TLS that can send any bytes, also malformed requests.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::world::{Daemon, TIMEOUT, World};

pub struct Wire(pub StreamOwned<ClientConnection, TcpStream>);

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// A client configuration with the certificate of this name.
pub fn client_config(world: &World, name: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(world.cert("root-ca")).unwrap()).unwrap();
    let chain = vec![CertificateDer::from_pem_file(world.cert(name)).unwrap()];
    let key = PrivateKeyDer::from_pem_file(world.key(name)).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    Arc::new(config)
}

impl Wire {
    pub fn connect(world: &World, daemon: &Daemon, name: &str) -> Self {
        Self::with_config(client_config(world, name), daemon.port).unwrap()
    }

    pub fn with_config(config: Arc<ClientConfig>, port: u16) -> std::io::Result<Self> {
        Self::over(config, TcpStream::connect(("127.0.0.1", port))?)
    }

    /// Uses an existing connection.
    pub fn over(config: Arc<ClientConfig>, tcp: TcpStream) -> std::io::Result<Self> {
        tcp.set_read_timeout(Some(TIMEOUT))?;
        tcp.set_nodelay(true)?;
        let tls = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
        Ok(Self(StreamOwned::new(tls, tcp)))
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.0.write_all(bytes.as_ref())?;
        self.0.flush()
    }

    /// Sends a complete request with a body; returns the answer.
    pub fn post(&mut self, path: &str, body: &[u8]) -> std::io::Result<Answer> {
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
        self.send([head.as_bytes(), body].concat())?;
        self.answer()
    }

    /// Reads the next answer; an error if the connection ends before it is complete.
    pub fn answer(&mut self) -> std::io::Result<Answer> {
        let mut bytes = Vec::new();
        let head_end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            self.read_some(&mut bytes)?;
        };
        let head = String::from_utf8_lossy(&bytes[..head_end]).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse::<usize>().unwrap());
        while bytes.len() < head_end + 4 + length {
            self.read_some(&mut bytes)?;
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = String::from_utf8_lossy(&bytes[head_end + 4..]).into_owned();
        Ok(Answer { status, head, body })
    }

    fn read_some(&mut self, bytes: &mut Vec<u8>) -> std::io::Result<()> {
        let mut buffer = [0; 4096];
        match self.0.read(&mut buffer)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            count => {
                bytes.extend_from_slice(&buffer[..count]);
                Ok(())
            }
        }
    }

    /// Waits until the peer closes the connection; returns whether it sent close_notify.
    pub fn closed_cleanly(&mut self) -> bool {
        let mut buffer = [0; 4096];
        loop {
            match self.0.read(&mut buffer) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => {
                    assert_ne!(error.kind(), ErrorKind::WouldBlock, "the peer did not close");
                    return false;
                }
            }
        }
    }

    /// Whether the peer sends nothing for this time.
    pub fn is_silent_for(&mut self, duration: Duration) -> bool {
        self.0.sock.set_read_timeout(Some(duration)).unwrap();
        let silent = matches!(self.0.read(&mut [0; 1]), Err(error) if error.kind() == ErrorKind::WouldBlock);
        self.0.sock.set_read_timeout(Some(TIMEOUT)).unwrap();
        silent
    }
}
