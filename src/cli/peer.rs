//! `--cert`, `--key`, `--ca` and `--insecure`: creates a client from the files.

use std::io::Write as _;

use super::args::PeerArgs;
use super::exit::{Failure, shown};
use super::files::{not_pem, read_pem};
use crate::client::{ClientConnection, ClientFault, ServerUrl, without_credentials};
use crate::tls::client::{ClientSettings, Connector, Protocols, TlsVersions, Trust};
use crate::tls::key_pair::{KeyPair, KeyPairFault};
use crate::tls::pem::{certificates, private_keys};

/// A client for one server.
pub struct DeliveryClient {
    /// The URL of the server.
    pub target: ServerUrl,
    connector: Connector,
    instead: Option<String>,
}

impl DeliveryClient {
    /// Creates a client from the files that the flags name.
    ///
    /// # Errors
    /// If a file is missing or has the wrong contents, or neither a CA nor `--insecure` is given.
    pub fn new(url: &str, args: &PeerArgs) -> Result<Self, Failure> {
        let target = ServerUrl::parse(url).map_err(|fault| Failure::Usage(fault.to_string()))?;
        let settings = client_settings(args)?;
        let connector = connector(&settings, args)?;
        Ok(Self { target, connector, instead: args.connect.clone() })
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// If the server cannot be reached, or the handshake fails.
    pub async fn connect(&self) -> Result<ClientConnection, ClientFault> {
        ClientConnection::open(&self.connector, &self.target, self.instead.as_deref()).await
    }
}

/// The client settings from the files and protocols that the flags name.
///
/// # Errors
/// If a file is missing or has the wrong contents, or neither a CA nor `--insecure` is given.
pub fn client_settings(args: &PeerArgs) -> Result<ClientSettings, Failure> {
    let protocols = match (args.http1, args.http2) {
        (true, _) => Protocols::Http1,
        (false, true) => Protocols::Http2,
        (false, false) => Protocols::Both,
    };
    let (trust, key_pair) = (trust(args)?, key_pair(args)?);
    if args.insecure {
        let _ = writeln!(
            anstream::stderr(),
            "\x1b[1;31mhookspool: --insecure: the server is not verified: neither its certificate, its name, its dates \
             nor its key\x1b[0m"
        );
    }
    Ok(ClientSettings { trust, key_pair, protocols, versions: TlsVersions::Both })
}

/// Creates a connector with these settings.
///
/// # Errors
/// If a CA certificate cannot be used.
pub fn connector(settings: &ClientSettings, args: &PeerArgs) -> Result<Connector, Failure> {
    let path = || args.ca.first().cloned().unwrap_or_default();
    Connector::new(settings).map_err(|fault| Failure::BadFile { path: path(), why: fault.into() })
}

/// Converts a client's error to the failure of a command.
pub fn failed(url: &str, fault: ClientFault) -> Failure {
    let url = without_credentials(url);
    let url = crate::escape::Escaped(&url);
    if fault.is_refusal() {
        Failure::Refused(format!("`{url}`: {fault}"))
    } else {
        Failure::Unreachable { what: format!("`{url}`"), why: fault.into() }
    }
}

fn trust(args: &PeerArgs) -> Result<Trust, Failure> {
    if args.insecure {
        return Ok(Trust::DangerouslyAnything);
    }
    if args.ca.is_empty() {
        return Err(Failure::Usage(
            "no CA is given; give `--ca FILE` with the CA that issued the server's certificate (the system's CAs are not used), \
             or `--insecure` to skip the verification of the server"
                .to_owned(),
        ));
    }
    let mut anchors = Vec::new();
    for path in &args.ca {
        anchors.extend(certificates(&read_pem(path)?).map_err(|fault| not_pem(path, fault))?);
    }
    Ok(Trust::Anchors(anchors))
}

fn key_pair(args: &PeerArgs) -> Result<Option<KeyPair>, Failure> {
    let Some(cert) = &args.cert else { return Ok(None) };
    let bytes = read_pem(cert)?;
    let chain = certificates(&bytes).map_err(|fault| not_pem(cert, fault))?;
    let (key_path, keys) = match &args.key {
        Some(path) => (path, private_keys(&read_pem(path)?)),
        None => (cert, private_keys(&bytes)),
    };
    let keys = keys.map_err(|fault| match args.key {
        Some(_) => not_pem(key_path, fault),
        None => Failure::Usage(format!("`{}`: {fault}; give `--key FILE`", shown(cert))),
    })?;
    let bad = |fault: KeyPairFault| Failure::BadFile { path: key_path.clone(), why: fault.into() };
    KeyPair::new(chain, &keys).map(Some).map_err(bad)
}
