//! `hookspool reload`: have the running daemon read certificates and configuration again.

use std::fmt::Write as _;

use http::StatusCode;
use serde_json::Value;

use super::exit::{Exit, Failure};
use super::output::{escaped_lines, print};
use super::runtime::block_on;
use crate::admin::Address;
use crate::client::post_unix;

/// Asks over the first unix socket of the admin listener, and tells what became of it.
///
/// # Errors
/// When there is no such socket, or nobody answers.
pub fn reload(addresses: &[Address]) -> Result<Exit, Failure> {
    let socket = addresses.iter().find_map(|address| match address {
        Address::Unix(path) => Some(path),
        Address::Tcp(_) | Address::Inherited(_) => None,
    });
    let Some(socket) = socket else {
        return Err(Failure::Unreachable {
            what: "there is no way to ask".to_owned(),
            why: "`[admin] listen` has no unix socket: add one, or send SIGHUP to the daemon".into(),
        });
    };
    let answer = block_on(post_unix(socket, "/reload"))?;
    let unreachable =
        |why: super::exit::BoxError| Failure::Unreachable { what: "no daemon answers".to_owned(), why };
    let (status, body) = answer.map_err(|fault| unreachable(fault.into()))?;
    let document: Value = match status {
        StatusCode::OK | StatusCode::UNPROCESSABLE_ENTITY => {
            serde_json::from_slice(&body).map_err(|fault| unreachable(fault.into()))?
        }
        _ => {
            let words = escaped_lines(&String::from_utf8_lossy(&body));
            return Err(unreachable(format!("it answered {status}: {}", words.trim_end()).into()));
        }
    };
    print(&page(&document))?;
    Ok(if document["outcome"] == "rejected" { Exit::Config } else { Exit::Fine })
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
