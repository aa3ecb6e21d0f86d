//! `[[endpoint]]`: a path, the senders that may deliver to it, and the response.

use super::names::name;
use super::networks::networks;
use super::response::response;
use super::secret::query_secret;
use super::senders::SenderDraft;
use crate::config::context::ValidationContext;
use crate::config::text::{Location, Reader, Reported, Text, choices, nearest};
use crate::policy::Endpoint;
use crate::quantity::ByteSize;

/// The length limit of a path, in bytes: many proxies reject longer request targets.
const PATH_BYTES_MAX: usize = 1024;

/// An endpoint as configured, with or without errors.
pub(crate) struct EndpointDraft<'a> {
    pub(crate) name: Option<Text<'a>>,
    pub(crate) path: Option<Text<'a>>,
    pub(crate) suffixes: Vec<Text<'a>>,
    /// The indexes of the known senders of the list, each with its position in the text.
    pub(crate) senders: Vec<(usize, Location<'a>)>,
    /// Whether the list of senders is valid and all of its senders are known.
    pub(crate) senders_are_known: bool,
    /// The endpoint, if its name and path are valid. Unknown senders are missing.
    pub(crate) endpoint: Option<Endpoint>,
}

pub(crate) fn endpoints<'a>(
    tables: &[Reader<'a>],
    known: &[SenderDraft<'_>],
    context: &mut ValidationContext,
) -> Vec<EndpointDraft<'a>> {
    let mut drafts: Vec<EndpointDraft<'a>> = Vec::new();
    for table in tables {
        let (text, name) = name(table, "endpoint", drafts.iter().filter_map(|draft| draft.name));
        let shown =
            text.map_or_else(|| "this endpoint".to_owned(), |text| format!("endpoint `{}`", text.text));
        let path = path(table, &shown).ok();
        let suffixes = suffixes(table);
        let (senders, senders_are_known) = senders(table, &shown, known);
        let max_body = table.size("max_body");
        let max_spool = max_spool(table, max_body);
        let response = response(table);
        let secret = query_secret(table, &shown, context).ok().flatten();
        let from = networks(table.some_texts("from").ok().flatten().unwrap_or_default());
        let endpoint = name.ok().zip(path).map(|(name, path)| Endpoint {
            name,
            path: path.text.to_owned(),
            suffixes: suffixes.iter().map(|suffix| suffix.text.to_owned()).collect(),
            senders: senders.iter().filter_map(|(index, _)| known[*index].name()).collect(),
            max_body: max_body.0,
            max_spool,
            response,
            secret,
            from,
        });
        drafts.push(EndpointDraft { name: text, path, suffixes, senders, senders_are_known, endpoint });
    }
    drafts
}

/// The limit on the endpoint's entries. Warns if one delivery can exceed it.
fn max_spool(table: &Reader<'_>, max_body: ByteSize) -> Option<ByteSize> {
    let (max_spool, at) = table.optional_size("max_spool")?;
    if max_spool < max_body {
        at.warning(
            format!("`max_spool` is `{max_spool}`, less than the `{max_body}` of `max_body`: one delivery can exceed it"),
            "write a larger `max_spool`, such as `10 GiB`, or a smaller `max_body`",
        );
    }
    Some(max_spool)
}

fn path<'a>(table: &Reader<'a>, shown: &str) -> Result<Text<'a>, Reported> {
    let hint = "add one, as in `path = \"/webhooks/pix\"`";
    let path = table.required("path", format!("{shown} has no `path`"), hint)?;
    check_path(path, "path").map(|()| path)
}

fn suffixes<'a>(table: &Reader<'a>) -> Vec<Text<'a>> {
    let is_valid =
        |suffix: &Text<'a>| check_path(*suffix, "suffix").and_then(|()| check_end(*suffix)).is_ok();
    table.texts("suffixes").into_iter().filter(is_valid).collect()
}

/// Reports a suffix that ends with a slash.
fn check_end(Text { text, at }: Text<'_>) -> Result<(), Reported> {
    // A slash alone does not change the path, which is reported as a conflict of paths.
    if text == "/" || !text.ends_with('/') {
        return Ok(());
    }
    let hint = "write it without the slash, as in `/pix`, or remove it";
    Err(at.error(format!("the suffix `{text}` ends with a slash"), hint))
}

fn check_path(Text { text: path, at }: Text<'_>, what: &str) -> Result<(), Reported> {
    const MAX: usize = PATH_BYTES_MAX;
    let (fault, hint) = if let Some((end, c)) = path.char_indices().find(|(_, c)| matches!(c, '?' | '#')) {
        // The text after it is not shown, because it may be a secret.
        let before = path.get(..end).unwrap_or_default();
        (
            format!("`{before}` is followed by `{c}`, which ends the path of a URL"),
            "remove it; any query is accepted",
        )
    } else if !path.starts_with('/') {
        return Err(
            at.error(format!("the {what} `{path}` does not start with `/`"), format!("write `/{path}`"))
        );
    } else if path.len() > MAX {
        (format!("is {} bytes long, more than {MAX}", path.len()), "use a shorter one")
    } else if path.chars().any(|c| !c.is_ascii_graphic()) {
        (
            format!("`{path}` contains a space, a control character or a character that is not ASCII"),
            "write it percent-encoded, exactly as the sender sends it; paths are compared byte for byte",
        )
    } else if path.contains("//") {
        let hint = "write one slash; a double slash before a suffix is accepted anyway";
        (format!("`{path}` contains `//`"), hint)
    } else {
        return Ok(());
    };
    Err(at.error(format!("the {what} {fault}"), hint))
}

/// The known senders of the list, as in [`EndpointDraft::senders`], and whether all of its senders are known.
fn senders<'a>(
    table: &Reader<'a>,
    shown: &str,
    known: &[SenderDraft<'_>],
) -> (Vec<(usize, Location<'a>)>, bool) {
    let Ok(texts) = table.some_texts("senders") else { return (Vec::new(), false) };
    let Some(texts) = texts else {
        table.at.missing(
            format!("{shown} has no `senders`, so no sender can deliver to it"),
            "add `senders = [\"…\"]` with the names of the senders that may deliver",
        );
        return (Vec::new(), false);
    };
    let names: Vec<_> = known.iter().filter_map(|draft| draft.name.map(|name| name.text)).collect();
    // A sender without a name, or the lack of senders, has been reported already.
    let names_are_known = !known.is_empty() && names.len() == known.len();
    let mut found = Vec::new();
    for Text { text, at } in &texts {
        let of_that_name = |draft: &SenderDraft<'_>| draft.name.is_some_and(|name| name.text == *text);
        if let Some(index) = known.iter().position(of_that_name) {
            found.push((index, *at));
        } else if names_are_known {
            let names = || names.iter().copied();
            let hint = match nearest(text, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write {}, or add a `[[sender]]` of that name", choices(names())),
            };
            at.missing(format!("there is no sender `{text}`"), hint);
        }
    }
    let all = found.len() == texts.len();
    (found, all)
}
