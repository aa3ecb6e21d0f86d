//! The names of senders and endpoints.

use std::str::FromStr;

use crate::config::text::findings::Findings;
use crate::config::text::reader::{Field, Reader, Text};
use crate::policy::{Name, NameError};

/// Reads the name of a sender or an endpoint, which must be present, valid and unique.
pub(crate) fn name<'a>(
    reader: &Reader<'a>,
    what: &str,
    others: impl Iterator<Item = Option<Text<'a>>>,
    findings: &mut Findings,
) -> (Option<Text<'a>>, Option<Name>) {
    let text = match reader.text("name", findings) {
        Field::Is(text) => text,
        Field::Bad => return (None, None),
        Field::Missing => {
            findings
                .missing(reader.span, format!("this {what} has no `name`"))
                .hint(format!("add one, as in `name = {}`", reader.example("name")));
            return (None, None);
        }
    };
    if let Some(first) = others.flatten().find(|other| other.text == text.text) {
        let line = findings.line(first.span);
        findings
            .error(text.span, format!("`{}` is already the name of another {what} (line {line})", text.text))
            .hint(format!("give each {what} its own name"));
        return (Some(text), None);
    }
    match Name::from_str(text.text) {
        Ok(name) => (Some(text), Some(name)),
        Err(fault) => {
            let hint = match fault {
                NameError::Form(_) => {
                    "names are used for directories and metric labels; write it as in `banco-do-brasil`"
                }
                NameError::Reserved(_) => "use another name",
            };
            findings.error(text.span, fault.to_string()).hint(hint);
            (Some(text), None)
        }
    }
}
