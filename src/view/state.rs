//! What all requests share.

use std::sync::Arc;

use tokio::sync::{Semaphore, broadcast};
use tokio_util::task::TaskTracker;

use super::assets::Assets;
use super::language::Language;
use super::overview::Overviews;
use super::pages::Page;
use super::sessions::Sessions;
use super::settings::Settings;
use crate::clock::Clock;
use crate::spool::{Disk, EntryLocation, Layout};

/// The number of lists that are read at the same time. A search keeps a thread and the disk busy.
const SEARCHES_MAX: usize = 4;
/// New entries that an open page has not received yet. It misses further ones, and shows them when it is loaded again.
const ARRIVALS_WAITING_MAX: usize = 256;

/// The parts of the page's server.
#[derive(Debug)]
pub(super) struct ViewState {
    pub(super) settings: Arc<Settings>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) disk: Disk,
    pub(super) layout: Layout,
    pub(super) clock: Clock,
    pub(super) assets: Assets,
    pub(super) overviews: Overviews,
    pub(super) searches: Arc<Semaphore>,
    /// Connections and live updates.
    pub(super) tasks: TaskTracker,
    /// Entries that have just arrived.
    pub(super) arrivals: broadcast::Sender<EntryLocation>,
}

impl ViewState {
    pub(super) fn new(settings: Settings, sessions: Arc<Sessions>, disk: Disk, clock: Clock) -> Self {
        let settings = Arc::new(settings);
        let layout = Layout::new(settings.spool.directory.clone());
        Self {
            overviews: Overviews::new(Arc::clone(&settings), disk.clone(), layout.clone(), clock.clone()),
            settings,
            sessions,
            disk,
            layout,
            clock,
            assets: Assets::new(),
            searches: Arc::new(Semaphore::new(SEARCHES_MAX)),
            tasks: TaskTracker::new(),
            arrivals: broadcast::channel(ARRIVALS_WAITING_MAX).0,
        }
    }
    /// What the pages of one request have in common. `here` is its path and query, below the prefix.
    pub(super) fn page<'a>(&'a self, language: Language, here: &'a str) -> Page<'a> {
        let Self { sessions, assets, clock, settings, .. } = self;
        Page {
            language,
            prefix: sessions.prefix(),
            here,
            assets,
            times: &settings.times,
            now: clock.now(),
            read_only: settings.read_only,
        }
    }
}
