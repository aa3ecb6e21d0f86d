//! `[[endpoint]]`: a path, the senders that may deliver to it, and the response.

use super::names::name;
use super::networks::networks;
use super::response::response;
use super::secret::query_secret;
use super::senders::SenderDraft;
use crate::config::context::ValidationContext;
use crate::config::schema;
use crate::config::text::findings::Findings;
use crate::config::text::raw::{Span, Table};
use crate::config::text::reader::{Field, Reader, Text, choices, nearest};
use crate::policy::Endpoint;

/// The length limit of a path, in bytes: many proxies reject longer request targets.
const PATH_BYTES_MAX: usize = 1024;

/// An endpoint as configured, with or without errors.
pub(crate) struct EndpointDraft<'a> {
    pub(crate) name: Option<Text<'a>>,
    pub(crate) path: Option<Text<'a>>,
    pub(crate) suffixes: Vec<Text<'a>>,
    /// The indexes of the known senders of the list, each with its position in the text.
    pub(crate) senders: Vec<(usize, &'a Span)>,
    /// Whether the list of senders is valid and all of its senders are known.
    pub(crate) senders_are_known: bool,
    /// The endpoint, if its name and path are valid. Unknown senders are missing.
    pub(crate) endpoint: Option<Endpoint>,
}

pub(crate) fn endpoints<'a>(
    tables: &[(&'a Table, &'a Span)],
    known: &[SenderDraft<'_>],
    context: &mut ValidationContext,
    findings: &mut Findings,
) -> Vec<EndpointDraft<'a>> {
    let mut drafts: Vec<EndpointDraft<'a>> = Vec::new();
    for (table, span) in tables {
        let reader = Reader::new(table, span, &schema::ENDPOINT, findings);
        let (text, name) = name(&reader, "endpoint", drafts.iter().map(|draft| draft.name), findings);
        let shown =
            text.map_or_else(|| "this endpoint".to_owned(), |text| format!("endpoint `{}`", text.text));
        let path = path(&reader, &shown, findings);
        let suffixes = suffixes(&reader, findings);
        let (senders, senders_are_known) = senders(&reader, &shown, known, findings);
        let max_body = reader.size("max_body", findings).0;
        let response = response(&reader, findings);
        let secret = query_secret(&reader, &shown, context, findings);
        let from = networks(&reader, findings);
        let endpoint = name.zip(path).map(|(name, path)| Endpoint {
            name,
            path: path.text.to_owned(),
            suffixes: suffixes.iter().map(|suffix| suffix.text.to_owned()).collect(),
            senders: senders.iter().filter_map(|(index, _)| known[*index].name()).collect(),
            max_body,
            response,
            secret,
            from,
        });
        drafts.push(EndpointDraft { name: text, path, suffixes, senders, senders_are_known, endpoint });
    }
    drafts
}

fn path<'a>(reader: &Reader<'a>, shown: &str, findings: &mut Findings) -> Option<Text<'a>> {
    match reader.text("path", findings) {
        Field::Is(path) => is_path(path, "path", findings).then_some(path),
        Field::Bad => None,
        Field::Missing => {
            findings
                .missing(reader.span, format!("{shown} has no `path`"))
                .hint("add one, as in `path = \"/webhooks/pix\"`");
            None
        }
    }
}

fn suffixes<'a>(reader: &Reader<'a>, findings: &mut Findings) -> Vec<Text<'a>> {
    let (texts, _) = reader.texts("suffixes", findings).or((Vec::new(), reader.span));
    texts
        .into_iter()
        .filter(|text| is_path(*text, "suffix", findings) && has_no_final_slash(*text, findings))
        .collect()
}

/// Reports a suffix that ends with a slash.
fn has_no_final_slash(text: Text<'_>, findings: &mut Findings) -> bool {
    // A slash alone does not change the path, which is reported as a conflict of paths.
    let bare = text.text == "/" || !text.text.ends_with('/');
    if !bare {
        findings
            .error(text.span, format!("the suffix `{}` ends with a slash", text.text))
            .hint("write it without the slash, as in `/pix`, or remove it");
    }
    bare
}

fn is_path(text: Text<'_>, what: &str, findings: &mut Findings) -> bool {
    let path = text.text;
    let (message, hint) = if let Some((at, c)) = path.char_indices().find(|(_, c)| matches!(c, '?' | '#')) {
        let before = path.get(..at).unwrap_or_default();
        (
            // The text after it is not shown, because it may be a secret.
            format!("the {what} `{before}` is followed by `{c}`, which ends the path of a URL"),
            "remove it; any query is accepted".to_owned(),
        )
    } else if !path.starts_with('/') {
        (format!("the {what} `{path}` does not start with `/`"), format!("write `/{path}`"))
    } else if path.len() > PATH_BYTES_MAX {
        let max = PATH_BYTES_MAX;
        (format!("the {what} is {} bytes long, more than {max}", path.len()), "use a shorter one".to_owned())
    } else if path.chars().any(|c| !c.is_ascii_graphic()) {
        (
            format!(
                "the {what} `{path}` contains a space, a control character or a character that is not ASCII"
            ),
            "write it percent-encoded, exactly as the sender sends it; paths are compared byte for byte"
                .to_owned(),
        )
    } else if path.contains("//") {
        (
            format!("the {what} `{path}` contains `//`"),
            "write one slash; a double slash before a suffix is accepted anyway".to_owned(),
        )
    } else {
        return true;
    };
    findings.error(text.span, message).hint(hint);
    false
}

fn senders<'a>(
    reader: &Reader<'a>,
    shown: &str,
    known: &[SenderDraft<'_>],
    findings: &mut Findings,
) -> (Vec<(usize, &'a Span)>, bool) {
    let texts = match reader.some_texts("senders", findings) {
        Field::Is((texts, _)) => texts,
        Field::Bad => return (Vec::new(), false),
        Field::Missing => {
            findings
                .missing(reader.span, format!("{shown} has no `senders`, so no sender can deliver to it"))
                .hint("add `senders = [\"…\"]` with the names of the senders that may deliver");
            return (Vec::new(), false);
        }
    };
    let names = || known.iter().filter_map(|draft| draft.name.map(|name| name.text));
    let mut found = Vec::new();
    let mut all = true;
    for text in texts {
        if let Some(index) =
            known.iter().position(|draft| draft.name.is_some_and(|name| name.text == text.text))
        {
            found.push((index, text.span));
            continue;
        }
        all = false;
        // A sender without a name, or the lack of senders, has been reported already.
        if known.is_empty() || known.iter().any(|draft| draft.name.is_none()) {
            continue;
        }
        findings.missing(text.span, format!("there is no sender `{}`", text.text)).hint(
            match nearest(text.text, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write {}, or add a `[[sender]]` of that name", choices(names())),
            },
        );
    }
    (found, all)
}
