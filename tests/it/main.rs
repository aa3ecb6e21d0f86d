//! The real binary, driven from outside. One module for each thing that is shown.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::as_conversions,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    missing_docs,
    unreachable_pub,
    reason = "tests may panic, know no other clock, and hold tables"
)]

mod der;
mod http2;
mod haproxy;
mod http2_limits;
mod nginx;
mod servers;
mod targets;
mod tools;
mod wire;
mod world;

mod activation;
mod addressed;
mod alerts;
mod admin;
mod advice;
mod algorithms;
mod attacks;
mod bank_files;
mod booted;
mod both_families;
mod certificates_read;
mod certs_show;
mod cli;
mod clients;
mod clock;
mod consumers;
mod consumers_config;
mod container;
mod dates;
mod denied;
mod documents;
mod durability;
mod encodings;
mod environment;
mod failure_notes;
mod faults;
mod first;
mod following;
mod forward;
mod forward_status;
mod forwarding;
mod half_closed;
mod handlers;
mod handshakes;
mod health_probes;
mod hints;
mod housekeeping;
mod id_ends;
mod ids;
mod intake;
mod invalid;
mod journal;
mod key_forms;
mod key_material;
mod keys;
mod large_certificates;
mod lease;
mod limits;
mod lists;
mod log_sinks;
mod manager;
mod matrix;
mod max_spool;
mod members;
mod misplaced;
mod metrics;
mod not_files;
mod older_senders;
mod operator;
mod output;
mod pem;
mod pem_text;
mod power;
mod probe;
mod recipe;
mod refusals;
mod proxied;
mod rejected;
mod reload;
mod renewal;
mod resources;
mod restart;
mod rotation;
mod sandbox;
mod secrets;
mod server_files;
mod sessions;
mod shares;
mod shutdown;
mod signals;
mod spool_commands;
mod stalled;
mod streams;
mod surroundings;
mod takeover;
mod unproven;
mod unread;
mod view;
mod view_browser;
mod volumes;
mod watching;
