//! `hookspool certs`: certificates for development, and a look into any.

pub mod owner;

pub mod init;
mod report;
pub mod show;
