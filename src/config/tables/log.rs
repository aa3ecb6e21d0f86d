//! `[log]`: the format of log lines, and the level.

use crate::config::text::Reader;
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

pub(crate) fn log(table: &Reader<'_>) -> Settings {
    Settings { format: table.word("format", FORMATS), level: table.word("level", LEVELS) }
}
