//! Every default of webhooks.toml and every bound on its values, each with its reason.

use std::time::Duration;

use crate::quantity::ByteSize;

/// Loopback, so that a first run is not reachable from other hosts.
pub(super) const LISTEN: &str = "127.0.0.1:8443";
/// Far more than a few banks open, and within the memory of a small machine.
pub(super) const MAX_CONNECTIONS: usize = 8192;
/// The system's limits are lower than this in practice.
pub(super) const MAX_CONNECTIONS_MAX: i64 = 1_000_000;
/// A handshake takes two round trips; a longer timeout only lets unknown peers hold connections.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Headers fill one or two packets, on a connection that is already open.
pub(super) const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// 1 MiB in 30 s is 35 kB/s, less than any bank's data center achieves.
pub(super) const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// More than the 60 s after which many clients close a connection, so that the client closes it first.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// Less than the body timeout, but far more than a request in flight usually takes; systemd waits 90 s by default.
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// A longer timeout has the same effect as none.
pub(super) const TIMEOUT_MAX: Duration = Duration::from_secs(86_400);

/// A change that inotify missed is applied within half a minute; reading the files takes milliseconds.
pub(super) const POLL: Duration = Duration::from_secs(30);
/// Longer than a tool takes between writing a key and its certificate.
pub(super) const SETTLE: Duration = Duration::from_millis(200);
/// The file watcher applies a change after this time even if more changes follow.
pub(super) const SETTLE_MAX: Duration = Duration::from_secs(1);

/// Enough for thousands of senders; a larger file is most likely the wrong one.
pub(super) const CONFIG_BYTES_MAX: u64 = 4 << 20;

/// Relative to webhooks.toml, so that a first run needs no privileges.
pub(super) const SPOOL_DIRECTORY: &str = "spool";
/// Leaves space for consumers and logs on the same disk.
pub(super) const MIN_FREE: ByteSize = ByteSize(256 << 20);

/// Long enough to investigate a problem of last week.
pub(super) const KEEP_DONE: Option<Duration> = Some(Duration::from_secs(7 * 86_400));
/// A failed entry is a payment that somebody has to follow up.
pub(super) const KEEP_FAILED: Option<Duration> = None;

/// About 50,000 groups in /etc/group.
pub(super) const GROUP_BYTES_MAX: u64 = 4 << 20;

/// 9464 is a usual port of Prometheus exporters; the socket accepts reloads.
pub(super) const ADMIN_LISTEN: &[&str] = &["127.0.0.1:9464", "unix:run/admin.sock"];
/// The size of `sun_path` without the final NUL (unix(7)).
pub(super) const SOCKET_PATH_BYTES_MAX: usize = 107;

/// A notification has a few KiB; this is enough for long lists.
pub(super) const MAX_BODY: ByteSize = ByteSize(1 << 20);
/// Bodies are held in memory. This is a quarter of the memory that all bodies share.
pub(super) const MAX_BODY_MAX: ByteSize = ByteSize(64 << 20);
/// Many proxies refuse longer request targets.
pub(super) const PATH_BYTES_MAX: usize = 1024;
