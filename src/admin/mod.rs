//! The admin listener: health, metrics, status. It has a separate thread, so that it
//! answers when everything else is busy.

mod settings;
mod context;
mod health;
mod status;
mod answer;
mod sockets;
mod listener;

pub use context::AdminContext;
pub use listener::{AdminListener, AdminListenerError};
pub use settings::{Address, Settings};
pub use sockets::{AdminBindError, Socket, bind, socket_folders};
