//! The context in which a table is validated, and the facts that it contributes.

use jiff::Timestamp;

use super::files::Files;
use super::text::findings::Findings;
use super::text::raw::{Node, Span, Table};
use crate::tls::expiry::CertificateFact;

/// The inputs of validation besides the text: the named files and the time.
pub(super) struct ValidationContext {
    pub(super) files: Files,
    pub(super) now: Timestamp,
}

/// The facts that a table contributes to the report, besides its settings.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) certificates: Vec<CertificateFact>,
    /// Faults that are caused only by expired or not yet valid files, a sentence each.
    pub(super) degraded: Vec<String>,
    pub(super) no_chain: Vec<NoChain>,
}

/// A finding about a server certificate without a chain, if the certificate does not show whether its issuer is a root.
pub(super) struct NoChain {
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) hint: String,
    pub(super) issuer: String,
}

/// A missing table is validated like one without keys.
static NOWHERE: (Table, Span) = (Table { entries: Vec::new() }, 0..0);

/// A table of the top level, such as `[server]`; an empty one if it is missing or is not a table.
pub(super) fn section<'a>(
    node: Option<&'a Node>,
    name: &str,
    findings: &mut Findings,
) -> (&'a Table, &'a Span) {
    let nowhere = (&NOWHERE.0, &NOWHERE.1);
    let Some(node) = node else { return nowhere };
    let Some(table) = node.value.as_table() else {
        findings
            .error(&node.span, format!("{} where the table `{name}` is expected", node.value.kind()))
            .hint(format!("write `[{name}]` once, on a separate line, and its keys below"));
        return nowhere;
    };
    (table, &node.span)
}

/// The tables of a list, such as `[[sender]]`; empty, with a finding, if it is missing or is not a list of tables.
pub(super) fn sections<'a>(
    node: Option<&'a Node>,
    name: &str,
    findings: &mut Findings,
) -> Vec<(&'a Table, &'a Span)> {
    let hint = format!("write `[[{name}]]`, with two brackets, before the keys of each");
    let Some(node) = node else {
        findings
            .missing(&(0..0), format!("there is no `[[{name}]]`; at least one is required"))
            .hint(format!("add `[[{name}]]` and its keys below, as in the distributed webhooks.toml"));
        return Vec::new();
    };
    let items = node.value.as_list().unwrap_or_default();
    let tables: Vec<_> = items.iter().filter_map(|item| Some((item.value.as_table()?, &item.span))).collect();
    if tables.is_empty() || tables.len() < items.len() {
        findings
            .error(&node.span, format!("{} where a list of `[[{name}]]` is expected", node.value.kind()))
            .hint(hint);
        return Vec::new();
    }
    tables
}
