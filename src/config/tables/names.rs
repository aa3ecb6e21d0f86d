//! The names of senders and endpoints.

use std::str::FromStr;

use crate::config::text::{Reader, Reported, Text};
use crate::policy::{Name, NameError};

/// Reads the name of a sender or an endpoint, which must be present.
pub(crate) fn name<'a>(reader: &Reader<'a>, what: &str) -> Result<Text<'a>, Reported> {
    reader.text("name")?.ok_or_else(|| {
        let hint = format!("add one, as in `name = {}`", reader.example("name"));
        reader.at.missing(format!("this {what} has no `name`"), hint)
    })
}

/// Checks a name, which must be valid and different from those of the others.
pub(crate) fn unique_name<'a>(
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
