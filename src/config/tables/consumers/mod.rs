//! `[[consumer]]`: where `hookspool forward` sends the entries of which endpoints, and when it retries.

mod url;
mod placeholders;
mod target_tls;
mod secrets;
mod headers;
mod http;
mod exec;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "nats")]
mod nats;

#[cfg(feature = "postgres")]
pub use postgres::table_name;

use std::num::NonZeroUsize;

use super::endpoints::EndpointDraft;
use super::names::name;
use crate::config::context::ValidationContext;
use crate::config::schema;
use crate::config::text::{Reader, Reported, Text, choices, nearest};
use crate::forward::{Consumer, Order, RetrySettings, TargetSettings};
use crate::policy::Name;

/// The kinds of target, as the keys of the table.
const KINDS: [&str; 4] = ["http", "exec", "postgres", "nats"];

/// A consumer as configured, with or without errors.
#[derive(Clone, Debug)]
pub struct ConsumerDraft {
    /// The name as it is written; empty if it is missing.
    pub name: String,
    /// The kind of target, if there is exactly one.
    pub kind: Option<&'static str>,
    /// The existing endpoints that it names.
    pub endpoints: Vec<Name>,
    /// The consumer, if it has no errors.
    pub(crate) consumer: Option<Consumer>,
}

/// The consumer whose target is read.
#[derive(Clone, Copy)]
pub(crate) struct TargetOf<'c> {
    /// As in "consumer `ledger`".
    pub(crate) shown: &'c str,
    /// The endpoints of the consumer.
    pub(crate) endpoints: &'c [&'c EndpointDraft<'c>],
}

pub(crate) fn consumers(
    top: &Reader<'_>,
    known: &[EndpointDraft<'_>],
    context: &mut ValidationContext,
) -> Vec<ConsumerDraft> {
    let mut drafts = Vec::new();
    if !top.has("consumer") {
        return drafts;
    }
    let (mut names, mut taken) = (Vec::new(), Vec::new());
    for table in top.sections("consumer", &schema::CONSUMER).unwrap_or_default() {
        let (text, name) = name(&table, "consumer", names.iter().copied());
        names.extend(text);
        let shown =
            text.map_or_else(|| "this consumer".to_owned(), |text| format!("consumer `{}`", text.text));
        let (endpoints, endpoints_are_valid) = endpoints(&table, &shown, known, &mut taken);
        let of = TargetOf { shown: &shown, endpoints: &endpoints };
        let kind = kind(&table, &shown);
        let target = kind.and_then(|kind| target(&table, kind, of, context));
        let concurrency = NonZeroUsize::new(table.number("concurrency"));
        let order = table.word("order", &[("none", Order::None), ("arrival", Order::Arrival)]);
        let (timeout, retry) = (table.time("timeout"), retry(&table));
        let endpoints: Vec<Name> =
            endpoints.iter().filter_map(|draft| draft.name?.text.parse().ok()).collect();
        let consumer = match (name, target, concurrency, retry) {
            (Ok(name), Ok(target), Some(concurrency), Ok(retry)) if endpoints_are_valid => {
                let endpoints = endpoints.iter().cloned().collect();
                Some(Consumer { name, endpoints, concurrency, order, timeout, retry, target })
            }
            (_, _, _, _) => None,
        };
        let name = text.map_or(String::new(), |text| text.text.to_owned());
        drafts.push(ConsumerDraft { name, kind: kind.ok(), endpoints, consumer });
    }
    drafts
}

/// The endpoints that exist, and whether all of them can be used. `taken` are those of the consumers before.
fn endpoints<'a, 'd>(
    table: &Reader<'a>,
    shown: &str,
    known: &'d [EndpointDraft<'d>],
    taken: &mut Vec<(&'a str, String)>,
) -> (Vec<&'d EndpointDraft<'d>>, bool) {
    let Ok(texts) = table.some_texts("endpoints") else { return (Vec::new(), false) };
    let Some(texts) = texts else {
        let hint = "add `endpoints = [\"…\"]` with the names of the endpoints whose entries it receives";
        table.at.missing(format!("{shown} has no `endpoints`"), hint);
        return (Vec::new(), false);
    };
    let names: Vec<_> = known.iter().filter_map(|draft| draft.name.map(|name| name.text)).collect();
    // `forward` does not report that an endpoint has no name, or that there is none: those tables are the daemon's.
    let names_are_known = !known.is_empty() && names.len() == known.len();
    let (mut found, mut all_are_valid) = (Vec::new(), true);
    for Text { text, at } in texts {
        if let Some((_, other)) = taken.iter().find(|(endpoint, _)| *endpoint == text) {
            all_are_valid = false;
            at.error(
                format!("endpoint `{text}` already belongs to {other}"),
                "an endpoint has at most one consumer: remove it from one, or distribute the entries in one application",
            );
            continue;
        }
        taken.push((text, shown.to_owned()));
        if let Some(draft) = known.iter().find(|draft| draft.name.is_some_and(|name| name.text == text)) {
            found.push(draft);
            continue;
        }
        all_are_valid = false;
        if names_are_known {
            let hint = match nearest(text, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    format!("write {}, or add an `[[endpoint]]` of that name", choices(names.iter().copied()))
                }
            };
            at.missing(format!("there is no endpoint `{text}`"), hint);
        } else {
            let missing =
                if known.is_empty() { "there is no `[[endpoint]]`" } else { "an `[[endpoint]]` has no name" };
            at.error(
                format!("endpoint `{text}` is not known: {missing}"),
                "correct the `[[endpoint]]` tables",
            );
        }
    }
    (found, all_are_valid)
}

/// The only kind of target in the table.
fn kind(table: &Reader<'_>, shown: &str) -> Result<&'static str, Reported> {
    let mut kinds = KINDS.into_iter().filter(|kind| table.has(kind));
    let Some(kind) = kinds.next() else {
        let hint =
            format!("add {}, for example `http = {}`", choices(KINDS.into_iter()), table.example("http"));
        return Err(table.at.missing(format!("{shown} has no target"), hint));
    };
    match kinds.next() {
        None => Ok(kind),
        Some(second) => Err(table.position(second).error(
            format!("{shown} has both `{kind}` and `{second}`"),
            "keep one of them: a consumer sends each entry to one target",
        )),
    }
}

fn target(
    table: &Reader<'_>,
    kind: &'static str,
    of: TargetOf<'_>,
    context: &mut ValidationContext,
) -> Result<TargetSettings, Reported> {
    match kind {
        "http" => http::http(table, of, context).map(TargetSettings::Http),
        "exec" => exec::exec(table, of, context).map(TargetSettings::Exec),
        #[cfg(feature = "postgres")]
        "postgres" => postgres::postgres(table, of, context).map(TargetSettings::Postgres),
        #[cfg(feature = "nats")]
        "nats" => nats::nats(table, of, context).map(TargetSettings::Nats),
        _ => Err(table.position(kind).error(
            format!("this hookspool was built without `{kind}`"),
            format!("build it with `cargo build --release --features {kind}`, or use the packaged one"),
        )),
    }
}

/// The table of a kind, which `kind` has found.
fn table_of<'a>(
    consumer: &Reader<'a>,
    kind: &str,
    schema: &'static schema::TableSchema,
) -> Result<Reader<'a>, Reported> {
    consumer.inline(kind, schema)?.ok_or(Reported)
}

fn retry(consumer: &Reader<'_>) -> Result<RetrySettings, Reported> {
    let table = table_of(consumer, "retry", &schema::RETRY)?;
    let retry =
        RetrySettings { min: table.time("min"), max: table.time("max"), give_up: table.time("give_up") };
    if retry.min > retry.max {
        return Err(table.position("min").error(
            "`min` is longer than `max`",
            "the delay begins at `min` and doubles up to `max`, as in `retry = { min = \"5s\", max = \"1h\" }`",
        ));
    }
    Ok(retry)
}
