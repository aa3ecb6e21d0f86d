//! `hookspool certs`: creates certificates for development, and shows the contents of any.

pub mod owner;

pub mod init;
mod report;
pub mod show;
