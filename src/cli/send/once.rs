//! One delivery, with the details of the session and the response.

use std::fmt::Write as _;

use bytes::Bytes;
use http::HeaderMap;

use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{escaped_lines, print};
use crate::cli::peer::{DeliveryClient, failed};
use crate::client::ClientResponse;
use crate::clock::{Clock, distance};
use crate::escape::Escaped;
use crate::tls::client::ClientSession;

pub(super) async fn once(
    url: &str,
    peer: &DeliveryClient,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Exit, Failure> {
    let mut connection = peer.connect().await.map_err(|fault| failed(url, fault))?;
    print(&server(&connection.session))?;
    let answer = connection.post(headers, body).await.map_err(|fault| failed(url, fault))?;
    print(&shown(&answer))?;
    Ok(if answer.status.is_success() { Exit::Success } else { Exit::Negative })
}

fn server(session: &ClientSession) -> String {
    let mut out = String::new();
    if let Some(server) = &session.server {
        let now = Clock::System.now();
        let _ = writeln!(out, "server    {}", Escaped(server.subject.as_str()));
        let _ = writeln!(out, "issuer    {}", Escaped(server.issuer.as_str()));
        let _ = writeln!(out, "not after {} ({})", server.not_after, distance(now, server.not_after));
        let _ = writeln!(out, "sha256    {}", server.sha256);
    }
    let http = if session.http2 { "HTTP/2" } else { "HTTP/1.1" };
    let _ = writeln!(out, "tls       {}, {}, {http}", session.tls_version, session.cipher_suite);
    out
}

fn shown(answer: &ClientResponse) -> String {
    let color = if answer.status.is_success() { "32" } else { "31" };
    let millis = answer.elapsed.as_secs_f64() * 1000.0;
    let mut out = format!("\x1b[1;{color}m{}\x1b[0m in {millis:.1} ms\n", answer.status);
    if let Some(place) = answer.headers.get(http::header::LOCATION) {
        let _ = writeln!(out, "location  {}", crate::escape::escaped_bytes(place.as_bytes()));
    }
    if !answer.body.is_empty() {
        let _ = writeln!(out, "{}", escaped_lines(&String::from_utf8_lossy(&answer.body)).trim_end());
    }
    out
}
