//! `[log]`: the format of log lines, and the level.

use crate::config::context::section;
use crate::config::schema;
use crate::config::text::findings::Findings;
use crate::config::text::raw::Node;
use crate::config::text::reader::Reader;
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

pub(crate) fn log(node: Option<&Node>, findings: &mut Findings) -> Settings {
    let (table, span) = section(node, "log", findings);
    let reader = Reader::new(table, span, &schema::LOG, findings);
    Settings {
        format: reader.word("format", FORMATS, findings),
        level: reader.word("level", LEVELS, findings),
    }
}
