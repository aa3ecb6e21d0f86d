//! `[log]`: the format of log lines, and the level.

use super::context::{ValidationContext, section};
use super::keys;
use super::raw::Node;
use super::reader::Reader;
use crate::logging::{Format, Level, Settings};

const FORMATS: &[(&str, Format)] =
    &[("auto", Format::Auto), ("text", Format::Text), ("journald", Format::Journald), ("json", Format::Json)];
const LEVELS: &[(&str, Level)] = &[
    ("error", Level::Error),
    ("warn", Level::Warn),
    ("info", Level::Info),
    ("debug", Level::Debug),
    ("trace", Level::Trace),
];

pub(super) fn log(node: Option<&Node>, context: &mut ValidationContext) -> Settings {
    let (table, span) = section(node, "log", context);
    let findings = &mut context.findings;
    let reader = Reader::new(table, span, &keys::LOG, findings);
    Settings {
        format: reader.word("format", FORMATS, Format::default(), findings),
        level: reader.word("level", LEVELS, Level::default(), findings),
    }
}
