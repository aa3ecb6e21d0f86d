//! Requests a status document from an admin listener.

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::settings::Address;
use crate::client::{get_tcp, get_unix};
use crate::diagnostic::with_causes;

/// Requests the status from each address of `[table] listen` until one answers; returns the document, also as this type.
/// Unix sockets come first, because another program may have bound a port.
///
/// # Errors
/// In one line, if none answers with a status document.
pub async fn ask<T: DeserializeOwned>(addresses: &[Address], table: &str) -> Result<(Value, T), String> {
    let (sockets, ports): (Vec<_>, Vec<_>) =
        addresses.iter().partition(|address| matches!(address, Address::Unix(_)));
    let mut faults = Vec::new();
    for address in sockets.into_iter().chain(ports) {
        match ask_address(address).await {
            Ok(document) => return Ok(document),
            Err(fault) => faults.push(fault),
        }
    }
    Err(if faults.is_empty() { format!("`[{table}] listen` is empty") } else { faults.join("; ") })
}

async fn ask_address<T: DeserializeOwned>(address: &Address) -> Result<(Value, T), String> {
    let (place, answer) = match address {
        Address::Tcp(address) => (address.to_string(), get_tcp(*address, "/status").await),
        Address::Unix(path) => (format!("unix:{}", path.display()), get_unix(path, "/status").await),
        Address::Inherited(which) => {
            return Err(format!(
                "the address of `{which}` is set only in its socket unit: add a `unix:` socket"
            ));
        }
    };
    let body = match answer {
        Ok((StatusCode::OK, body)) => body,
        Ok((status, _)) => return Err(format!("`{place}` answered {status}")),
        Err(fault) => return Err(with_causes(&fault)),
    };
    let document: Value = serde_json::from_slice(&body).map_err(|why| {
        format!("the response of `{place}` is not JSON, so it is from another program: {why}")
    })?;
    let status = T::deserialize(&document).map_err(|why| {
        format!("the response of `{place}` is not a status, so it is from another program: {why}")
    })?;
    Ok((document, status))
}
