//! The listener for senders: sockets, TLS handshakes, HTTP connections.

mod settings;
mod listen;
mod request_line;
mod socket;
mod source_address;
mod turns;
mod handshake_pool;
mod connection_record;
mod strangers;
mod connections;
mod deadlines;
mod timed_stream;
mod frame_reader;
mod frame_rate;
mod header_block;
mod stream_counts;
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
pub use proxy::proxy_header;
pub use settings::{Listen, Settings, accepts_ipv4};
