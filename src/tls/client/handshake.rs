//! A TLS connection to a server, with the results of its handshake.

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

/// The stream of a completed handshake.
pub type TlsStream = tokio_rustls::client::TlsStream<TcpStream>;

/// The versions of HTTP to offer with ALPN (RFC 7301).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Protocols {
    /// HTTP/2 preferred, HTTP/1.1 accepted.
    #[default]
    Both,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only.
    Http2,
}

/// The versions of TLS to offer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TlsVersions {
    /// 1.3 preferred, 1.2 accepted.
    #[default]
    Both,
    /// 1.2 only.
    Tls12,
    /// 1.3 only.
    Tls13,
}

/// Settings of a TLS client.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// How the server is verified.
    pub trust: Trust,
    /// The certificate to present if the server requests one.
    pub key_pair: Option<KeyPair>,
    /// The versions of HTTP to offer.
    pub protocols: Protocols,
    /// The versions of TLS to offer.
    pub versions: TlsVersions,
}

/// Opens TLS connections. At most one handshake may be in progress at a time.
#[derive(Clone, Debug)]
pub struct Connector {
    config: Arc<ClientConfig>,
    verifier: Arc<RecordingVerifier>,
}

/// The results of a handshake.
#[derive(Clone, Debug)]
pub struct ClientSession {
    /// The server's certificate, if it could be parsed.
    pub server: Option<Box<Identity>>,
    /// The protocol version, for example `TLSv1.3`.
    pub tls_version: &'static str,
    /// The cipher suite, for example `TLS13_AES_256_GCM_SHA384`.
    pub cipher_suite: String,
    /// Whether HTTP/2 was negotiated.
    pub http2: bool,
}

/// A handshake that failed.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeFault {
    /// The server's certificate was not accepted.
    #[error(transparent)]
    Server(Box<ServerFault>),
    /// The server ended the handshake with an alert.
    #[error("the server refused the handshake: {0}")]
    Alert(Alert),
    /// HTTP/2 was required, and the server does not support it.
    #[error("the server does not support HTTP/2, which was required")]
    NoHttp2,
    /// The connection failed without an alert.
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

/// Whether an error means that the other side has closed the connection.
pub fn is_disconnect(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}

impl Connector {
    /// Creates a connector with the given settings.
    ///
    /// # Errors
    /// If a CA certificate cannot be used.
    pub fn new(settings: &ClientSettings) -> Result<Self, ServerFault> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Arc::new(RecordingVerifier::new(&settings.trust, &provider)?);
        let certified = settings.key_pair.as_ref().map(|pair| Arc::clone(&pair.certified));
        let versions: &[_] = match settings.versions {
            TlsVersions::Both => &[&TLS13, &TLS12],
            TlsVersions::Tls12 => &[&TLS12],
            TlsVersions::Tls13 => &[&TLS13],
        };
        #[expect(clippy::expect_used, reason = "the provider always has cipher suites for both versions")]
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("aws-lc-rs supports TLS 1.2 and 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::<RecordingVerifier>::clone(&verifier))
            .with_client_cert_resolver(Arc::new(OneCertificate(certified)));
        config.alpn_protocols = match settings.protocols {
            Protocols::Both => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Protocols::Http1 => vec![b"http/1.1".to_vec()],
            Protocols::Http2 => vec![b"h2".to_vec()],
        };
        // Every connection must present its certificate, because that is what the command tests.
        config.resumption = Resumption::disabled();
        Ok(Self { config: Arc::new(config), verifier })
    }

    /// The configuration alone, for a client that connects by itself.
    pub(super) fn into_config(self) -> ClientConfig {
        Arc::unwrap_or_clone(self.config)
    }

    /// Performs the handshake over `tcp`, without a timeout.
    ///
    /// # Errors
    /// If the server's certificate is not accepted, or the server refuses the handshake or disconnects.
    pub async fn connect(
        &self,
        name: ServerName<'static>,
        tcp: TcpStream,
    ) -> Result<(TlsStream, ClientSession), HandshakeFault> {
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(&self.config));
        let result = connector.connect(name, tcp).await;
        let recorded = self.verifier.take();
        match (result, recorded.fault) {
            (Ok(stream), _) => {
                let server = recorded.leaf.and_then(|der| Identity::from_der(&der).ok()).map(Box::new);
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

/// Presents the same certificate regardless of the CAs that the server lists. The library's own resolver refuses
/// certificates of version 1.
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
