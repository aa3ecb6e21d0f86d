//! `hookspool check`: reports all findings, and what the daemon would serve.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::exit::{Exit, Failure, shown};
use super::output::{print, print_json};
use super::settings::{print_findings, read};
use crate::clock::{Clock, distance};
use crate::config::{Loaded, Settings};
use crate::diagnostic::{Diagnostic, Finding, Report, Severity};
use crate::escape::Escaped;
use crate::spool::{SpoolProblem, inspect};
use crate::tls::expiry::ShownCertificate;

/// Validates the configuration and prints the findings. The exit code is that of [`Exit::Config`] if there are errors.
///
/// # Errors
/// If the configuration cannot be read.
pub fn check(config: &Path, json: bool) -> Result<Exit, Failure> {
    let Loaded { settings, report, .. } = read(config)?;
    let report = report.with(settings.as_ref().map(of_the_spool).unwrap_or_default());
    if json {
        print_json(&Document::of(settings.as_ref(), &report))?;
    } else {
        print_findings(&report);
        if let Some(settings) = &settings {
            print(&summary(settings))?;
        }
        print(&format!("{}: {}\n", shown(config), report.summary()))?;
    }
    Ok(if report.errors() == 0 { Exit::Success } else { Exit::Config })
}

/// Findings about the spool's directories, which otherwise only a start checks.
fn of_the_spool(settings: &Settings) -> Vec<Diagnostic> {
    let endpoints: Vec<_> =
        settings.policy.endpoints().iter().map(|endpoint| endpoint.name.clone()).collect();
    let finding = |problem| match problem {
        SpoolProblem::Risk(risk) => Diagnostic::new(Severity::Warning, None, risk),
        SpoolProblem::Unusable(fault) => Diagnostic::new(Severity::Error, None, fault),
    };
    inspect(&settings.spool, &endpoints).into_iter().map(finding).collect()
}

/// The document that `--json` prints. The names of the keys must not change.
#[derive(Serialize)]
struct Document {
    ok: bool,
    errors: usize,
    warnings: usize,
    findings: Vec<Finding>,
    listen: Vec<String>,
    endpoints: Vec<Endpoint>,
    certificates: Vec<ShownCertificate>,
}

#[derive(Serialize)]
struct Endpoint {
    name: String,
    path: String,
    suffixes: Vec<String>,
    senders: Vec<String>,
}

impl Document {
    fn of(settings: Option<&Settings>, report: &Report) -> Self {
        Self {
            ok: report.errors() == 0,
            errors: report.errors(),
            warnings: report.warnings(),
            findings: report.findings().iter().map(|finding| finding.to_finding()).collect(),
            listen: settings.map(listen).unwrap_or_default(),
            endpoints: settings.map(endpoints).unwrap_or_default(),
            certificates: settings
                .iter()
                .flat_map(|settings| &settings.certificates)
                .map(ShownCertificate::from)
                .collect(),
        }
    }
}

fn listen(settings: &Settings) -> Vec<String> {
    settings.server.listen.iter().map(ToString::to_string).collect()
}

fn endpoints(settings: &Settings) -> Vec<Endpoint> {
    let policy = &settings.policy;
    policy
        .endpoints()
        .iter()
        .map(|endpoint| Endpoint {
            name: endpoint.name.to_string(),
            path: endpoint.path.clone(),
            suffixes: endpoint.suffixes.clone(),
            senders: endpoint.senders.iter().map(ToString::to_string).collect(),
        })
        .collect()
}

fn summary(settings: &Settings) -> String {
    let now = Clock::System.now();
    let mut text = format!("listens on {}\n", listen(settings).join(", "));
    for Endpoint { name, path, suffixes, senders } in endpoints(settings) {
        let more = if suffixes.is_empty() { String::new() } else { format!(" (+ {})", suffixes.join(", ")) };
        let _ = writeln!(text, "endpoint {name}: {path}{more} from {}", senders.join(", "));
    }
    for fact in &settings.certificates {
        let _ = writeln!(
            text,
            "{} {}: `{}` until {}, {}",
            fact.role.word(),
            fact.name,
            Escaped(&fact.subject),
            fact.not_after,
            distance(now, fact.not_after)
        );
    }
    let _ = writeln!(text, "spool {}", shown(&settings.spool.directory));
    text
}
