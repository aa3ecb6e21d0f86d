//! The alert rules, tested with promtool over simulated time.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const RULES: &str = "docs/monitoring/alerts.yml";
/// The interval at which rules are evaluated and samples taken.
const STEP_HOURS: u32 = 6;

/// A certificate or list that is replaced repeatedly at the given hour of its lifetime.
struct Certificate {
    role: &'static str,
    name: String,
    lifetime_hours: u32,
    replaced_at: Option<u32>,
    /// The hour in which it was issued; negative for a time before the test.
    issued: i64,
}

impl Certificate {
    fn new(role: &'static str, days: u32, replaced_at: Option<u32>) -> Self {
        let name = format!("of {days} days, replaced at {replaced_at:?}");
        Self { role, name, lifetime_hours: 24 * days, replaced_at, issued: 0 }
    }

    /// Both metrics in promtool's notation, with one sample for each step.
    fn series(&self, hours: u32) -> String {
        let issued = |hour: u32| {
            let replacements = self.replaced_at.map_or(0, |after| hour / after * after);
            self.issued + i64::from(replacements)
        };
        let mut out = String::new();
        for (which, ahead) in [("not_before", 0), ("not_after", self.lifetime_hours)] {
            let metric = format!("hookspool_certificate_{which}_timestamp_seconds");
            let steps = (0..=hours).step_by(usize::try_from(STEP_HOURS).unwrap());
            let values = steps.map(|hour| ((issued(hour) + i64::from(ahead)) * 3600).to_string());
            let values = values.collect::<Vec<_>>().join(" ");
            let _ = writeln!(
                out,
                "      - series: '{metric}{{role=\"{}\",name=\"{}\"}}'\n        values: '{values}'",
                self.role, self.name
            );
        }
        out
    }
}

/// The path of the rules in this tree. `HOOKSPOOL_TEST_RULES` names other ones, to check that the test can fail.
fn rules() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join(RULES);
    std::env::var_os("HOOKSPOOL_TEST_RULES").map_or(here, PathBuf::from)
}

/// Runs promtool on tests in its notation. The text of the annotations is not tested.
fn run_tests(tests: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.yml");
    fs::write(&file, tests).unwrap();
    let rules = without_annotations(&fs::read_to_string(rules()).unwrap());
    fs::write(folder.path().join("rules.yml"), rules).unwrap();
    let tested = Command::new("promtool").args(["test", "rules"]).arg(&file).output().unwrap();
    let printed = String::from_utf8_lossy(&tested.stderr) + String::from_utf8_lossy(&tested.stdout);
    assert!(tested.status.success(), "{printed}");
}

/// Asserts that exactly these alerts are firing at these hours: for each hour, the rule and the certificates.
fn assert_alerts(certificates: &[Certificate], hours: u32, expected: &[(u32, &str, &[usize])]) {
    let mut text = format!(
        "rule_files: [rules.yml]\nevaluation_interval: {STEP_HOURS}h\ntests:\n  - interval: {STEP_HOURS}h\n    input_series:\n"
    );
    certificates.iter().for_each(|certificate| text.push_str(&certificate.series(hours)));
    text.push_str("    alert_rule_test:\n");
    for (hour, alert, firing) in expected {
        let _ = writeln!(text, "      - eval_time: {hour}h\n        alertname: {alert}\n        exp_alerts:");
        for certificate in firing.iter().map(|index| &certificates[*index]) {
            let _ = writeln!(
                text,
                "          - exp_labels: {{ severity: {}, role: {}, name: '{}' }}",
                if *alert == SIXTH { "page" } else { "ticket" },
                certificate.role,
                certificate.name
            );
        }
    }
    run_tests(&text);
}

fn without_annotations(rules: &str) -> String {
    let is_annotation =
        |line: &&str| ["annotations:", "summary:", "action:"].iter().any(|key| line.trim().starts_with(key));
    rules.lines().filter(|line| !is_annotation(line)).map(|line| format!("{line}\n")).collect()
}

const THIRD: &str = "HookspoolCertificateEnds";
const SIXTH: &str = "HookspoolCertificateEndsSoon";
const LIST: &str = "HookspoolRevocationListEnds";

#[test]
fn certificates_renewed_in_time_never_cause_an_alert() {
    let certificates: Vec<_> = ["server", "anchor"]
        .into_iter()
        .flat_map(|role| {
            [6, 45, 90, 398].map(|days| Certificate::new(role, days, Some(24 * days * 2 / 3 / 6 * 6)))
        })
        .collect();
    let days = 800;
    let every_day = (0..days).flat_map(|day| [(24 * day, THIRD, &[][..]), (24 * day, SIXTH, &[][..])]);
    assert_alerts(&certificates, 24 * days, &every_day.collect::<Vec<_>>());
}

#[test]
fn alerts_fire_with_a_third_and_a_sixth_of_a_certificates_lifetime_left() {
    for role in ["server", "anchor"] {
        for days in [6, 45, 90, 398] {
            let certificate = [Certificate::new(role, days, None)];
            // A lifetime of more than 90 days counts as 90 for an anchor.
            let counted = if role == "anchor" { days.min(90) } else { days };
            let hour_of = |parts: u32| 24 * days - 24 * counted / parts;
            let (third, sixth, end) = (hour_of(3) / 6 * 6, hour_of(6) / 6 * 6, 24 * days);
            // One step until the condition is met, and one for the rule's `for`.
            let expected: [(u32, &str, &[usize]); 6] = [
                (third, THIRD, &[]),
                (third + 12, THIRD, &[0]),
                (sixth, SIXTH, &[]),
                (sixth + 12, SIXTH, &[0]),
                (end + 24, THIRD, &[0]),
                (end + 24, SIXTH, &[0]),
            ];
            assert_alerts(&certificate, end + 48, &expected);
        }
    }
}

#[test]
fn alerts_for_long_lifetimes_have_a_bounded_lead_and_clients_cause_none() {
    let certificates = [
        Certificate { issued: -24 * 3000, ..Certificate::new("anchor", 3650, None) },
        Certificate { issued: -24 * 3000, ..Certificate::new("server", 3650, None) },
        Certificate::new("client", 6, None),
    ];
    // The certificates end on day 650.
    let expected: [(u32, &str, &[usize]); 8] = [
        (24 * 500, THIRD, &[]),
        (24 * 519, THIRD, &[1]),
        (24 * 619, THIRD, &[1]),
        (24 * 621, THIRD, &[0, 1]),
        (24 * 583, SIXTH, &[]),
        (24 * 586, SIXTH, &[1]),
        (24 * 634, SIXTH, &[1]),
        (24 * 636, SIXTH, &[0, 1]),
    ];
    assert_alerts(&certificates, 24 * 660, &expected);
}

#[test]
fn alerts_fire_with_a_twelfth_of_a_lists_lifetime_left() {
    let certificates = [Certificate::new("crl", 7, Some(150)), Certificate::new("crl", 30, None)];
    let expected: Vec<(u32, &str, &[usize])> = (0..110)
        .flat_map(|step| {
            let hour = step * STEP_HOURS;
            [(hour, LIST, &[][..]), (hour, THIRD, &[]), (hour, SIXTH, &[])]
        })
        .collect();
    assert_alerts(&certificates, 24 * 30, &expected);
    assert_alerts(&certificates, 24 * 30, &[(660, LIST, &[]), (666, LIST, &[1]), (720, LIST, &[1])]);
}

/// Tests of the other rules, one sample per minute, in promtool's notation.
const TESTS: &str = include_str!("alerts.yml");

#[test]
fn other_alerts_fire_when_they_should_and_not_otherwise() {
    run_tests(TESTS);
}

#[test]
fn every_rule_is_tested_firing_and_not_firing() {
    let rules = fs::read_to_string(rules()).unwrap();
    let names = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    let others: Vec<_> = names.filter(|name| ![THIRD, SIXTH, LIST].contains(name)).collect();
    assert!(others.len() > 10, "{others:?}");
    for name in others {
        let cases = TESTS.lines().filter(|line| line.contains(&format!("alertname: {name},")));
        let (silent, firing): (Vec<_>, Vec<_>) = cases.partition(|line| line.contains("exp_alerts: []"));
        assert!(!silent.is_empty() && !firing.is_empty(), "{name}");
    }
}
