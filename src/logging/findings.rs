//! Findings about the configuration, in the log.

use crate::diagnostic::{Diagnostic, Report, Severity};

/// Logs all findings.
pub fn log_findings(report: &Report) {
    for finding in report.findings().iter().map(Diagnostic::to_finding) {
        let (place, hint) = (finding.place(), &finding.hint);
        match finding.severity {
            Severity::Error => {
                tracing::error!(place, finding = finding.message, hint, "configuration finding")
            }
            Severity::Warning | Severity::Note => {
                tracing::warn!(place, finding = finding.message, hint, "configuration finding");
            }
        }
    }
}
