//! The settings that a reload cannot change, because sockets stay bound and the spool stays open.

use crate::config::Settings;
use crate::{admin, logging, sandbox, server, spool};

/// The values that these settings had at the start.
#[derive(Clone, Debug)]
pub(super) struct RestartOnly {
    server: server::Settings,
    admin: admin::Settings,
    spool: spool::Settings,
    format: logging::Format,
    sandbox: sandbox::Settings,
}

impl RestartOnly {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            server: settings.server.clone(),
            admin: settings.admin.clone(),
            spool: settings.spool.clone(),
            format: settings.log.format,
            sandbox: settings.sandbox.clone(),
        }
    }

    /// The settings that were changed and take effect after a restart.
    pub(super) fn differences(&self, settings: &Settings) -> Vec<String> {
        let changed = [
            ("[server] listen", self.server != settings.server),
            ("[admin] listen", self.admin != settings.admin),
            ("[spool] directory", self.spool.directory != settings.spool.directory),
            ("[spool] group", self.spool.group != settings.spool.group),
            ("[log] format", self.format != settings.log.format),
            ("[sandbox]", self.sandbox != settings.sandbox),
        ];
        let waiting = changed.iter().filter(|(_, changed)| *changed);
        waiting.map(|(key, _)| format!("`{key}` has changed, which requires a restart")).collect()
    }
}
