//! Forwards as the `[[consumer]]` tables specify.

use std::path::Path;

use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::print_findings;
use crate::clock::Clock;
use crate::config::{LoadedForward, ReadScope, load_forward};
use crate::forwarder::{self, ForwardStartError};
use crate::logging::{Logging, log_findings};
use crate::sandbox::keep_memory_private;
use crate::signals::Signals;

/// Forwards until a signal stops the process.
pub(super) fn run(config: &Path) -> Result<Exit, Failure> {
    // First, because the default action of most signals ends the process.
    let signals = Signals::listen().map_err(ForwardStartError::from)?;
    // Before any secret is read.
    keep_memory_private().map_err(|why| Failure::Io { what: "cannot disable core dumps".to_owned(), why })?;
    let LoadedForward { settings, report, elsewhere, .. } =
        load_forward(config, Clock::System.now(), ReadScope::default())?;
    let Some(settings) = settings else {
        print_findings(&report);
        return Err(Failure::Configuration(format!("{}; nothing is forwarded", report.summary())));
    };
    if settings.consumers.is_empty() {
        let hint = "add a `[[consumer]]`, or name an endpoint with `--endpoint NAME --to URL`";
        return Err(Failure::Configuration(format!("webhooks.toml has no `[[consumer]]`: {hint}")));
    }
    // Logging starts a thread, and the sandbox does not apply to threads that exist already.
    let sandbox = forwarder::confine(&settings)?;
    let logging = Logging::start(settings.log)?;
    log_findings(&report);
    log_findings(&elsewhere);
    forwarder::run(settings, sandbox, logging, Clock::System, signals)?;
    Ok(Exit::Success)
}
