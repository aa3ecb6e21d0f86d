//! Options of the sockets of senders, which bound what the kernel keeps for a peer that does not read.

use std::time::Duration;

use rustix::net::sockopt::{set_socket_send_buffer_size, set_tcp_user_timeout};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// The send buffer of a connection, in bytes; the kernel doubles it. Otherwise it grows to 4 MiB (`net.ipv4.tcp_wmem`) if
/// the peer does not read. 128 responses take about 30 KiB.
const SEND_BUFFER_BYTES: usize = 32 << 10;
/// The bytes that the kernel accepts although it cannot send them, because the peer's receive window is full. The rest waits
/// in this process, which knows whether the peer takes more. The kernel does not, unless what it keeps fits into the window
/// when it opens.
const UNSENT_BYTES: u32 = 4 << 10;
/// The time within which a peer must acknowledge, or make room for, what was sent. It is as long as that of a response to
/// a ping of HTTP/2, and much longer than a lost packet or a change of routes takes.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(20);
/// The same once the connection is closed: nothing but the last response is left, and no process waits for it. Each
/// acknowledgment restarts the time, so a response that is still being read is complete.
const LAST_UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(2);

/// Sets the options of an accepted connection.
pub(super) fn configure(stream: &TcpStream) {
    // Responses are short: none should wait for a delayed acknowledgment.
    let _ = stream.set_nodelay(true);
    let _ = set_socket_send_buffer_size(stream, SEND_BUFFER_BYTES);
    let _ = SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES);
    limit_unacknowledged(stream, UNACKNOWLEDGED_MAX);
}

/// Bounds how long the kernel keeps a connection that is about to be closed. After that, it resets the connection when the
/// peer sends something.
pub(super) fn before_close(stream: &TlsStream<TcpStream>) {
    limit_unacknowledged(stream.get_ref().0, LAST_UNACKNOWLEDGED_MAX);
}

/// It cannot fail for a TCP socket, and a connection without the limit works.
fn limit_unacknowledged(stream: &TcpStream, max: Duration) {
    let _ = set_tcp_user_timeout(stream, u32::try_from(max.as_millis()).unwrap_or(u32::MAX));
}
