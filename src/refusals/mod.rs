//! Handshakes that were refused: the last of them, for an operator who asks why a bank cannot get
//! in, and how many of them are logged.

mod shown;
mod pace;
mod ring;

pub use ring::{REFUSALS_MAX, Refusals};
pub use shown::{ClaimedCertificate, RefusedHandshake, admit};
