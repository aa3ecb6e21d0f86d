//! `[reload]`: how changes to the files are detected.

use std::time::Duration;

use crate::config::context::section;
use crate::config::schema;
use crate::config::text::findings::Findings;
use crate::config::text::raw::Node;
use crate::config::text::reader::Reader;
use crate::watch::Settings;

/// The maximum time between a change and its application.
const SETTLE_MAX: Duration = Duration::from_secs(1);

pub(crate) fn reload(node: Option<&Node>, findings: &mut Findings) -> Settings {
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
