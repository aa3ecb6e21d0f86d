//! A TLS connection to a server, with what its handshake showed.

use std::io;
use std::sync::Arc;

use rustls::client::{ClientConfig, ResolvesClientCert, Resumption};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{Error, PeerIncompatible, ProtocolVersion, SignatureScheme};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;

use super::alert::Alert;
use super::server_verifier::{RecordingVerifier, ServerFault, Trust};
use crate::identity::Identity;
use crate::tls::key_pair::KeyPair;

/// The stream that a handshake yields.
pub type TlsStream = tokio_rustls::client::TlsStream<TcpStream>;

/// Which versions of HTTP to offer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Protocols {
    /// HTTP/2, or else HTTP/1.1.
    #[default]
    Both,
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 alone.
    Http2,
}

/// Which versions of TLS to offer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TlsVersions {
    /// 1.3, or else 1.2.
    #[default]
    Both,
    /// 1.2 alone.
    Tls12,
    /// 1.3 alone.
    Tls13,
}

/// The trust, the client certificate and the protocols.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// What is trusted.
    pub trust: Trust,
    /// What to show when a certificate is asked for.
    pub key_pair: Option<KeyPair>,
    /// What to speak.
    pub protocols: Protocols,
    /// Over what.
    pub versions: TlsVersions,
}

/// Makes TLS connections, one after another.
#[derive(Clone, Debug)]
pub struct Connector {
    config: Arc<ClientConfig>,
    verifier: Arc<RecordingVerifier>,
}

/// What a handshake settled.
#[derive(Clone, Debug)]
pub struct ClientSession {
    /// The server's certificate, where it could be read.
    pub server: Option<Box<Identity>>,
    /// The protocol version, as in `TLSv1.3`.
    pub tls_version: &'static str,
    /// The cipher suite, as in `TLS13_AES_256_GCM_SHA384`.
    pub cipher_suite: String,
    /// Whether HTTP/2 was agreed on.
    pub http2: bool,
}

/// A handshake that failed.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeFault {
    /// We do not believe the server.
    #[error(transparent)]
    Server(Box<ServerFault>),
    /// The server said no.
    #[error("the server refused the handshake: {0}")]
    Alert(Alert),
    /// The server does not agree to HTTP/2.
    #[error("the server does not speak HTTP/2, and only that was to be spoken")]
    NoHttp2,
    /// Neither said anything.
    #[error("the TLS handshake failed")]
    Io(#[source] io::Error),
}

impl HandshakeFault {
    /// Whether the two sides have no version of TLS in common.
    pub fn is_about_the_version(&self) -> bool {
        match self {
            Self::Alert(alert) => alert.is_about_the_version(),
            Self::Io(error) => {
                let behind = error.get_ref().and_then(|error| error.downcast_ref());
                matches!(
                    behind,
                    Some(Error::PeerIncompatible(
                        PeerIncompatible::ServerDoesNotSupportTls12Or13
                            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                    ))
                )
            }
            Self::Server(_) | Self::NoHttp2 => false,
        }
    }
}

/// What the system says of a connection that the other side has closed.
pub fn is_hang_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}

impl Connector {
    /// Readies a client.
    ///
    /// # Errors
    /// When a CA certificate cannot be used.
    pub fn new(settings: &ClientSettings) -> Result<Self, ServerFault> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Arc::new(RecordingVerifier::new(&settings.trust, &provider)?);
        let certified = settings.key_pair.as_ref().map(|pair| Arc::clone(&pair.certified));
        let versions: &[_] = match settings.versions {
            TlsVersions::Both => &[&TLS13, &TLS12],
            TlsVersions::Tls12 => &[&TLS12],
            TlsVersions::Tls13 => &[&TLS13],
        };
        #[expect(clippy::expect_used, reason = "the provider has cipher suites for both versions, always")]
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("aws-lc-rs speaks TLS 1.2 and 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::<RecordingVerifier>::clone(&verifier))
            .with_client_cert_resolver(Arc::new(OneCertificate(certified)));
        config.alpn_protocols = match settings.protocols {
            Protocols::Both => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Protocols::Http1 => vec![b"http/1.1".to_vec()],
            Protocols::Http2 => vec![b"h2".to_vec()],
        };
        // Every connection shows its certificate: that is what is being tried.
        config.resumption = Resumption::disabled();
        Ok(Self { config: Arc::new(config), verifier })
    }

    /// Shakes hands over `tcp`. It is for the caller to put a deadline on it.
    ///
    /// # Errors
    /// When the server is not believed, says no, or goes away.
    pub async fn connect(
        &self,
        name: ServerName<'static>,
        tcp: TcpStream,
    ) -> Result<(TlsStream, ClientSession), HandshakeFault> {
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(&self.config));
        let result = connector.connect(name, tcp).await;
        let witness = self.verifier.take();
        match (result, witness.fault) {
            (Ok(stream), _) => {
                let server = witness.leaf.and_then(|der| Identity::from_der(&der).ok()).map(Box::new);
                let session = session(&stream, server);
                if self.config.alpn_protocols == [b"h2"] && !session.http2 {
                    return Err(HandshakeFault::NoHttp2);
                }
                Ok((stream, session))
            }
            (Err(_), Some(fault)) => Err(HandshakeFault::Server(Box::new(fault))),
            (Err(error), None) => Err(match Alert::behind(&error) {
                Some(alert) => HandshakeFault::Alert(alert),
                None => HandshakeFault::Io(error),
            }),
        }
    }
}

fn session(stream: &TlsStream, server: Option<Box<Identity>>) -> ClientSession {
    let (_, connection) = stream.get_ref();
    ClientSession {
        server,
        tls_version: match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            Some(_) | None => "unknown",
        },
        cipher_suite: connection
            .negotiated_cipher_suite()
            .and_then(|suite| suite.suite().as_str())
            .unwrap_or("unknown")
            .to_owned(),
        http2: connection.alpn_protocol() == Some(b"h2"),
    }
}

/// The same certificate for whoever asks, whatever CAs the server hints at. The library's own
/// way of showing one certificate refuses those of version 1.
#[derive(Debug)]
struct OneCertificate(Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for OneCertificate {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}
