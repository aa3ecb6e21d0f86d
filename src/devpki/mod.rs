//! A PKI for development and tests: a root CA, a server and clients.
//!
//! [`Root`] creates certificates in memory; only [`write()`] writes to disk. All of them contain [`ORGANIZATION`],
//! which distinguishes them from those of real senders.

mod authority;
mod files;

pub use authority::{CreateError, Issued, KeyKind, ORGANIZATION, Root, is_development};
pub use files::{Owner, PkiFile, Request, WriteError, make, write};
