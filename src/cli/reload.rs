//! `hookspool reload`: requests a reload of certificates and configuration from the running daemon.

use std::fmt::Write as _;

use http::StatusCode;
use serde_json::Value;

use super::exit::{Exit, Failure};
use super::output::{escaped_lines, print};
use super::runtime::block_on;
use crate::admin::Address;
use crate::client::post_unix;

/// Requests a reload over the first Unix socket of the admin listener, and prints the outcome.
///
/// # Errors
/// If there is no such socket, or the daemon does not answer.
pub fn reload(addresses: &[Address]) -> Result<Exit, Failure> {
    let socket = addresses.iter().find_map(|address| match address {
        Address::Unix(path) => Some(path),
        Address::Tcp(_) | Address::Inherited(_) => None,
    });
    let Some(socket) = socket else {
        return Err(Failure::Unreachable {
            what: "cannot request a reload".to_owned(),
            why: "`[admin] listen` has no Unix socket: add one, or send SIGHUP to the daemon".into(),
        });
    };
    let answer = block_on(post_unix(socket, "/reload"))?;
    let unreachable = |why: super::exit::BoxError| Failure::Unreachable {
        what: "the daemon does not answer".to_owned(),
        why,
    };
    let (status, body) = answer.map_err(|fault| unreachable(fault.into()))?;
    let document: Value = match status {
        StatusCode::OK | StatusCode::UNPROCESSABLE_ENTITY => {
            serde_json::from_slice(&body).map_err(|fault| unreachable(fault.into()))?
        }
        _ => {
            let text = escaped_lines(&String::from_utf8_lossy(&body));
            return Err(unreachable(format!("it answered {status}: {}", text.trim_end()).into()));
        }
    };
    print(&page(&document))?;
    Ok(if document["outcome"] == "rejected" { Exit::Config } else { Exit::Success })
}

fn page(document: &Value) -> String {
    let mut out = String::new();
    let text = |value: &Value| escaped_lines(value.as_str().unwrap_or_default());
    for finding in document["findings"].as_array().into_iter().flatten() {
        if finding["file"].is_string() {
            let _ = write!(out, "{}:{}:{}: ", text(&finding["file"]), finding["line"], finding["column"]);
        }
        let _ = writeln!(out, "{}: {}", text(&finding["severity"]), text(&finding["message"]));
        if finding["hint"].is_string() {
            let _ = writeln!(out, "    = hint: {}", text(&finding["hint"]));
        }
    }
    for what in document["waits_for_restart"].as_array().into_iter().flatten() {
        let _ = writeln!(out, "{}", text(what));
    }
    let _ = writeln!(out, "{}, generation {}", text(&document["outcome"]), document["generation"]);
    out
}
