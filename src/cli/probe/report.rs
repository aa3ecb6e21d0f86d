//! The results of a probe as a table and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::assessment::Assessment;
use super::cases::ProbeCase;
use crate::escape::Escaped;

/// The result of one connection.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) tls: &'static str,
    pub(super) case: ProbeCase,
    pub(super) assessment: Assessment,
}

/// The document that `--json` prints. The names of the keys must not change.
#[derive(Debug, Serialize)]
pub(super) struct ProbeReport {
    /// Without the query, which may contain a secret.
    url: String,
    /// Whether all results are the expected ones, with at least one version of TLS.
    pub(super) ok: bool,
    visits: Vec<Visit>,
}

#[derive(Debug, Serialize)]
struct Visit {
    tls: &'static str,
    /// `none`, `stranger` or `given`.
    #[serde(rename = "visitor")]
    case: &'static str,
    #[serde(skip)]
    description: &'static str,
    /// `refused` or `2xx`.
    expected: &'static str,
    /// Null if the server does not support the version.
    ok: Option<bool>,
    /// Whether the server supports the version.
    spoken: bool,
    seen: String,
}

impl ProbeReport {
    pub(super) fn new(url: &str, rows: Vec<Row>) -> Self {
        let visits: Vec<_> = rows.into_iter().map(Visit::new).collect();
        let spoken = visits.iter().any(|visit| visit.spoken);
        let ok = spoken && visits.iter().all(|visit| visit.ok != Some(false));
        Self { url: Escaped(url).to_string(), ok, visits }
    }

    pub(super) fn page(&self) -> String {
        let mut out = String::new();
        for visit in &self.visits {
            let mark = match visit.ok {
                Some(true) => "\x1b[32mok    \x1b[0m",
                Some(false) => "\x1b[1;31mFAILED\x1b[0m",
                None => "-     ",
            };
            let _ = writeln!(
                out,
                "{mark}  TLS {}  {:<27}  {:<7}  {}",
                visit.tls, visit.description, visit.expected, visit.seen
            );
        }
        let failed = self.visits.iter().filter(|visit| visit.ok == Some(false)).count();
        let conclusion = match (self.ok, failed) {
            (true, _) => "all as expected".to_owned(),
            (false, 0) => "the server supports neither TLS 1.2 nor TLS 1.3".to_owned(),
            (false, count) => format!("{count} of {} results are not as expected", self.visits.len()),
        };
        let _ = writeln!(out, "{}: {conclusion}", self.url);
        out
    }
}

impl Visit {
    fn new(Row { tls, case, assessment }: Row) -> Self {
        let (ok, seen) = match assessment {
            Assessment::Passed(seen) => (Some(true), seen),
            Assessment::Failed(seen) => (Some(false), seen),
            Assessment::NotSupported => (None, "not supported by the server".to_owned()),
        };
        Self {
            tls,
            case: case.word(),
            description: case.description(),
            expected: case.expected(),
            ok,
            spoken: ok.is_some(),
            seen: Escaped(&seen).to_string(),
        }
    }
}
