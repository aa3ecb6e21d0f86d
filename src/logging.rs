//! Logging that never waits: lines go through a bounded queue, and lines lost are counted and said.

use std::io::{self, BufWriter, IsTerminal};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::{EnvFilter, reload};

/// Lines that may wait for a slow reader; later ones are dropped and counted.
const LINES_WAITING_MAX: usize = 16_384;

/// How lines look.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Format {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// The least important events that are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Level {
    /// Only what is broken.
    Error,
    /// And what may break soon.
    Warn,
    /// And every delivery and refusal.
    #[default]
    Info,
    /// And what strangers do.
    Debug,
    /// And everything else.
    Trace,
}

/// How and how much to log.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    /// How lines look.
    pub format: Format,
    /// How much; `RUST_LOG` overrides it.
    pub level: Level,
}

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
    lost: ErrorCounter,
    filter: Filter,
    _worker: WorkerGuard,
}

impl Logging {
    /// Sets up logging to standard error for the whole process.
    ///
    /// # Errors
    /// When `RUST_LOG` cannot be read as a filter, or logging was set up before.
    pub fn start(settings: Settings) -> Result<Self, LoggingError> {
        let (writer, worker) = NonBlockingBuilder::default()
            .buffered_lines_limit(LINES_WAITING_MAX)
            .lossy(true)
            .thread_name("log")
            // What came in one burst goes out in one write.
            .finish(BufWriter::new(io::stderr()));
        let lost = writer.error_counter();
        let filter = subscribe(settings, writer)?;
        Ok(Self { lost, filter, _worker: worker })
    }

    /// Logs this much from now on, unless `RUST_LOG` says how much.
    pub fn set_level(&self, level: Level) {
        if std::env::var_os(EnvFilter::DEFAULT_ENV).is_none() {
            // It fails only where the subscriber is gone, and then nothing is logged anyway.
            let _ = (self.filter.0)(EnvFilter::new(directives(level)));
        }
    }

    /// Lines lost since the start.
    pub fn lines_lost(&self) -> u64 {
        u64::try_from(self.lost.dropped_lines()).unwrap_or(u64::MAX)
    }
}

/// Puts another filter in the place of the one in force.
struct Filter(Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>);

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Filter")
    }
}

fn subscribe(settings: Settings, writer: NonBlocking) -> Result<Filter, LoggingError> {
    use tracing_subscriber::util::SubscriberInitExt as _;

    let filter = match std::env::var_os(EnvFilter::DEFAULT_ENV) {
        Some(_) => EnvFilter::try_from_default_env()?,
        None => EnvFilter::new(directives(settings.level)),
    };
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_span_events(FmtSpan::NONE);
    let text = match settings.format {
        Format::Auto => io::stderr().is_terminal(),
        Format::Json => false,
        Format::Text => true,
    };
    if text {
        let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        let lines = lines.with_target(false).with_ansi(colour).with_filter_reloading();
        let handle = lines.reload_handle();
        lines.finish().try_init()?;
        Ok(Filter(Box::new(move |filter| handle.reload(filter))))
    } else {
        let lines = lines.json().flatten_event(true).with_target(false).with_filter_reloading();
        let handle = lines.reload_handle();
        lines.finish().try_init()?;
        Ok(Filter(Box::new(move |filter| handle.reload(filter))))
    }
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
