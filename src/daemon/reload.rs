//! Reloads the configuration: validates changed files and replaces the snapshot in force.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::load::{LoadOutcome, RejectedInput, load, report_of};
use super::notice::unkept_lists;
use super::report::Reporter;
use super::resources::Capacity;
use super::snapshot::{SnapshotDraft, update_certificate_metrics};
use crate::config::{Digest, ReadScope, RestartSettings, Settings};
use crate::diagnostic::{Diagnostic, Finding, Report, Severity, with_causes};
use crate::live::{Reload, ReloadRequest, Snapshot};
use crate::logging::{Logging, log_findings};
use crate::metrics::ReloadOutcome;
use crate::policy::Name;
use crate::sandbox::Readable;
use crate::shared::Shared;
use crate::spool::{AcceptedList, Disk, Layout, RetentionSetting, keep_lists, make_queues};
use crate::systemd::credentials::is_credential;
use crate::watch::{self, FileWatch};

/// A changed configuration with errors is rejected only after this time, because its files may be incomplete.
const HALF_WRITTEN_MAX: Duration = Duration::from_millis(800);

/// Why the files are read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Trigger {
    /// The files may have changed.
    Files,
    /// SIGHUP was received.
    Hangup,
}

/// The parts of the daemon that a reload changes.
#[derive(Debug)]
pub(super) struct ReloadTargets {
    pub(super) shared: Arc<Shared>,
    pub(super) logging: Arc<Logging>,
    pub(super) retention: RetentionSetting,
    pub(super) disk: Disk,
    pub(super) layout: Layout,
    pub(super) reporter: Reporter,
    pub(super) capacity: Capacity,
}

/// Applies changes of the files, one reload after another.
#[derive(Debug)]
pub(super) struct Reloader {
    loaded: LoadedState,
    targets: ReloadTargets,
    watch: FileWatch,
    /// The rejected configuration that has been reported, so that it is reported once.
    rejected: Option<RejectedInput>,
    /// The changes that take effect after a restart.
    waiting_for_restart: Vec<String>,
}

/// The state that a reload is compared with.
#[derive(Debug)]
pub(super) struct LoadedState {
    config: PathBuf,
    /// The files that a reload can read.
    read_scope: ReadScope,
    /// The settings of the start that a reload cannot change.
    restart: RestartSettings,
    /// The watched files, and the settings of the watcher.
    watched: (Vec<PathBuf>, watch::Settings),
    /// The digest of the files in force.
    digest: Digest,
    /// Whether the revocation lists in force are in the spool.
    are_lists_stored: bool,
}

impl LoadedState {
    /// The state after a start with these settings.
    pub(super) fn of(settings: &Settings, readable: Readable, are_lists_stored: bool) -> Self {
        Self {
            config: settings.files.first().cloned().unwrap_or_default(),
            read_scope: ReadScope::new(readable, settings.groups.clone()),
            restart: settings.restart.clone(),
            watched: (settings.files.clone(), settings.reload),
            digest: settings.digest,
            are_lists_stored,
        }
    }
}

impl Reloader {
    pub(super) fn new(loaded: LoadedState, targets: ReloadTargets, watch: FileWatch) -> Self {
        Self { loaded, targets, watch, rejected: None, waiting_for_restart: Vec::new() }
    }

    /// Handles triggers and requests for a reload.
    pub(super) async fn run(
        mut self,
        mut triggers: mpsc::Receiver<Trigger>,
        mut requests: mpsc::Receiver<ReloadRequest>,
    ) {
        loop {
            tokio::select! {
                trigger = triggers.recv() => match trigger {
                    Some(Trigger::Files) => self.files_changed().await,
                    Some(Trigger::Hangup) => {
                        tracing::info!("SIGHUP received; reloading");
                        self.requested(None).await;
                    }
                    None => return,
                },
                request = requests.recv() => match request {
                    Some(request) => self.answer(request).await,
                    None => return,
                },
            }
        }
    }

    async fn answer(&mut self, request: ReloadRequest) {
        let ReloadRequest { accept_older_lists, reply } = request;
        let current = self.targets.shared.live.current();
        let is_sender = |name: &Name| current.policy.senders().iter().any(|sender| sender.name == *name);
        let reload = match &accept_older_lists {
            Some(name) if !is_sender(name) => {
                let report = report_of(&format!("there is no sender `{name}`"));
                self.outcome(ReloadOutcome::Rejected, &report)
            }
            _ => self.requested(accept_older_lists).await,
        };
        // The requester may have disconnected.
        let _ = reply.send(reload);
    }

    /// Handles a requested reload, which always has an outcome. The service manager is notified of its end before the
    /// requester.
    async fn requested(&mut self, accept_older_lists: Option<Name>) -> Reload {
        let Reporter { manager, .. } = self.targets.reporter;
        manager.reloading().await;
        let reload = match self.load(accept_older_lists.clone(), self.loaded.are_lists_stored).await {
            LoadOutcome::Unchanged => self.unchanged(true),
            LoadOutcome::Valid(settings, report) => {
                if let Some(sender) = accept_older_lists {
                    tracing::warn!(%sender, "revocation lists accepted regardless of their age");
                }
                self.apply(*settings, &report).await
            }
            LoadOutcome::Invalid(rejected, report, files) => self.reject(rejected, &report, &files).await,
        };
        manager.ready(&self.targets.reporter.status()).await;
        reload
    }

    /// Handles a possible change of the files. A configuration with errors may be incomplete, so it is loaded again
    /// until [`HALF_WRITTEN_MAX`] has passed.
    async fn files_changed(&mut self) {
        let started = Instant::now();
        loop {
            let is_due = started.elapsed() > HALF_WRITTEN_MAX;
            match self.load(None, true).await {
                LoadOutcome::Unchanged => {
                    self.unchanged(false);
                }
                LoadOutcome::Valid(settings, report) if is_due || !self.has_unusable_list(&settings) => {
                    self.apply(*settings, &report).await;
                }
                LoadOutcome::Invalid(rejected, _, _) if self.rejected.as_ref() == Some(&rejected) => {}
                LoadOutcome::Invalid(rejected, report, files) if is_due => {
                    self.reject(rejected, &report, &files).await;
                }
                LoadOutcome::Valid(..) | LoadOutcome::Invalid(..) => {
                    sleep(self.loaded.watched.1.settle).await;
                    continue;
                }
            }
            return;
        }
    }

    /// Loads the files. `may_skip` allows the outcome that they are unchanged.
    async fn load(&self, accept_older_lists: Option<Name>, may_skip: bool) -> LoadOutcome {
        let LoadedState { config, read_scope, digest, .. } = &self.loaded;
        let (current, now) = (self.targets.shared.live.current(), self.targets.shared.clock.now());
        let known = may_skip.then_some(*digest);
        load(config.clone(), read_scope.clone(), known, (&current, now), accept_older_lists).await
    }

    /// Whether a file of revocation lists cannot be used that could be used before; it may be incomplete.
    fn has_unusable_list(&self, settings: &Settings) -> bool {
        let known = &self.targets.shared.live.current().unusable_lists;
        settings.unusable_lists.iter().any(|list| !known.contains(list))
    }

    fn unchanged(&mut self, is_requested: bool) -> Reload {
        let was_rejected = self.rejected.take().is_some();
        let reload = self.outcome(ReloadOutcome::Unchanged, &Report::default());
        if is_requested || was_rejected {
            tracing::info!(generation = reload.generation, "configuration unchanged");
            self.record(&reload);
        }
        reload
    }

    async fn reject(&mut self, rejected: RejectedInput, report: &Report, files: &[PathBuf]) -> Reload {
        let unreadable_until_restart = self.excluded_folders(files).await;
        let reload = Reload { unreadable_until_restart, ..self.outcome(ReloadOutcome::Rejected, report) };
        self.rejected = Some(rejected);
        // Missing files may be created, in addition to those in force.
        let mut watched = self.loaded.watched.clone();
        watched.0.extend(files.iter().filter(|file| !self.loaded.watched.0.contains(file)).cloned());
        self.follow(watched);
        log_findings(report);
        tracing::error!(
            generation = reload.generation,
            errors = report.errors(),
            "reload rejected; the previous configuration stays in force"
        );
        self.record(&reload);
        reload
    }

    async fn apply(&mut self, mut settings: Settings, report: &Report) -> Reload {
        if let Err(fault) = self.create_queues(&settings).await {
            let report = report_of(&fault);
            return self.reject(RejectedInput::Fault(fault), &report, &settings.files).await;
        }
        let not_stored = self.keep_lists(std::mem::take(&mut settings.accepted_lists)).await;
        self.loaded.are_lists_stored = not_stored.is_none();
        settings.degraded.extend(not_stored.clone());
        // All fields are named, so that a new one cannot be forgotten.
        #[rustfmt::skip]
        let Settings {
            // In the snapshot.
            limits, trusted_proxies, tls, senders, policy, certificates, unusable_lists, degraded,
            // Applied here.
            reload, log, spool, forwarded, files, digest, accepted_lists: _,
            // Compared, because a change requires a restart.
            restart, server: _, admin: _, groups: _, sandbox: _,
        } = settings;
        let limits = self.targets.capacity.fit(limits);
        #[rustfmt::skip]
        let draft = SnapshotDraft { tls, senders, policy, limits, trusted_proxies, certificates, unusable_lists, degraded };
        let next = match self.snapshot(draft).await {
            Ok(next) => next,
            Err(fault) => {
                let report = report_of(&fault);
                return self.reject(RejectedInput::Fault(fault), &report, &files).await;
            }
        };
        let changed = self.loaded.restart.changed(&restart);
        self.waiting_for_restart =
            changed.map(|key| format!("`{key}` has changed, which requires a restart")).collect();
        let ReloadTargets { shared, logging, retention, .. } = &self.targets;
        let Shared { live, metrics, .. } = &**shared;
        logging.set_level(log.level);
        let health = shared.spool.health();
        health.set_min_free(spool.min_free.0);
        retention.set(spool.retention, forwarded);
        for endpoint in next.policy.endpoints() {
            metrics.add_endpoint(endpoint.name.as_str());
        }
        for previous in live.current().policy.endpoints() {
            // Set again within a second if the endpoint still exists and has a fault.
            metrics.endpoint_faulty(previous.name.as_str(), false);
        }
        health.set_endpoints(next.policy.endpoints().iter().map(|endpoint| endpoint.name.clone()).collect());
        shared.spool.space().set_endpoints(next.policy.endpoints());
        self.loaded.digest = digest;
        self.rejected = None;
        let before = live.current();
        update_certificate_metrics(&next, Some(&before), metrics);
        live.replace(next);
        log_findings(report);
        log_reload(&live.current(), &self.waiting_for_restart);
        self.follow((files, reload));
        let not_stored = not_stored.iter().map(|why| Diagnostic::new(Severity::Error, None, why));
        let reload = self.outcome(ReloadOutcome::Applied, &report.with(not_stored.collect()));
        self.record(&reload);
        reload
    }

    fn follow(&mut self, watched: (Vec<PathBuf>, watch::Settings)) {
        if watched != self.loaded.watched {
            self.watch.follow(watched.0.clone(), watched.1);
            self.loaded.watched = watched;
        }
    }

    /// Creates the next snapshot. With many senders this takes a while, during which the runtime serves requests.
    async fn snapshot(&self, draft: SnapshotDraft) -> Result<Snapshot, String> {
        let Shared { live, clock, .. } = &*self.targets.shared;
        let (before, clock) = (live.current(), clock.clone());
        let next = tokio::task::spawn_blocking(move || draft.into_snapshot(Some(&before), &clock)).await;
        next.map_err(|error| with_causes(&error))
    }

    /// Creates the queues of new endpoints.
    async fn create_queues(&self, settings: &Settings) -> Result<(), String> {
        let names: Vec<_> =
            settings.policy.endpoints().iter().map(|endpoint| endpoint.name.clone()).collect();
        let (disk, layout) = (self.targets.disk.clone(), self.targets.layout.clone());
        match tokio::task::spawn_blocking(move || make_queues(&disk, &layout, &names)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(fault)) => Err(with_causes(&fault)),
            Err(error) => Err(with_causes(&error)),
        }
    }

    /// Keeps the revocation lists in the spool. Returns a sentence if that fails.
    async fn keep_lists(&self, lists: Vec<AcceptedList>) -> Option<String> {
        let (disk, layout) = (self.targets.disk.clone(), self.targets.layout.clone());
        let kept = tokio::task::spawn_blocking(move || keep_lists(&disk, &layout, &lists)).await;
        unkept_lists(&kept.ok()?)
    }

    /// The directories of these files that only the sandbox prevents this process from reading.
    async fn excluded_folders(&self, files: &[PathBuf]) -> Vec<String> {
        let (read_scope, files) = (self.loaded.read_scope.clone(), files.to_vec());
        let found = tokio::task::spawn_blocking(move || read_scope.excluded_folders(&files)).await;
        found.unwrap_or_default()
    }

    fn outcome(&self, outcome: ReloadOutcome, report: &Report) -> Reload {
        let findings = report.findings().iter().map(Diagnostic::to_finding);
        let credentials = self.loaded.watched.0.iter().any(|file| is_credential(file));
        let note = (credentials && outcome != ReloadOutcome::Rejected).then(renewed_credentials);
        Reload {
            outcome,
            at: self.targets.shared.clock.now().to_string(),
            generation: self.targets.shared.live.current().generation,
            findings: findings.chain(note).collect(),
            waits_for_restart: self.waiting_for_restart.clone(),
            unreadable_until_restart: Vec::new(),
        }
    }

    fn record(&self, reload: &Reload) {
        let Shared { live, metrics, clock, .. } = &*self.targets.shared;
        metrics.reload(reload.outcome, clock.now().as_second());
        live.record_reload(reload.clone());
    }
}

/// A reload cannot detect that the source of a credential was renewed.
fn renewed_credentials() -> Finding {
    let message =
        "files named `credential:` are those of the last start: systemd passes a renewed one at a restart";
    let hint = "after a renewal, run `hookspool check`, then `systemctl restart hookspool`; files that the daemon's user can read, as \
                certbot-deploy-hook installs them, need no restart";
    Diagnostic::new(Severity::Note, None, message).with_hint(hint).to_finding()
}

fn log_reload(next: &Snapshot, waiting_for_restart: &[String]) {
    let soonest = next.certificates.iter().min_by_key(|fact| fact.not_after);
    for why in &next.degraded {
        tracing::error!(why, "degraded");
    }
    for what in waiting_for_restart {
        tracing::warn!(what, "change takes effect after a restart");
    }
    tracing::info!(
        generation = next.generation,
        endpoints = next.policy.endpoints().len(),
        senders = next.policy.senders().len(),
        first_expiry = soonest.map(|fact| tracing::field::display(fact.not_after)),
        first_to_expire = soonest.map(|fact| tracing::field::display(fact.file.display())),
        "reloaded"
    );
}
