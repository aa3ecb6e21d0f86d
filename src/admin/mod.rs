//! The admin listener: health, metrics, status and reload. It has a separate thread, so that it responds while the
//! rest of the process is busy. The daemon and `forward` each have one.

mod settings;
mod context;
mod health;
mod status;
mod service;
mod answer;
mod sockets;
mod open_connections;
mod listener;
mod ask;

pub use answer::ACCEPT_OLDER_LISTS;
pub use ask::ask;
pub use context::AdminContext;
pub use health::NotReady;
pub use listener::{AdminListener, AdminListenerError};
pub use service::AdminService;
pub use settings::{Address, Settings};
pub use sockets::{AdminBindError, Socket, bind, socket_folders};
pub use status::{EndpointStatus, SpoolStatus, Status};
