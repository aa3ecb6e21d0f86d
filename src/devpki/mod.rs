//! A throwaway PKI for development and tests: a root, a server, clients.
//!
//! Certificates are made in memory by [`Root`]; only [`write()`] touches a disk. All of them carry
//! [`ORGANIZATION`], so that nobody mistakes them for a real sender's.

mod authority;
mod files;

pub use authority::{Issued, KeyKind, MakeError, ORGANIZATION, Root, is_development};
pub use files::{Owner, PkiFile, Request, WriteError, make, write};
