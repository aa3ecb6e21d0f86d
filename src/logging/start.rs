//! Logging set up for the whole process, and its filter changed while it runs.

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
use super::settings::{Format, Level, Settings};
use super::text::TextFields;

/// Lines that may wait for a slow reader; later ones are dropped and counted.
const LINES_WAITING_MAX: usize = 16_384;
/// What systemd says of a standard error that leads to the journal (systemd.exec(5)).
const JOURNAL_STREAM: &str = "JOURNAL_STREAM";

/// Logging cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// `RUST_LOG` is not a filter.
    #[error("RUST_LOG is not a filter such as `info` or `hookspool=debug`: {0}")]
    Filter(#[from] tracing_subscriber::filter::FromEnvError),
    /// Something else logs already.
    #[error("logging is set up already")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Keeps the writing thread alive; when dropped, what waits is written.
#[derive(Debug)]
pub struct Logging {
    /// Lines that found the queue full.
    lost: ErrorCounter,
    /// Entries that the journal did not take.
    unsent: Arc<AtomicU64>,
    filter: Filter,
    _worker: WorkerGuard,
}

impl Logging {
    /// Sets up logging for the whole process: to standard error, or to the journal. Where the journal
    /// does not listen, JSON goes to standard error instead, which is logged: a daemon that takes
    /// payments does not stand still for its log.
    ///
    /// # Errors
    /// When `RUST_LOG` cannot be read as a filter, or logging was set up before.
    pub fn start(settings: Settings) -> Result<Self, LoggingError> {
        let shape = shape(settings.format);
        let journal = (shape == Shape::Journal).then(|| Journal::at(Path::new(SOCKET)));
        let (shape, journal, fault) = match journal {
            Some(Ok(journal)) => (shape, Some(journal), None),
            Some(Err(fault)) => (Shape::Json, None, Some(fault)),
            None => (shape, None, None),
        };
        let unsent = journal.as_ref().map(Journal::lost).unwrap_or_default();
        let (queue, worker) = match journal {
            Some(journal) => queue(journal),
            // What came in one burst goes out in one write.
            None => queue(BufWriter::new(io::stderr())),
        };
        let lost = queue.error_counter();
        let filter = subscribe(shape, settings.level, queue)?;
        if let Some(error) = fault {
            tracing::warn!(%error, socket = SOCKET, "systemd journal unavailable; logging to standard error");
        }
        Ok(Self { lost, unsent, filter, _worker: worker })
    }

    /// Logs this much from now on, unless `RUST_LOG` says how much.
    pub fn set_level(&self, level: Level) {
        if !is_filtered_by_environment() {
            // It fails only where the subscriber is gone, and then nothing is logged anyway.
            let _ = (self.filter.0)(EnvFilter::new(directives(level)));
        }
    }

    /// Lines lost since the start.
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

/// What is written, once `auto` has been decided.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Shape {
    Journal,
    Json,
    Text,
}

fn shape(format: Format) -> Shape {
    match format {
        Format::Journald => Shape::Journal,
        Format::Json => Shape::Json,
        Format::Text => Shape::Text,
        Format::Auto if io::stderr().is_terminal() => Shape::Text,
        Format::Auto if leads_to_the_journal(std::env::var(JOURNAL_STREAM).ok().as_deref()) => Shape::Journal,
        Format::Auto => Shape::Json,
    }
}

/// Whether standard error is what systemd connected to the journal, and not something else that a
/// shell or a supervisor put in its place.
fn leads_to_the_journal(stream: Option<&str>) -> bool {
    let named = stream.and_then(|stream| {
        let (device, inode) = stream.split_once(':')?;
        Some((device.parse::<u64>().ok()?, inode.parse::<u64>().ok()?))
    });
    let found = fstat(io::stderr()).map(|found| (found.st_dev, found.st_ino));
    named.is_some_and(|named| found == Ok(named))
}

/// Puts another filter in the place of the one in force.
struct Filter(Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>);

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Filter")
    }
}

/// Whether `RUST_LOG` says what is logged. If it is empty, it counts as unset.
fn is_filtered_by_environment() -> bool {
    std::env::var_os(EnvFilter::DEFAULT_ENV).is_some_and(|filter| !filter.is_empty())
}

fn subscribe(shape: Shape, level: Level, queue: NonBlocking) -> Result<Filter, LoggingError> {
    let filter = if is_filtered_by_environment() {
        EnvFilter::try_from_default_env()?
    } else {
        EnvFilter::new(directives(level))
    };
    if shape == Shape::Journal {
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
    if shape == Shape::Text {
        let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        let lines = lines.with_target(false).fmt_fields(TextFields).with_ansi(colour).with_filter_reloading();
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

/// Drops what the HTTP/2 library logs below the level of a warning, whatever the filter says: it shows the
/// URL of a malformed request, and a query is never logged.
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

/// Ours at the level asked for; the libraries below us only when something is wrong. notify warns of
/// every folder that goes, and would trace its own log file, for ever.
fn directives(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warn,notify=error",
        Level::Info => "warn,notify=error,hookspool=info",
        Level::Debug => "info,notify=error,hookspool=debug",
        Level::Trace => "trace,notify=info",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_stream_that_systemd_named_leads_to_the_journal() {
        let own = fstat(io::stderr()).expect("a standard error");
        let named = format!("{}:{}", own.st_dev, own.st_ino);
        assert!(leads_to_the_journal(Some(&named)));
        let other = format!("{}:{}", own.st_dev, own.st_ino + 1);
        for stream in [None, Some(""), Some("8:"), Some("x:y"), Some(other.as_str())] {
            assert!(!leads_to_the_journal(stream), "{stream:?}");
        }
    }
}
