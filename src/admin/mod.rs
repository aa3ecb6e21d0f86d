//! The door for the operator: health, metrics, status. It has a thread of its own, so that it
//! answers when everything else is busy.

mod settings;
mod facts;
mod health;
mod status;
mod answer;
mod sockets;
mod door;

pub use door::{Door, DoorError};
pub use facts::Facts;
pub use settings::{Address, Settings};
pub use sockets::{AdminBindError, Socket, bind, socket_folders};
