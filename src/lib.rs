//! hookspool receives webhooks over mutual TLS, writes each to a spool directory so that it survives a power failure,
//! and only then answers 200.
//!
//! The `mod` lines of this file are grouped by layer, the lowest first. **A module uses only modules of lower layers.**
//! Inside a directory, a module uses only those whose line in `mod.rs` comes earlier. `tests/layers.rs` reads these
//! lines and enforces both rules.
//!
//! Start reading at [`receive::intake`], which handles one delivery from start to end.

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!(
    "hookspool runs on Linux on x86_64 and aarch64: it relies on Linux's rules for fsync and rename"
);

// 0 Ground: no I/O
pub mod clock;
pub mod columns;
pub mod escape;
pub mod hex;
pub mod hostname;
pub mod metrics;
pub mod quantity;
pub mod secrets;

// 1 Facts: no I/O
pub mod diagnostic;
pub mod envelope;
pub mod identity;

// 2 Decisions: no I/O
pub mod policy;

// 3 Mechanisms: none uses another
pub mod devpki;
pub mod logging;
pub mod sandbox;
pub mod signals;
pub mod spool;
pub mod systemd;
pub mod tls;
pub mod watch;

// 4 Shared parts
pub mod arrivals;
pub mod client;
pub mod live;
pub mod refusals;

// 5 Shared state
pub mod shared;

// 6 Work: neither uses the other
pub mod forward;
pub mod receive;

// 7 Listeners
pub mod admin;
pub mod server;

// 8 Configuration
pub mod config;

// 9 Programs: neither uses the other
pub mod daemon;
pub mod forwarder;

// 10 The page
pub mod view;

// 11 Command line
pub mod cli;
