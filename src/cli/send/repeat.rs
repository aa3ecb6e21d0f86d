//! Many deliveries, one after another, over one connection for as long as it lasts.

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
    // A first connection that fails is the answer; a later one is a line of the summary.
    let first = peer.connect().await.map_err(|fault| failed(&args.url, fault))?;
    let mut line = Line { peer, connection: Some(first) };
    let mut ticks = args.rate.map(pace);
    let mut summary = Summary::default();
    // Draws on standard error, and only where that is a terminal.
    let bar = ProgressBar::new(args.repeat);
    let begun = Instant::now();
    let all = async {
        for _ in 0..args.repeat {
            if let Some(ticks) = &mut ticks {
                ticks.tick().await;
            }
            match line.post(headers, body.clone()).await {
                Ok(answer) => summary.answered(answer.status, answer.elapsed),
                Err(fault) => summary.failed(words(&fault)),
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
    let good = summary.all_good() && !interrupted;
    print(&summary.text(begun.elapsed()))?;
    Ok(if good { Exit::Fine } else { Exit::No })
}

/// A connection that is opened again when it is gone.
struct Line<'a> {
    peer: &'a DeliveryClient,
    connection: Option<ClientConnection>,
}

impl Line<'_> {
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

fn pace(rate: f64) -> Interval {
    let mut ticks = interval(Duration::from_secs_f64(1.0 / rate));
    // A slow answer is not made up for with a burst.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn words(fault: &ClientFault) -> String {
    match std::error::Error::source(fault) {
        Some(why) => format!("{fault}: {why}"),
        None => fault.to_string(),
    }
}
