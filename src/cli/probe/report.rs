//! The visits as a table.

use std::fmt::Write as _;

use serde::Serialize;

use super::assessment::Assessment;
use super::cases::ProbeCase;
use crate::escape::Escaped;

/// One visit.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) tls: &'static str,
    pub(super) case: ProbeCase,
    pub(super) assessment: Assessment,
}

/// All of them. The names are a promise.
#[derive(Debug, Serialize)]
pub(super) struct ProbeReport {
    /// Without its query, which may hold a secret.
    url: String,
    /// Whether all visits went as they have to, over at least one version of TLS.
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
    shows: &'static str,
    /// `refused` or `2xx`.
    expected: &'static str,
    /// Null where the version is not spoken.
    ok: Option<bool>,
    /// Whether the server speaks this version.
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
                visit.tls, visit.shows, visit.expected, visit.seen
            );
        }
        let failed = self.visits.iter().filter(|visit| visit.ok == Some(false)).count();
        let conclusion = match (self.ok, failed) {
            (true, _) => "as a bank wants it".to_owned(),
            (false, 0) => "the server speaks neither TLS 1.2 nor TLS 1.3".to_owned(),
            (false, count) => format!("{count} of {} visits did not go as they have to", self.visits.len()),
        };
        let _ = writeln!(out, "{}: {conclusion}", self.url);
        out
    }
}

impl Visit {
    fn new(Row { tls, case, assessment }: Row) -> Self {
        let (ok, seen) = match assessment {
            Assessment::Held(seen) => (Some(true), seen),
            Assessment::Failed(seen) => (Some(false), seen),
            Assessment::NotSpoken => (None, "not spoken by the server".to_owned()),
        };
        Self {
            tls,
            case: case.word(),
            shows: case.shows(),
            expected: case.expected(),
            ok,
            spoken: ok.is_some(),
            seen: Escaped(&seen).to_string(),
        }
    }
}
