//! What an admin listener serves. The daemon and `forward` each have one.

use serde::Serialize;
use tokio::sync::mpsc;

use super::context::AdminContext;
use super::health::{NotReady, not_ready};
use super::status::Status;
use crate::live::ReloadRequest;

/// The state of a process that its admin listener reads. The only change that it can request is a reload.
pub trait AdminService: Clone + Send + Sync + 'static {
    /// Why the process is not ready; empty if it is.
    fn not_ready(&self) -> Vec<NotReady>;

    /// The metrics in Prometheus's text format.
    fn metrics(&self) -> String;

    /// The document of `/status`.
    fn status(&self) -> impl Serialize;

    /// Whether a reload can accept older revocation lists.
    const ACCEPTS_OLDER_LISTS: bool;

    /// Accepts requests for a reload.
    fn reload(&self) -> &mpsc::Sender<ReloadRequest>;
}

impl AdminService for AdminContext {
    const ACCEPTS_OLDER_LISTS: bool = true;

    fn not_ready(&self) -> Vec<NotReady> {
        not_ready(&self.shared.live, self.shared.spool.health())
    }

    fn metrics(&self) -> String {
        self.shared.metrics.text()
    }

    fn status(&self) -> impl Serialize {
        Status::of(self)
    }

    fn reload(&self) -> &mpsc::Sender<ReloadRequest> {
        &self.reload
    }
}
