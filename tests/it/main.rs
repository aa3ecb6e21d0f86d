//! The real binary, driven from outside. One module for each thing that is shown.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::as_conversions,
    missing_docs,
    unreachable_pub,
    reason = "tests may panic, and know no other clock"
)]

mod der;
mod nginx;
mod wire;
mod world;

mod addressed;
mod admin;
mod cli;
mod clients;
mod durability;
mod intake;
mod limits;
mod matrix;
mod recipe;
mod refusals;
mod sessions;
mod shutdown;
