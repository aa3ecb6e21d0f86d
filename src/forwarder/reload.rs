//! Reloads the consumers: those whose settings are unchanged are not interrupted.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::admin::ForwardState;
use super::consumers::{Consumers, PreparedConsumer};
use super::error::ForwardStartError;
use crate::clock::Clock;
use crate::config::{
    Digest, ForwardSettings, LoadedForward, ReadScope, RestartSettings, load_forward, until_stable,
};
use crate::diagnostic::{Diagnostic, Report, Severity, with_causes};
use crate::forward::{Consumer, TargetSettings};
use crate::live::Reload;
use crate::logging::{Logging, log_findings};
use crate::metrics::ReloadOutcome;
use crate::sandbox::{Enforcement, Sandbox};
use crate::watch::{self, FileWatch};

/// A changed configuration with errors is rejected only after this time, because its files may be incomplete.
const HALF_WRITTEN_MAX: Duration = Duration::from_millis(800);

/// Applies changes of the files.
#[derive(Debug)]
pub(super) struct ForwardReloader {
    config: PathBuf,
    read_scope: ReadScope,
    /// Whether the process, and every command that it started, is restricted by Landlock.
    is_sandboxed: bool,
    restart: RestartSettings,
    digest: Digest,
    watched: (Vec<PathBuf>, watch::Settings),
    watch: FileWatch,
    /// The rejected files that have been reported, so that they are reported once.
    rejected: Option<RejectedForward>,
    waits_for_restart: Vec<String>,
    /// The errors in the tables of other processes.
    degraded: Vec<String>,
    state: Arc<ForwardState>,
    logging: Logging,
    clock: Clock,
}

/// What identifies a configuration that was rejected: its files, or the error that prevented reading them.
type RejectedForward = Result<Digest, String>;

/// The result of reading the files.
enum ReadOutcome {
    Unchanged,
    Valid(Box<ForwardSettings>, Report, Vec<PreparedConsumer>),
    Invalid(RejectedForward, Report, Vec<PathBuf>),
}

impl ForwardReloader {
    pub(super) fn new(
        settings: ForwardSettings,
        sandbox: &Sandbox,
        state: Arc<ForwardState>,
        logging: Logging,
        watch: FileWatch,
        clock: Clock,
    ) -> Self {
        Self {
            is_sandboxed: matches!(sandbox.force, Enforcement::Full | Enforcement::Partial),
            config: settings.files.first().cloned().unwrap_or_default(),
            read_scope: ReadScope::new(sandbox.readable.clone(), settings.groups),
            restart: settings.restart,
            digest: settings.digest,
            watched: (settings.files, settings.reload),
            watch,
            rejected: None,
            waits_for_restart: Vec::new(),
            degraded: settings.degraded,
            state,
            logging,
            clock,
        }
    }

    /// Reads the files, and applies them if they have changed and are valid. If no reload was requested, a configuration
    /// with errors may be incomplete, so it is read again until [`HALF_WRITTEN_MAX`] has passed.
    pub(super) async fn reload(&mut self, consumers: &mut Consumers, is_requested: bool) -> Reload {
        let started = Instant::now();
        loop {
            match self.read(consumers).await {
                ReadOutcome::Unchanged => return self.unchanged(is_requested),
                ReadOutcome::Valid(settings, report, prepared) => {
                    return self.apply(*settings, &report, prepared, consumers).await;
                }
                ReadOutcome::Invalid(rejected, report, files) => {
                    let is_known = !is_requested && self.rejected.as_ref() == Some(&rejected);
                    if is_known || is_requested || started.elapsed() > HALF_WRITTEN_MAX {
                        return self.reject(rejected, &report, &files, is_known);
                    }
                }
            }
            sleep(self.watched.1.settle).await;
        }
    }

    async fn read(&self, consumers: &Consumers) -> ReadOutcome {
        let (config, scope, now) = (self.config.clone(), self.read_scope.clone(), self.clock.now());
        let load = move || load_forward(&config, now, scope.clone());
        let loaded = tokio::task::spawn_blocking(|| until_stable(load, |loaded| loaded.digest)).await;
        let LoadedForward { settings, report, files, digest, .. } = match loaded {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(fault)) => return invalid(&fault),
            Err(fault) => return invalid(&fault),
        };
        let Some(settings) = settings else { return ReadOutcome::Invalid(Ok(digest), report, files) };
        let is_changed = |consumer: &&Consumer| !consumers.is_running(consumer);
        let changed: Vec<_> = settings.consumers.iter().filter(is_changed).cloned().collect();
        if digest == self.digest && changed.is_empty() {
            return ReadOutcome::Unchanged;
        }
        let is_command = |consumer: &Consumer| matches!(consumer.target, TargetSettings::Exec(_));
        if self.is_sandboxed && changed.iter().any(is_command) {
            let message = "a consumer of kind `exec` was added, and this process is sandboxed, so it cannot run commands";
            let error = Diagnostic::new(Severity::Error, None, message);
            let error = error
                .with_hint("restart `hookspool forward`: with such a consumer, it starts without Landlock");
            return ReadOutcome::Invalid(Ok(digest), report.with(vec![error]), files);
        }
        match changed.into_iter().map(PreparedConsumer::new).collect() {
            Ok(prepared) => ReadOutcome::Valid(Box::new(settings), report, prepared),
            Err(fault) => {
                let error = Diagnostic::new(Severity::Error, None, fault.to_string());
                ReadOutcome::Invalid(Ok(digest), report.with(vec![error]), files)
            }
        }
    }

    fn unchanged(&mut self, is_requested: bool) -> Reload {
        let was_rejected = self.rejected.take().is_some();
        let reload = self.outcome(ReloadOutcome::Unchanged, &Report::default());
        if is_requested || was_rejected {
            tracing::info!(generation = reload.generation, "configuration unchanged");
            self.state.record_reload(reload.clone());
        }
        reload
    }

    fn reject(
        &mut self,
        rejected: RejectedForward,
        report: &Report,
        files: &[PathBuf],
        is_known: bool,
    ) -> Reload {
        let unreadable_until_restart = self.read_scope.excluded_folders(files);
        let reload = Reload { unreadable_until_restart, ..self.outcome(ReloadOutcome::Rejected, report) };
        if is_known {
            return reload;
        }
        self.rejected = Some(rejected);
        let mut watched = self.watched.clone();
        watched.0.extend(files.iter().filter(|file| !self.watched.0.contains(file)).cloned());
        self.follow(watched);
        log_findings(report);
        tracing::error!(
            generation = reload.generation,
            errors = report.errors(),
            "reload rejected; the previous configuration stays in force"
        );
        self.state.record_reload(reload.clone());
        reload
    }

    async fn apply(
        &mut self,
        settings: ForwardSettings,
        report: &Report,
        prepared: Vec<PreparedConsumer>,
        consumers: &mut Consumers,
    ) -> Reload {
        let changed = self.restart.changed(&settings.restart);
        self.waits_for_restart =
            changed.map(|key| format!("`{key}` has changed, which requires a restart")).collect();
        self.logging.set_level(settings.log.level);
        let is_configured = |name: &_| settings.consumers.iter().any(|consumer| consumer.name == *name);
        let faults = consumers.apply(is_configured, prepared).await;
        for fault in &faults {
            tracing::error!(error = %fault, "consumer not started");
        }
        self.degraded = settings.degraded;
        self.digest = settings.digest;
        self.rejected = None;
        self.follow((settings.files, settings.reload));
        let generation = self.state.generation() + 1;
        self.state.loaded(generation, self.degraded_by(&faults));
        log_findings(report);
        for what in &self.waits_for_restart {
            tracing::warn!(what, "change takes effect after a restart");
        }
        tracing::info!(generation, consumers = settings.consumers.len(), "reloaded");
        let reload = self.outcome(ReloadOutcome::Applied, report);
        self.state.record_reload(reload.clone());
        reload
    }

    /// Starts the consumers that could not be started.
    pub(super) fn start_again(&self, consumers: &mut Consumers) {
        let faults = consumers.start_again();
        self.state.loaded(self.state.generation(), self.degraded_by(&faults));
    }

    fn degraded_by(&self, faults: &[ForwardStartError]) -> Vec<String> {
        self.degraded.iter().cloned().chain(faults.iter().map(ToString::to_string)).collect()
    }

    fn follow(&mut self, watched: (Vec<PathBuf>, watch::Settings)) {
        if watched != self.watched {
            self.watch.follow(watched.0.clone(), watched.1);
            self.watched = watched;
        }
    }

    fn outcome(&self, outcome: ReloadOutcome, report: &Report) -> Reload {
        Reload {
            outcome,
            at: self.clock.now().to_string(),
            generation: self.state.generation(),
            findings: report.findings().iter().map(Diagnostic::to_finding).collect(),
            waits_for_restart: self.waits_for_restart.clone(),
            unreadable_until_restart: Vec::new(),
        }
    }
}

fn invalid(fault: &dyn std::error::Error) -> ReadOutcome {
    let message = with_causes(fault);
    let error = Diagnostic::new(Severity::Error, None, &*message);
    ReadOutcome::Invalid(Err(message), Report::new(vec![error]), Vec::new())
}
