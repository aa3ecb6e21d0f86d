//! The names of senders and endpoints.

use std::str::FromStr;

use crate::config::text::{Reader, Reported, Text};
use crate::policy::{Name, NameError};

/// Reads the name of a sender or an endpoint: the text, if it has one, and the name, if it is valid and unique.
pub(crate) fn name<'a>(
    table: &Reader<'a>,
    what: &str,
    others: impl Iterator<Item = Text<'a>>,
) -> (Option<Text<'a>>, Result<Name, Reported>) {
    let hint = format!("add one, as in `name = {}`", table.example("name"));
    match table.required("name", format!("this {what} has no `name`"), hint) {
        Ok(text) => (Some(text), unique(text, what, others)),
        Err(reported) => (None, Err(reported)),
    }
}

fn unique<'a>(
    text: Text<'a>,
    what: &str,
    mut others: impl Iterator<Item = Text<'a>>,
) -> Result<Name, Reported> {
    if let Some(first) = others.find(|other| other.text == text.text) {
        let line = first.at.line();
        return Err(text.at.error(
            format!("`{}` is already the name of another {what} (line {line})", text.text),
            format!("give each {what} its own name"),
        ));
    }
    Name::from_str(text.text).map_err(|fault| {
        let hint = match fault {
            NameError::Form(_) => {
                "names are used for directories and metric labels; write it as in `banco-do-brasil`"
            }
            NameError::Reserved(_) => "use another name",
        };
        text.at.error(fault.to_string(), hint)
    })
}
