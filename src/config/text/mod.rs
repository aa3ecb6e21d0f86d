//! The text of webhooks.toml: the parser, the findings, and the values of one table.

pub(super) mod raw;
pub(super) mod defaults;
pub(super) mod findings;
pub(super) mod reader;
