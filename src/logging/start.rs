//! Sets up logging for the process, and changes its filter while it runs.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::fstat;
use tracing::Metadata;
use tracing::subscriber::{Interest, Subscriber};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, reload};

use super::journal::{Journal, SOCKET};
use super::journal_layer::JournalLayer;
use super::lines::TextLines;
use super::settings::{Format, Level, Settings};
use crate::clock::Clock;

/// The lines that may wait for a slow reader. Further ones are dropped and counted.
const LINES_WAITING_MAX: usize = 16_384;
/// Set by systemd to the device and inode of a standard error that is connected to the journal (systemd.exec(5)).
const JOURNAL_STREAM: &str = "JOURNAL_STREAM";

/// Logging cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// `RUST_LOG` is not a filter.
    #[error("RUST_LOG is not a filter such as `info` or `hookspool=debug`: {0}")]
    Filter(#[from] tracing_subscriber::filter::FromEnvError),
    /// A logger has already been set up.
    #[error("logging has already been set up")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// The logger. Dropping it writes the lines that wait and ends the writing thread.
#[derive(Debug)]
pub struct Logging {
    /// Lines that were dropped because the queue was full.
    lost: ErrorCounter,
    /// Entries that could not be sent to the journal.
    unsent: Arc<AtomicU64>,
    filter: Filter,
    _worker: WorkerGuard,
}

impl Logging {
    /// Sets up logging for the process, to standard error or to the journal. If the journal is not available, JSON is
    /// written to standard error instead, with a warning, because deliveries must not depend on the log.
    ///
    /// # Errors
    /// If `RUST_LOG` is not a filter, or logging has already been set up.
    pub fn start(settings: Settings) -> Result<Self, LoggingError> {
        let resolved = resolve(settings.format);
        let journal = (resolved == ResolvedFormat::Journal).then(|| Journal::at(Path::new(SOCKET)));
        let (resolved, journal, fault) = match journal {
            Some(Ok(journal)) => (resolved, Some(journal), None),
            Some(Err(fault)) => (ResolvedFormat::Json, None, Some(fault)),
            None => (resolved, None, None),
        };
        let unsent = journal.as_ref().map(Journal::lost).unwrap_or_default();
        let (queue, worker) = match journal {
            Some(journal) => queue(journal),
            // The buffer writes a burst of lines with one system call.
            None => queue(BufWriter::new(io::stderr())),
        };
        let lost = queue.error_counter();
        let filter = subscribe(resolved, settings.level, queue)?;
        if let Some(error) = fault {
            tracing::warn!(%error, socket = SOCKET, "systemd journal unavailable; logging to standard error");
        }
        Ok(Self { lost, unsent, filter, _worker: worker })
    }

    /// Sets the level, unless `RUST_LOG` is set.
    pub fn set_level(&self, level: Level) {
        if !is_filtered_by_environment() {
            // This fails only if the subscriber has been dropped, and then nothing is logged.
            let _ = (self.filter.0)(EnvFilter::new(directives(level)));
        }
    }

    /// The lines lost since the start.
    pub fn lines_lost(&self) -> u64 {
        let dropped = u64::try_from(self.lost.dropped_lines()).unwrap_or(u64::MAX);
        dropped.saturating_add(self.unsent.load(Ordering::Relaxed))
    }
}

fn queue<W: Write + Send + 'static>(writer: W) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .buffered_lines_limit(LINES_WAITING_MAX)
        .lossy(true)
        .thread_name("log")
        .finish(writer)
}

/// The format after `auto` has been resolved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ResolvedFormat {
    Journal,
    Json,
    Text,
}

fn resolve(format: Format) -> ResolvedFormat {
    match format {
        Format::Journald => ResolvedFormat::Journal,
        Format::Json => ResolvedFormat::Json,
        Format::Text => ResolvedFormat::Text,
        Format::Auto if io::stderr().is_terminal() => ResolvedFormat::Text,
        Format::Auto if is_journal_stream(std::env::var(JOURNAL_STREAM).ok().as_deref()) => {
            ResolvedFormat::Journal
        }
        Format::Auto => ResolvedFormat::Json,
    }
}

/// Whether standard error is still the stream that systemd connected to the journal, and was not redirected.
fn is_journal_stream(stream: Option<&str>) -> bool {
    let named = stream.and_then(|stream| {
        let (device, inode) = stream.split_once(':')?;
        Some((device.parse::<u64>().ok()?, inode.parse::<u64>().ok()?))
    });
    let found = fstat(io::stderr()).map(|found| (found.st_dev, found.st_ino));
    named.is_some_and(|named| found == Ok(named))
}

/// Replaces the filter in force.
struct Filter(Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>);

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Filter")
    }
}

/// Whether `RUST_LOG` is set and not empty.
fn is_filtered_by_environment() -> bool {
    std::env::var_os(EnvFilter::DEFAULT_ENV).is_some_and(|filter| !filter.is_empty())
}

fn subscribe(resolved: ResolvedFormat, level: Level, queue: NonBlocking) -> Result<Filter, LoggingError> {
    let filter = if is_filtered_by_environment() {
        EnvFilter::try_from_default_env()?
    } else {
        EnvFilter::new(directives(level))
    };
    if resolved == ResolvedFormat::Journal {
        let (filter, handle) = reload::Layer::new(filter);
        tracing_subscriber::registry()
            .with(filter)
            .with(WithoutRequests)
            .with(JournalLayer(queue))
            .try_init()?;
        return Ok(Filter(Box::new(move |filter| handle.reload(filter))));
    }
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(queue).with_span_events(FmtSpan::NONE);
    if resolved == ResolvedFormat::Text {
        let color = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        let lines =
            lines.with_ansi(color).event_format(TextLines::new(Clock::System)).with_filter_reloading();
        let handle = lines.reload_handle();
        lines.finish().with(WithoutRequests).try_init()?;
        Ok(Filter(Box::new(move |filter| handle.reload(filter))))
    } else {
        let lines = lines.json().flatten_event(true).with_target(false).with_filter_reloading();
        let handle = lines.reload_handle();
        lines.finish().with(WithoutRequests).try_init()?;
        Ok(Filter(Box::new(move |filter| handle.reload(filter))))
    }
}

/// Drops all events of the HTTP/2 library below the warning level, regardless of the filter: they contain the URL of a
/// malformed request, and a query is never logged.
struct WithoutRequests;

impl<S: Subscriber> Layer<S> for WithoutRequests {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if shows_requests(metadata) { Interest::never() } else { Interest::always() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        !shows_requests(metadata)
    }
}

fn shows_requests(metadata: &Metadata<'_>) -> bool {
    let module = metadata.target().split("::").next();
    module == Some("h2") && *metadata.level() > tracing::Level::WARN
}

/// Our own events at this level, and those of libraries only for problems. notify warns about every removed directory,
/// and at the trace level would log every change of its own log file. async_nats logs only what reasons of attempts contain.
fn directives(level: Level) -> &'static str {
    match level {
        Level::Error => "error,async_nats=off",
        Level::Warn => "warn,notify=error,async_nats=off",
        Level::Info => "warn,notify=error,async_nats=off,hookspool=info",
        Level::Debug => "info,notify=error,async_nats=off,hookspool=debug",
        Level::Trace => "trace,notify=info",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_stream_in_journal_stream_is_the_journal() {
        let own = fstat(io::stderr()).expect("a standard error");
        let named = format!("{}:{}", own.st_dev, own.st_ino);
        assert!(is_journal_stream(Some(&named)));
        let other = format!("{}:{}", own.st_dev, own.st_ino + 1);
        for stream in [None, Some(""), Some("8:"), Some("x:y"), Some(other.as_str())] {
            assert!(!is_journal_stream(stream), "{stream:?}");
        }
    }
}
