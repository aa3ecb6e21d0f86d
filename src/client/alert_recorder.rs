//! A stream that records the TLS alert with which the server ended it.
//!
//! With TLS 1.3 a server refuses a certificate after the client has completed its handshake, so the alert arrives
//! while a request is sent. HTTP/1.1 would report a broken pipe, and HTTP/2 drops the cause.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::tls::client::{Alert, TlsStream};

/// The alert, once one has been received.
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

    fn record<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Some(alert) = result.as_ref().err().and_then(Alert::behind) {
            // The first alert ended the connection.
            let _ = self.recorded.set(alert);
        }
        result
    }

    /// After a failed write, reads the alert that the server may have sent before it closed the connection.
    fn read_alert(&mut self, cx: &mut Context<'_>) {
        let mut bytes = [0; 256];
        let mut buffer = ReadBuf::new(&mut bytes);
        if let Poll::Ready(result) = Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
            let _ = self.record(result);
        }
    }
}

impl AsyncRead for AlertRecorder {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer).map(|result| self.record(result))
    }
}

impl AsyncWrite for AlertRecorder {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if matches!(result, Poll::Ready(Err(_))) {
            self.read_alert(cx);
        }
        result.map(|result| self.record(result))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        if matches!(result, Poll::Ready(Err(_))) {
            self.read_alert(cx);
        }
        result.map(|result| self.record(result))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
