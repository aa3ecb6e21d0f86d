//! From changed files to the next snapshot, or to none.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use super::load::{LoadOutcome, Unfit, in_words, load, report_of};
use super::notice::log_findings;
use super::report::Reporter;
use super::snapshot::{SnapshotDraft, publish};
use crate::clock::Clock;
use crate::config::{Digest, ReadScope, RestartSettings, Settings};
use crate::diagnostic::{Diagnostic, Report};
use crate::live::{Live, Reload, ReloadOutcome, ReloadReply, Snapshot};
use crate::logging::Logging;
use crate::metrics::Metrics;
use crate::sandbox::Readable;
use crate::spool::{Disk, Layout, RetentionSetting, Spool, make_queues};
use crate::watch::{self, FileWatch};

/// How long a set that cannot be served may still be one that is being written.
const HALF_WRITTEN_MAX: Duration = Duration::from_millis(800);

/// Why the files are looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Trigger {
    /// Something may have happened to them, or it is time to look.
    Files,
    /// SIGHUP.
    Hangup,
}

/// The parts of the daemon that a reload changes.
#[derive(Debug)]
pub(super) struct ReloadTargets {
    pub(super) live: Arc<Live>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
    pub(super) logging: Arc<Logging>,
    pub(super) spool: Spool,
    pub(super) retention: RetentionSetting,
    pub(super) disk: Disk,
    pub(super) layout: Layout,
    pub(super) reporter: Reporter,
}

/// Applies changes on disk, one reload after another.
#[derive(Debug)]
pub(super) struct Reloader {
    loaded: LoadedState,
    targets: ReloadTargets,
    watch: FileWatch,
    /// The rejected configuration that was reported, so that it is reported once.
    unfit: Option<Unfit>,
    /// What has changed and waits for a restart.
    waits: Vec<String>,
}

/// What is loaded, to compare a reload with.
#[derive(Debug)]
pub(super) struct LoadedState {
    config: PathBuf,
    /// What it can read.
    within: ReadScope,
    /// The settings of the start that a reload cannot change.
    restart: RestartSettings,
    /// What is watched, and how.
    watched: (Vec<PathBuf>, watch::Settings),
    /// What is in force.
    digest: Digest,
}

impl LoadedState {
    /// What these settings begin with.
    pub(super) fn of(settings: &Settings, readable: Readable) -> Self {
        Self {
            config: settings.files.first().cloned().unwrap_or_default(),
            within: ReadScope::new(readable, settings.group.clone()),
            restart: settings.restart.clone(),
            watched: (settings.files.clone(), settings.reload),
            digest: settings.digest,
        }
    }
}

impl Reloader {
    pub(super) fn new(loaded: LoadedState, targets: ReloadTargets, watch: FileWatch) -> Self {
        Self { loaded, targets, watch, unfit: None, waits: Vec::new() }
    }

    /// Handles triggers and requests for a reload.
    pub(super) async fn run(
        mut self,
        mut triggers: mpsc::Receiver<Trigger>,
        mut asking: mpsc::Receiver<ReloadReply>,
    ) {
        loop {
            tokio::select! {
                trigger = triggers.recv() => match trigger {
                    Some(Trigger::Files) => self.files_changed().await,
                    Some(Trigger::Hangup) => {
                        tracing::info!("SIGHUP received; reloading");
                        self.told().await;
                    }
                    None => return,
                },
                asked = asking.recv() => match asked {
                    Some(asked) => self.answer(asked).await,
                    None => return,
                },
            }
        }
    }

    async fn answer(&mut self, asked: oneshot::Sender<Reload>) {
        let reload = self.told().await;
        // The requester may have disconnected.
        let _ = asked.send(reload);
    }

    /// Somebody said so: there is an outcome, whatever it is, and whoever manages us hears of its
    /// end before the one who asked.
    async fn told(&mut self) -> Reload {
        let Reporter { manager, .. } = self.targets.reporter;
        manager.reloading().await;
        let reload = match self.load().await {
            LoadOutcome::Same => self.unchanged(true),
            LoadOutcome::Fit(settings, report) => self.apply(*settings, &report).await,
            LoadOutcome::Unfit(unfit, report, files) => self.reject(unfit, &report, &files),
        };
        manager.ready(&self.targets.reporter.status()).await;
        reload
    }

    /// Something may have changed. What cannot be served may be half written: it is looked at again.
    async fn files_changed(&mut self) {
        let begun = Instant::now();
        loop {
            match self.load().await {
                LoadOutcome::Same => {
                    self.unchanged(false);
                }
                LoadOutcome::Fit(settings, report) => {
                    self.apply(*settings, &report).await;
                }
                LoadOutcome::Unfit(unfit, _, _) if self.unfit.as_ref() == Some(&unfit) => {}
                LoadOutcome::Unfit(unfit, report, files) if begun.elapsed() > HALF_WRITTEN_MAX => {
                    self.reject(unfit, &report, &files);
                }
                LoadOutcome::Unfit(..) => {
                    sleep(self.loaded.watched.1.settle).await;
                    continue;
                }
            }
            return;
        }
    }

    async fn load(&self) -> LoadOutcome {
        let LoadedState { config, within, digest, .. } = &self.loaded;
        load(config.clone(), within.clone(), *digest, &self.targets.live.current(), self.targets.clock.now())
            .await
    }

    fn unchanged(&mut self, asked: bool) -> Reload {
        let was_unfit = self.unfit.take().is_some();
        let reload = self.outcome(ReloadOutcome::Unchanged, &Report::default());
        if asked || was_unfit {
            tracing::info!(generation = reload.generation, "configuration unchanged");
            self.note(&reload);
        }
        reload
    }

    fn reject(&mut self, unfit: Unfit, report: &Report, files: &[PathBuf]) -> Reload {
        let reload = self.outcome(ReloadOutcome::Rejected, report);
        self.unfit = Some(unfit);
        // What is missing may come, beside what is in force.
        let mut watched = self.loaded.watched.clone();
        watched.0.extend(files.iter().filter(|file| !self.loaded.watched.0.contains(file)).cloned());
        self.follow(watched);
        log_findings(report);
        tracing::error!(
            generation = reload.generation,
            errors = report.errors(),
            "reload rejected; the previous configuration stays in force"
        );
        self.note(&reload);
        reload
    }

    async fn apply(&mut self, settings: Settings, report: &Report) -> Reload {
        if let Err(fault) = self.make_room(&settings).await {
            let report = report_of(&fault);
            return self.reject(Unfit::Fault(fault), &report, &settings.files);
        }
        let changed = self.loaded.restart.changed(&settings.restart);
        self.waits = changed.map(|key| format!("`{key}` has changed, which takes a restart")).collect();
        let ReloadTargets { live, metrics, clock, logging, spool, retention, .. } = &self.targets;
        logging.set_level(settings.log.level);
        spool.health().set_min_free(settings.spool.min_free.0);
        retention.set(settings.spool.retention);
        for endpoint in settings.policy.endpoints() {
            metrics.add_endpoint(endpoint.name.as_str());
        }
        for gone in live.current().policy.endpoints() {
            // Set again within a second, if the endpoint is still there.
            metrics.endpoint_faulty(gone.name.as_str(), false);
        }
        spool.health().set_endpoints(settings.policy.endpoints().iter().map(|e| e.name.clone()).collect());
        self.loaded.digest = settings.digest;
        self.unfit = None;
        let watched = (settings.files.clone(), settings.reload);
        let before = live.current();
        let next = SnapshotDraft::from(settings).into_snapshot(before.generation + 1, clock);
        publish(&next, Some(&before), metrics);
        live.publish(next);
        log_findings(report);
        say(&live.current(), &self.waits);
        self.follow(watched);
        let reload = self.outcome(ReloadOutcome::Applied, report);
        self.note(&reload);
        reload
    }

    fn follow(&mut self, watched: (Vec<PathBuf>, watch::Settings)) {
        if watched != self.loaded.watched {
            self.watch.follow(watched.0.clone(), watched.1);
            self.loaded.watched = watched;
        }
    }

    /// Queues for endpoints that are new.
    async fn make_room(&self, settings: &Settings) -> Result<(), String> {
        let names: Vec<_> =
            settings.policy.endpoints().iter().map(|endpoint| endpoint.name.clone()).collect();
        let (disk, layout) = (self.targets.disk.clone(), self.targets.layout.clone());
        match tokio::task::spawn_blocking(move || make_queues(&disk, &layout, &names)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(fault)) => Err(in_words(&fault)),
            Err(error) => Err(in_words(&error)),
        }
    }

    fn outcome(&self, outcome: ReloadOutcome, report: &Report) -> Reload {
        Reload {
            outcome,
            at: self.targets.clock.now().to_string(),
            generation: self.targets.live.current().generation,
            findings: report.findings().iter().map(Diagnostic::to_finding).collect(),
            waits_for_restart: self.waits.clone(),
        }
    }

    fn note(&self, reload: &Reload) {
        self.targets.metrics.reload(reload.outcome.word(), self.targets.clock.now().as_second());
        self.targets.live.record_reload(reload.clone());
    }
}

fn say(next: &Snapshot, waits: &[String]) {
    let soonest = next.certificates.iter().min_by_key(|fact| fact.not_after);
    for why in &next.degraded {
        tracing::error!(why, "degraded");
    }
    for what in waits {
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
