//! `[log]`: how lines look, and how many there are.

use super::judge::{Judge, section};
use super::keys;
use super::raw::Node;
use super::reader::{Field, Reader};
use crate::logging::{Format, Level, Settings};

const FORMATS: &[(&str, Format)] = &[("auto", Format::Auto), ("text", Format::Text), ("json", Format::Json)];
const LEVELS: &[(&str, Level)] = &[
    ("error", Level::Error),
    ("warn", Level::Warn),
    ("info", Level::Info),
    ("debug", Level::Debug),
    ("trace", Level::Trace),
];

pub(super) fn log(node: Option<&Node>, judge: &mut Judge) -> Settings {
    let (table, span) = section(node, "log", judge);
    let findings = &mut judge.findings;
    let reader = Reader::new(table, span, &keys::LOG, findings);
    let format = match reader.text("format", findings) {
        Field::Is(found) if found.text == "journald" => {
            findings
                .error(found.span, "`journald` is not in this version")
                .hint("write `json` or `text`: the journal takes both from standard error");
            Format::default()
        }
        Field::Is(_) | Field::Missing => reader.word("format", FORMATS, Format::default(), findings),
        Field::Bad => Format::default(),
    };
    Settings { format, level: reader.word("level", LEVELS, Level::default(), findings) }
}
