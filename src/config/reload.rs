//! `[reload]`: how changes of the files are detected.

use super::context::{ValidationContext, section};
use super::defaults as default;
use super::keys;
use super::raw::Node;
use super::reader::{Field, Reader};
use crate::watch::Settings;

pub(super) fn reload(node: Option<&Node>, context: &mut ValidationContext) -> Settings {
    let (table, span) = section(node, "reload", context);
    let findings = &mut context.findings;
    let reader = Reader::new(table, span, &keys::RELOAD, findings);
    let watch = reader.boolean("watch", findings).or(true);
    let poll = match reader.text("poll", findings) {
        Field::Is(found) if found.text == "off" => None,
        Field::Is(_) | Field::Missing => Some(reader.time("poll", default::POLL, findings)),
        Field::Bad => Some(default::POLL),
    };
    let settle = reader.time("settle", default::SETTLE, findings);
    if settle > default::SETTLE_MAX
        && let Some(node) = reader.node("settle")
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
