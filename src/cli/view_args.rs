//! The flags of `hookspool view`.

use std::net::SocketAddr;

use crate::view::listen_address;

/// `hookspool view`
#[derive(Clone, Debug, clap::Args)]
pub struct ViewArgs {
    /// The loopback address and port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9466", value_parser = listen_address)]
    pub listen: SocketAddr,
    /// Without the buttons that move entries
    #[arg(long)]
    pub read_only: bool,
}
