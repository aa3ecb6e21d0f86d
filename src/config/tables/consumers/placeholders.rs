//! Placeholders in the path of a URL and in a subject.

use super::TargetOf;
use crate::config::text::{Reported, Text};
use crate::forward::{Template, TemplateFault};

/// Parses a text of the key `key`, whose placeholders must exist for every endpoint of the consumer.
pub(super) fn template(
    text: &str,
    key: &str,
    whole: Text<'_>,
    of: TargetOf<'_>,
) -> Result<Template, Reported> {
    let template = Template::parse(text).map_err(|fault| {
        let hint = match fault {
            TemplateFault::Open => "close it with `}`, or write `%7B` for a brace that is not a placeholder",
            TemplateFault::Unknown(_) => "write one of these, or `%7B` for a brace that is not a placeholder",
        };
        whole.at.error(format!("{}: `{key}`: {fault}", of.shown), hint)
    })?;
    for param in template.params() {
        let segment = format!("{{{param}}}");
        let lacks = |path: Text<'_>| !path.text.split('/').any(|part| part == segment);
        let Some(endpoint) = of.endpoints.iter().find(|draft| draft.path.is_some_and(lacks)) else {
            continue;
        };
        let name = endpoint.name.map_or("", |name| name.text);
        return Err(whole.at.error(
            format!("{}: `{key}` contains `{{params.{param}}}`, but the path of endpoint `{name}` has no placeholder `{segment}`", of.shown),
            "use only placeholders that the paths of all endpoints of this consumer have",
        ));
    }
    Ok(template)
}
