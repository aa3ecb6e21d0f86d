//! The output of `explain` as text.

use std::fmt::Write as _;

use super::report::{EndpointDecision, Explanation, ShownEvaluation, ShownMatcher};
use crate::refusals::ClaimedCertificate;

/// The steps of the evaluation in their order, and the decision.
pub(super) fn page(it: &Explanation) -> String {
    let mut out = String::new();
    if let Some(certificate) = &it.certificate {
        write_certificate(&mut out, certificate);
    }
    for evaluation in &it.evaluations {
        write_evaluation(&mut out, evaluation);
    }
    match (it.reason, &it.detail) {
        (None, _) => {
            let until = it.not_after.as_deref().unwrap_or("?");
            let _ = writeln!(out, "\x1b[1;32madmitted\x1b[0m as {}, until {until}", it.senders.join(", "));
        }
        (Some(reason), detail) => {
            let detail = detail.as_deref().unwrap_or_default();
            let _ = writeln!(out, "\x1b[1;31mrefused\x1b[0m: {reason}: {detail}");
        }
    }
    if let Some(admit) = &it.admit {
        let _ = writeln!(out, "to admit it: {admit}");
    }
    if let Some(endpoint) = &it.endpoint {
        write_endpoint(&mut out, endpoint);
    }
    out
}

fn write_certificate(out: &mut String, it: &ClaimedCertificate) {
    let _ = writeln!(out, "certificate {}", it.subject);
    for (name, value) in [
        ("issuer", &it.issuer),
        ("serial", &it.serial),
        ("not before", &it.not_before),
        ("not after", &it.not_after),
        ("sha256", &it.sha256),
        ("spki_sha256", &it.spki_sha256),
    ] {
        // What could not be read is empty.
        if !value.is_empty() {
            let _ = writeln!(out, "  {name:<11} {value}");
        }
    }
}

fn write_evaluation(out: &mut String, it: &ShownEvaluation) {
    let _ = writeln!(out, "sender {}", it.sender);
    match (&it.by, &it.until, &it.doubt) {
        (Some(by), Some(until), _) if by == "itself" => {
            let _ = writeln!(out, "  {} the certificate is in `ca`, until {until}", mark(true));
        }
        (Some(by), Some(until), _) => {
            let _ = writeln!(out, "  {} issued by `{by}`, until {until}", mark(true));
        }
        (_, _, doubt) => {
            let _ = writeln!(out, "  {} {}", mark(false), doubt.as_deref().unwrap_or_default());
        }
    }
    for matcher in &it.matchers {
        let _ = writeln!(out, "  {} {}", mark(matcher.holds), about(matcher));
    }
}

fn about(it: &ShownMatcher) -> String {
    let quoted =
        |values: &[String]| values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(" or ");
    let actual = match (&it.fault, it.presented.as_slice()) {
        (Some(fault), _) => fault.clone(),
        (None, []) => "the certificate has none".to_owned(),
        (None, values) => {
            format!(
                "the certificate has {}",
                values.iter().map(|v| format!("`{v}`")).collect::<Vec<_>>().join(", ")
            )
        }
    };
    format!("{} must be {}: {actual}", it.matcher, quoted(&it.expected))
}

fn write_endpoint(out: &mut String, it: &EndpointDecision) {
    let answer = match (&it.sender, &it.detail) {
        (Some(sender), _) => format!("accepts it, as {sender}"),
        (None, detail) => format!("does not accept it: {}", detail.as_deref().unwrap_or_default()),
    };
    let _ = writeln!(out, "{} endpoint {} {answer}", mark(it.allowed), it.name);
    for condition in &it.conditions {
        let _ = writeln!(out, "  provided that {condition}");
    }
}

fn mark(is_yes: bool) -> &'static str {
    if is_yes { "\x1b[32myes\x1b[0m" } else { "\x1b[31mno\x1b[0m " }
}
