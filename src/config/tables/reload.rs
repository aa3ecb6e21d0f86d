//! `[reload]`: how changes to the files are detected.

use std::time::Duration;

use crate::config::text::Reader;
use crate::watch::Settings;

/// The maximum time between a change and its application.
const SETTLE_MAX: Duration = Duration::from_secs(1);

pub(crate) fn reload(table: &Reader<'_>) -> Settings {
    let watch = table.boolean("watch");
    let poll = table.time_or("poll", "off");
    let settle = table.time("settle");
    if settle > SETTLE_MAX {
        table.position("settle").error(
            "`settle` is longer than `1s`, after which a change is applied anyway",
            "the default is `200ms`",
        );
    }
    if !watch && poll.is_none() {
        table.at.warning(
            "changes are not detected: `watch` is false and `poll` is off",
            "send SIGHUP or run `hookspool reload` after each change, or turn one of them on",
        );
    }
    Settings { watch, poll, settle }
}
