//! Every default of webhooks.toml and every bound on its values, each with its reason.

use std::time::Duration;

use crate::quantity::ByteSize;

/// Loopback, so that a first run is not open to the world by accident.
pub(super) const LISTEN: &str = "127.0.0.1:8443";
/// Far above what a few banks open, and within what a small machine can hold.
pub(super) const MAX_CONNECTIONS: usize = 8192;
/// A million is where sockets, not settings, are the limit.
pub(super) const MAX_CONNECTIONS_MAX: i64 = 1_000_000;
/// A handshake is two round trips; longer only keeps a slot for a stranger.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Headers are one packet or two, on a connection that is already open.
pub(super) const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// 1 MiB in 30 s is 35 kB/s: slower than any bank's data centre.
pub(super) const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Above the 60 s that many clients keep a connection for, so that they close it and not we.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// Less than a body may take, but far more than one in flight needs; systemd waits 90 s by default.
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// No wait is longer than a day: that would be a leak with a name.
pub(super) const TIMEOUT_MAX: Duration = Duration::from_secs(86_400);

/// A change that inotify missed is applied within half a minute; reading the files takes milliseconds.
pub(super) const POLL: Duration = Duration::from_secs(30);
/// Longer than a tool needs from a key to its certificate, shorter than anyone waits.
pub(super) const SETTLE: Duration = Duration::from_millis(200);
/// The watch does not wait any longer.
pub(super) const SETTLE_MAX: Duration = Duration::from_secs(1);

/// Thousands of senders; a file longer than this is another one.
pub(super) const CONFIG_BYTES_MAX: u64 = 4 << 20;

/// Beside webhooks.toml, so that a first run needs no rights.
pub(super) const SPOOL_DIRECTORY: &str = "spool";
/// Room for the consumers and the logs on the same disk to notice.
pub(super) const MIN_FREE: ByteSize = ByteSize(256 << 20);

/// Long enough to look into what went wrong last week.
pub(super) const KEEP_DONE: Option<Duration> = Some(Duration::from_secs(7 * 86_400));
/// What failed is money that somebody has to look for.
pub(super) const KEEP_FAILED: Option<Duration> = None;

/// Some 50 000 groups in /etc/group.
pub(super) const GROUP_BYTES_MAX: u64 = 4 << 20;

/// 9464 is the port that Prometheus exporters are given; the socket is for control.
pub(super) const ADMIN_LISTEN: &[&str] = &["127.0.0.1:9464", "unix:run/admin.sock"];
/// What fits `sockaddr_un`, the final NUL aside (unix(7)).
pub(super) const SOCKET_PATH_BYTES_MAX: usize = 107;

/// A notification is a few KiB; this leaves room for long lists.
pub(super) const MAX_BODY: ByteSize = ByteSize(1 << 20);
/// A larger body than this is not a webhook; each is held in memory, a quarter of what all of them share.
pub(super) const MAX_BODY_MAX: ByteSize = ByteSize(64 << 20);
/// Longer request targets are refused by many proxies.
pub(super) const PATH_BYTES_MAX: usize = 1024;
