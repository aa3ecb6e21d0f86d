//! `hookspool certs`: creates certificates for development, and shows the contents of any.

pub mod next;
pub mod owner;

pub mod init;
mod report;
mod split;
pub mod show;
