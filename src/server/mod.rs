//! The listener for senders: sockets, TLS handshakes, HTTP connections.

mod settings;
mod listen;
mod request_line;
mod source_address;
mod turns;
mod handshake_pool;
mod connections;
mod deadlines;
mod frame_reader;
mod header_block;
mod frames;
mod body;
mod rejected;
mod offer;
mod failure;
mod hello;
mod opening;
mod proxy;
mod handshake;
mod routes;
mod http;
mod accept;

pub use accept::Server;
pub use listen::{BindError, bind};
pub use settings::{Listen, Settings, accepts_ipv4};
