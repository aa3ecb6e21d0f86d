//! `hookspool reload`: requests a reload of certificates and configuration from the running daemon.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Stdio;

use http::StatusCode;
use serde_json::Value;

use super::args::CheckedProcess;
use super::as_user::User;
use super::check::again;
use super::exit::{Exit, Failure};
use super::output::{escaped_lines, print};
use super::runtime::block_on;
use crate::admin::{ACCEPT_OLDER_LISTS, Address};
use crate::client::post_unix;
use crate::policy::Name;
use crate::systemd::unit::{DAEMON, Unit};

/// Requests a reload over the first Unix socket of the admin listener, and prints the outcome.
///
/// # Errors
/// If there is no such socket, or the daemon does not answer.
pub fn reload(config: &Path, addresses: &[Address], accept_older: Option<&Name>) -> Result<Exit, Failure> {
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
    let query = accept_older.map(|sender| format!("?{ACCEPT_OLDER_LISTS}={sender}")).unwrap_or_default();
    let answer = block_on(post_unix(socket, &format!("/reload{query}")))?;
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
    let is_listed = |name: &str| document[name].as_array().is_some_and(|list| !list.is_empty());
    if is_listed("unreadable_until_restart") || is_listed("waits_for_restart") {
        print(&advice(&attempt(config, socket), &document["findings"]))?;
    }
    Ok(if document["outcome"] == "rejected" { Exit::Config } else { Exit::Success })
}

/// Checks the files as the daemon's user, who owns the socket, and without the daemon's sandbox. Returns the document
/// of `check`, or why there is none.
fn attempt(config: &Path, socket: &Path) -> Result<Value, String> {
    let owner = fs::metadata(socket).map_err(|why| why.to_string())?.uid().to_string();
    let user = User::find(&owner).map_err(|failure| failure.chain().unwrap_or_default())?;
    let config = std::path::absolute(config).map_err(|why| why.to_string())?;
    let unit = Unit::installed(DAEMON).map_err(|why| why.to_string())?;
    let command = user.command(&again(&config, &user, true, Some(CheckedProcess::Run)), unit.as_ref());
    let output =
        command.map_err(|failure| failure.chain().unwrap_or_default())?.stdin(Stdio::null()).output();
    let output = output.map_err(|why| why.to_string())?;
    serde_json::from_slice(&output.stdout).map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// After a rejection because of the daemon's sandbox: a hint that states whether a restart would succeed.
fn advice(attempt: &Result<Value, String>, known: &Value) -> String {
    let document = match attempt {
        Ok(document) => document,
        Err(why) => {
            return format!(
                "    = hint: `hookspool check` as root reports whether a restart would succeed; it could not be tried: {}\n",
                escaped_lines(why.trim_end())
            );
        }
    };
    let user = escaped_lines(document["user"].as_str().unwrap_or_default());
    if document["ok"] == true {
        return format!(
            "    = hint: user `{user}` can read the files outside the sandbox, and they are valid: a restart applies them\n"
        );
    }
    let is_known = |finding: &&Value| {
        known.as_array().is_some_and(|known| known.iter().any(|known| known["message"] == finding["message"]))
    };
    let findings = document["findings"].as_array();
    let new =
        findings.into_iter().flatten().filter(|finding| finding["severity"] == "error" && !is_known(finding));
    let mut out = String::new();
    new.for_each(|found| finding(found, &mut out));
    out.push_str(
        "    = hint: a restart would fail: correct the errors first (`hookspool check` as root shows all)\n",
    );
    out
}

fn finding(finding: &Value, out: &mut String) {
    let text = |value: &Value| escaped_lines(value.as_str().unwrap_or_default());
    if finding["file"].is_string() {
        let _ = write!(out, "{}:{}:{}: ", text(&finding["file"]), finding["line"], finding["column"]);
    }
    let _ = writeln!(out, "{}: {}", text(&finding["severity"]), text(&finding["message"]));
    if finding["hint"].is_string() {
        let _ = writeln!(out, "    = hint: {}", text(&finding["hint"]));
    }
}

fn page(document: &Value) -> String {
    let mut out = String::new();
    let text = |value: &Value| escaped_lines(value.as_str().unwrap_or_default());
    for found in document["findings"].as_array().into_iter().flatten() {
        finding(found, &mut out);
    }
    for what in document["waits_for_restart"].as_array().into_iter().flatten() {
        let _ = writeln!(out, "{}", text(what));
    }
    let _ = writeln!(out, "{}, generation {}", text(&document["outcome"]), document["generation"]);
    out
}
