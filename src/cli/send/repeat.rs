//! Many deliveries in sequence, over one connection as long as it stays open.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use indicatif::ProgressBar;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::summary::Summary;
use crate::cli::args::SendArgs;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::print;
use crate::cli::peer::{DeliveryClient, failed};
use crate::cli::runtime::ending_signal;
use crate::client::{ClientConnection, ClientFault, ClientResponse};

pub(super) async fn repeat(
    args: &SendArgs,
    peer: &DeliveryClient,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Exit, Failure> {
    // A failure of the first connection ends the command; a later one is counted in the summary.
    let first = peer.connect().await.map_err(|fault| failed(&args.url, fault))?;
    let mut client = ReconnectingClient { peer, connection: Some(first) };
    let mut ticks = args.rate.map(ticks_of);
    let mut summary = Summary::default();
    // Draws on standard error if that is a terminal.
    let bar = ProgressBar::new(args.repeat);
    let begun = Instant::now();
    let all = async {
        for _ in 0..args.repeat {
            if let Some(ticks) = &mut ticks {
                ticks.tick().await;
            }
            match client.post(headers, body.clone()).await {
                Ok(answer) => summary.answered(answer.status, answer.elapsed),
                Err(fault) => summary.failed(with_cause(&fault)),
            }
            bar.inc(1);
        }
    };
    let interrupted = tokio::select! {
        () = all => false,
        received = ending_signal() => {
            received.map_err(|why| Failure::Io { what: "cannot handle signals".to_owned(), why })?;
            true
        }
    };
    bar.finish_and_clear();
    let is_success = summary.is_success() && !interrupted;
    print(&summary.text(begun.elapsed()))?;
    Ok(if is_success { Exit::Success } else { Exit::Negative })
}

/// A client that opens a new connection after the server has closed the last one.
struct ReconnectingClient<'a> {
    peer: &'a DeliveryClient,
    connection: Option<ClientConnection>,
}

impl ReconnectingClient<'_> {
    async fn post(&mut self, headers: &HeaderMap, body: Bytes) -> Result<ClientResponse, ClientFault> {
        let open = self.connection.take().filter(|connection| !connection.is_closed());
        let mut connection = match open {
            Some(connection) => connection,
            None => self.peer.connect().await?,
        };
        let answer = connection.post(headers, body).await?;
        self.connection = Some(connection);
        Ok(answer)
    }
}

fn ticks_of(rate: f64) -> Interval {
    let mut ticks = interval(Duration::from_secs_f64(1.0 / rate));
    // After a slow response, the missed deliveries are not sent in a burst.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn with_cause(fault: &ClientFault) -> String {
    match std::error::Error::source(fault) {
        Some(why) => format!("{fault}: {why}"),
        None => fault.to_string(),
    }
}
