//! The answers of the application of [`super::application`].

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, sink};

/// An answer, valid or invalid.
#[derive(Clone)]
pub struct Answer {
    delay: Duration,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Whole { status: u16, headers: String, body: Vec<u8> },
    Bytes(Vec<u8>),
    Endless,
    Never,
}

impl Answer {
    /// A response with this status, to which [`Answer::header`] and [`Answer::body`] add.
    pub fn status(status: u16) -> Self {
        Self::new(Kind::Whole { status, headers: String::new(), body: Vec::new() })
    }

    /// 302 with a `Location`.
    pub fn redirect(location: &str) -> Self {
        Self::status(302).header("location", location)
    }

    /// These bytes, whatever they are, and then the end of the connection.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(Kind::Bytes(bytes.into()))
    }

    /// The first half of a response with the status 200, and then the end of the connection.
    pub fn half() -> Self {
        Self::bytes("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n0123456789")
    }

    /// Bytes that are not HTTP, and then the end of the connection.
    pub fn garbage() -> Self {
        Self::bytes([0, 255, b'\r', b'\n', b'\r', b'\n'].repeat(50))
    }

    /// Closes the connection without an answer.
    pub fn close() -> Self {
        Self::bytes("")
    }

    /// A response with the status 200, whose body does not end before the client closes the connection.
    pub fn endless() -> Self {
        Self::new(Kind::Endless)
    }

    /// No answer; the connection remains open until the client closes it or the application stops.
    pub fn never() -> Self {
        Self::new(Kind::Never)
    }

    /// Adds a header to a response with a status.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let Kind::Whole { headers, .. } = &mut self.kind else { panic!("no response with a status") };
        headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// Sets the body of a response with a status.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        let Kind::Whole { body, .. } = &mut self.kind else { panic!("no response with a status") };
        *body = bytes.into();
        self
    }

    /// Waits before it answers.
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    fn new(kind: Kind) -> Self {
        Self { delay: Duration::ZERO, kind }
    }

    /// Sends the answer; returns whether the connection can be used for another request.
    pub(super) async fn send<S>(&self, stream: &mut S) -> std::io::Result<bool>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        tokio::time::sleep(self.delay).await;
        match &self.kind {
            Kind::Whole { status, headers, body } => {
                // RFC 9110, section 6.4.1: a 204 and a 304 have no body and no length of it.
                let length = match status {
                    204 | 304 => String::new(),
                    _ => format!("content-length: {}\r\n", body.len()),
                };
                let head = format!("HTTP/1.1 {status} Status\r\n{length}{headers}\r\n");
                stream.write_all(&[head.as_bytes(), body].concat()).await?;
                stream.flush().await?;
                return Ok(true);
            }
            Kind::Bytes(bytes) => stream.write_all(bytes).await?,
            Kind::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                let chunk = [b"10000\r\n", [b'x'; 0x10000].as_slice(), b"\r\n"].concat();
                loop {
                    stream.write_all(&chunk).await?;
                }
            }
            Kind::Never => {
                copy(stream, &mut sink()).await?;
            }
        }
        stream.shutdown().await?;
        Ok(false)
    }
}
