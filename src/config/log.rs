//! `[log]`: the format of log lines, and the level.

use super::context::section;
use super::findings::Findings;
use super::raw::Node;
use super::reader::Reader;
use super::schema;
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

pub(super) fn log(node: Option<&Node>, findings: &mut Findings) -> Settings {
    let (table, span) = section(node, "log", findings);
    let reader = Reader::new(table, span, &schema::LOG, findings);
    Settings {
        format: reader.word("format", FORMATS, findings),
        level: reader.word("level", LEVELS, findings),
    }
}
