//! The text of webhooks.toml: the parser, the findings, and the values of one table.

mod raw;
mod defaults;
mod findings;
mod reader;

pub(crate) use defaults::default;
pub(crate) use findings::{Findings, Location, Reported};
pub(crate) use raw::{Span, Table, Value, parse};
pub(crate) use reader::{Reader, Text, choices, nearest};
