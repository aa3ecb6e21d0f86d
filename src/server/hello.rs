//! Reads the ClientHello, the first message of a peer.

use std::io::{self, Read};

use rustls::server::{Accepted, Acceptor};
use rustls::{Error as TlsError, InvalidMessage};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::StartHandshake;

/// The bytes that are read before the ClientHello is complete. The largest ones, with post-quantum keys and all
/// extensions, have about 2 KiB.
const HELLO_BYTES_MAX: usize = 16 << 10;

/// The record of the fatal alert decode_error (RFC 8446, section 6.2), before any encryption.
const TOO_LARGE_ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 50];

/// Reads the ClientHello. Memory is allocated only when bytes arrive: a silent peer costs none.
///
/// # Errors
/// If the connection ends, or the message is invalid or too large. The peer has got an alert.
pub(super) async fn read_hello(mut stream: TcpStream) -> io::Result<StartHandshake<TcpStream>> {
    stream.readable().await?;
    let mut acceptor = Acceptor::default();
    let mut read = 0;
    loop {
        match acceptor.read_tls(&mut Available(&stream)) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(bytes) => read += bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.readable().await?,
            Err(error) => return Err(error),
        }
        if let Some(accepted) = accept(&mut acceptor, &mut stream).await? {
            return Ok(StartHandshake::from_parts(accepted, stream));
        }
        if read > HELLO_BYTES_MAX {
            // The peer may have closed the connection.
            let _ = stream.write_all(&TOO_LARGE_ALERT).await;
            let too_large = TlsError::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge);
            return Err(io::Error::new(io::ErrorKind::InvalidData, too_large));
        }
    }
}

async fn accept(acceptor: &mut Acceptor, stream: &mut TcpStream) -> io::Result<Option<Accepted>> {
    let (error, mut alert) = match acceptor.accept() {
        Ok(accepted) => return Ok(accepted),
        Err(failed) => failed,
    };
    let mut bytes = Vec::new();
    alert.write_all(&mut bytes)?;
    // The peer may have closed the connection.
    let _ = stream.write_all(&bytes).await;
    Err(io::Error::new(io::ErrorKind::InvalidData, error))
}

/// The bytes that have arrived.
struct Available<'a>(&'a TcpStream);

impl Read for Available<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buf)
    }
}
