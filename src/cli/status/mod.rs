//! `hookspool status`: shows the status of the running daemon, and of `hookspool forward`.

mod counts;
mod page;
mod consumers;

use std::path::Path;

use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::output::{print, print_json, terminal_columns};
use super::runtime::block_on;
use crate::admin::{Status, ask};
use crate::clock::Clock;
use crate::config::{admin_settings, consumer_endpoints, forward_listen, spool_settings};
use crate::forwarder::ForwardStatus;

/// Requests the status of the daemon and, if there is a `[[consumer]]`, of `hookspool forward`, and prints what was
/// received.
///
/// # Errors
/// If the daemon does not answer, or the response is not a status document.
pub fn status(config: &Path, json: bool) -> Result<Exit, Failure> {
    let admin = admin_settings(config)?.listen;
    let forward = match consumer_endpoints(config)?.is_empty() {
        false => Some(forward_listen(config)?.listen),
        true => None,
    };
    let mut daemon = block_on(ask::<Status>(&admin, "admin"))?;
    let forward = forward.map(|listen| block_on(ask::<ForwardStatus>(&listen, "forward"))).transpose()?;

    let now = Clock::System.now();
    let spool = spool_settings(config)?;
    let counted = daemon.as_mut().map(|(_, status)| counts::update(status, spool, now)).unwrap_or_default();
    let endpoints = daemon.as_ref().map(|(_, status)| status.endpoints.as_slice()).unwrap_or_default();
    if json {
        let mut document = daemon
            .as_ref()
            .map_or_else(|_| json!({}), |(document, status)| counts::document(document.clone(), status));
        document["forward"] = match &forward {
            None => Value::Null,
            Some(Ok((document, status))) => consumers::document(document.clone(), status, endpoints),
            Some(Err(why)) => json!({ "running": false, "reason": why }),
        };
        print_json(&document)?;
    } else {
        let page = daemon.as_ref().map(|(_, status)| page::page(status, &counted, now));
        let mut text = page.unwrap_or_default();
        match &forward {
            None => {}
            Some(Ok((_, status))) => text.push_str(&consumers::page(status, endpoints, now)),
            Some(Err(why)) => text.push_str(&consumers::not_running(why)),
        }
        print(&terminal_columns().map_or(text.clone(), |columns| page::fitted(&text, columns)))?;
    }
    match daemon {
        Ok(_) => Ok(Exit::Success),
        Err(why) => {
            Err(Failure::Unreachable { what: "the daemon does not answer".to_owned(), why: why.into() })
        }
    }
}
