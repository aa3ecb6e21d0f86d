//! `[reload]`: how changes of the files are detected.

use std::time::Duration;

use super::context::section;
use super::findings::Findings;
use super::raw::Node;
use super::reader::Reader;
use super::schema;
use crate::watch::Settings;

/// The watch waits no longer than this for files to settle.
const SETTLE_MAX: Duration = Duration::from_secs(1);

pub(super) fn reload(node: Option<&Node>, findings: &mut Findings) -> Settings {
    let (table, span) = section(node, "reload", findings);
    let reader = Reader::new(table, span, &schema::RELOAD, findings);
    let watch = reader.boolean("watch", findings);
    let poll = reader.time_or("poll", "off", findings);
    let settle = reader.time("settle", findings);
    if settle > SETTLE_MAX
        && let Some(node) = reader.written("settle")
    {
        findings
            .error(&node.span, "`settle` is longer than `1s`, after which a change is applied anyway")
            .hint("the default is `200ms`");
    }
    if !watch && poll.is_none() {
        findings
            .warning(span, "changes are not detected: `watch` is false and `poll` is off")
            .hint("send SIGHUP or run `hookspool reload` after each change, or turn one of them on");
    }
    Settings { watch, poll, settle }
}
