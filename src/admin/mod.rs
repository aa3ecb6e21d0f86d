//! The door for the operator: health, metrics, status. It has a thread of its own, so that it
//! answers when everything else is busy.

mod answer;
mod door;
mod health;
mod settings;
mod sockets;
mod status;

pub use answer::Facts;
pub use door::{Door, DoorError};
pub use settings::{Address, Settings};
pub use sockets::{AdminBindError, Socket, bind};
