//! Every default, with its reason.

use std::time::Duration;

/// Loopback: nothing is open to the world until somebody says so.
pub(super) const LISTEN: &str = "127.0.0.1:8443";
/// A connection costs about 40 KiB, so these are about 320 MiB.
pub(super) const MAX_CONNECTIONS: usize = 8192;
/// A handshake takes a few round trips; the slowest mobile link is done in a fraction of this.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Headers come in one packet or two.
pub(super) const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// A webhook is a few kilobytes; longer only helps who sends it a byte at a time.
pub(super) const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Longer than the minute for which most clients keep a connection, so that they close first.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// A commit takes milliseconds; the rest is for bodies that are still coming.
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// Beside webhooks.toml.
pub(super) const SPOOL_DIRECTORY: &str = "spool";
/// Room for a quarter of a million deliveries of a kilobyte, while somebody is woken.
pub(super) const MIN_FREE_BYTES: u64 = 256 << 20;
/// Prometheus on this machine, and `hookspool status`.
pub(super) const ADMIN_LISTEN: [&str; 2] = ["127.0.0.1:9464", "unix:run/admin.sock"];
/// A hundred times the largest webhook of the Pix API.
pub(super) const MAX_BODY_BYTES: u64 = 1 << 20;
