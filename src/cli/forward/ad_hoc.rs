//! Forwards one endpoint to a URL without a `[[consumer]]` table, for development.

use std::path::Path;
use std::sync::Arc;

use crate::cli::exit::{Exit, Failure};
use crate::cli::forward_args::ForwardArgs;
use crate::cli::output::print;
use crate::cli::runtime::block_on;
use crate::clock::{Clock, Timestamp};
use crate::config::{ad_hoc_consumer, consumer_endpoints, spool_settings};
use crate::escape::Escaped;
use crate::forward::{AttemptReport, Consumer, ForwardSpool, Observer, copy, open_target};
use crate::forwarder::{Consumers, ForwardStartError, PreparedConsumer, open_spool};
use crate::logging::{Format, Level, Logging};
use crate::metrics::ForwardMetrics;
use crate::policy::Name;
use crate::signals::{Received, Signals};

/// Forwards until a signal stops the process, or with `--once` until each entry has been attempted.
pub(super) fn forward(config: &Path, endpoint: &Name, to: &str, args: &ForwardArgs) -> Result<Exit, Failure> {
    let signals = Signals::listen().map_err(ForwardStartError::from)?;
    let consumer = ad_hoc_consumer(config, endpoint, to)?.map_err(Failure::Usage)?;
    let names = consumer_endpoints(config)?;
    let owner = names.iter().find(|(_, endpoints)| endpoints.iter().any(|name| name == endpoint.as_str()));
    if let Some((owner, _)) = owner.filter(|_| !args.copy) {
        return Err(Failure::Configuration(format!(
            "the endpoint `{endpoint}` belongs to the consumer `{}`: use `--copy`, which claims no entries",
            Escaped(owner)
        )));
    }
    let spool = open_spool(spool_settings(config)?)?;
    // Warnings about the spool and the target, besides the lines on standard output.
    let _logging = Logging::start(crate::logging::Settings { format: Format::Text, level: Level::Warn })?;
    let work = async {
        if args.copy {
            copy_until_stopped(&spool, &consumer, signals).await
        } else {
            forward_until_stopped(spool, consumer, signals, args.once).await
        }
    };
    block_on(work)?
}

async fn forward_until_stopped(
    spool: ForwardSpool,
    consumer: Consumer,
    mut signals: Signals,
    is_single_pass: bool,
) -> Result<Exit, Failure> {
    let name = consumer.name.to_string();
    let target = |source| ForwardStartError::Target { consumer: name, source };
    let prepared = PreparedConsumer::new(consumer).map_err(target)?;
    let metrics = Arc::new(ForwardMetrics::default());
    let observer = Observer::new(print_line);
    let mut consumers = Consumers::new(spool, observer, Clock::System, metrics);
    let locked = consumers.lock(prepared, is_single_pass)?;
    consumers.start(locked);
    let statuses = consumers.statuses();
    tokio::select! {
        () = consumers.ended() => {
            let status = statuses.current();
            let is_any = |count: fn(&crate::forward::ConsumerStatus) -> u64| status.iter().any(|it| count(it) > 0);
            Ok(if is_any(|it| it.failed) {
                Exit::Negative
            } else if is_any(|it| it.waiting + it.retrying) {
                Exit::TryAgain
            } else {
                Exit::Success
            })
        }
        () = stopped(&mut signals) => {
            tokio::select! {
                () = consumers.stop() => {}
                _ = signals.stop() => {}
            }
            Ok(Exit::Success)
        }
    }
}

async fn copy_until_stopped(
    spool: &ForwardSpool,
    consumer: &Consumer,
    mut signals: Signals,
) -> Result<Exit, Failure> {
    let fault = |source| ForwardStartError::Target { consumer: consumer.name.to_string(), source };
    let target = open_target(consumer).map_err(fault)?;
    let observer = Observer::new(print_line);
    tokio::select! {
        copied = copy(spool, consumer, &*target, &observer) => {
            copied.map_err(|why| Failure::Io { what: "cannot watch the queue".to_owned(), why })?;
        }
        () = stopped(&mut signals) => {}
    }
    Ok(Exit::Success)
}

/// Waits for a signal that stops the process. There is nothing to reload.
async fn stopped(signals: &mut Signals) {
    while signals.next().await == Received::Reload {}
}

/// Prints an attempt. If standard output is closed, forwarding continues.
fn print_line(report: &AttemptReport<'_>) {
    let _ = print(&line(report, Clock::System.now()));
}

fn line(report: &AttemptReport<'_>, now: Timestamp) -> String {
    let event = Escaped(report.facts.event.as_deref().unwrap_or("-")).to_string();
    let (id, answer, milliseconds) = (report.id, Escaped(report.detail), report.elapsed.as_millis());
    format!("{}  {id}  {event}  {answer}  {milliseconds} ms\n", now.strftime("%H:%M:%SZ"))
}
