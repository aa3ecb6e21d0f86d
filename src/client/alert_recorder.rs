//! A stream that notes the alert it ended with.
//!
//! With TLS 1.3 a server refuses a certificate after the client's handshake is done, so the alert
//! meets a request on its way: HTTP would report a broken pipe, and HTTP/2 drops the cause.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::tls::client::{Alert, TlsStream};

/// Where the alert will be, if one comes.
pub(super) type RecordedAlert = Arc<OnceLock<Alert>>;

pub(super) struct AlertRecorder {
    stream: TlsStream,
    recorded: RecordedAlert,
}

impl AlertRecorder {
    pub(super) fn new(stream: TlsStream) -> (Self, RecordedAlert) {
        let recorded = RecordedAlert::default();
        (Self { stream, recorded: Arc::clone(&recorded) }, recorded)
    }

    fn noted<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Some(alert) = result.as_ref().err().and_then(Alert::behind) {
            // The first alert is the one that ended the connection.
            let _ = self.recorded.set(alert);
        }
        result
    }

    /// A write failed because the other side is gone; what it said before it went can be read.
    fn last_words(&mut self, cx: &mut Context<'_>) {
        let mut bytes = [0; 256];
        let mut buffer = ReadBuf::new(&mut bytes);
        if let Poll::Ready(result) = Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
            let _ = self.noted(result);
        }
    }
}

impl AsyncRead for AlertRecorder {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer).map(|result| self.noted(result))
    }
}

impl AsyncWrite for AlertRecorder {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if matches!(result, Poll::Ready(Err(_))) {
            self.last_words(cx);
        }
        result.map(|result| self.noted(result))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        if matches!(result, Poll::Ready(Err(_))) {
            self.last_words(cx);
        }
        result.map(|result| self.noted(result))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
