//! Collects the findings while webhooks.toml is read.

use std::cell::RefCell;
use std::sync::Arc;

use super::raw::{Reach, Span, SyntaxFault};
use crate::diagnostic::{Diagnostic, Place, Report, Severity, SourceFile};

/// The findings so far. Findings that only follow from a syntax error are omitted: one mistake, one finding.
#[derive(Debug)]
pub(crate) struct Findings {
    file: Arc<SourceFile>,
    found: RefCell<Vec<Diagnostic>>,
    /// The lines with a syntax error, from 1.
    damaged_lines: Vec<usize>,
    /// After this position, in bytes, keys may have been assigned to the wrong table.
    unreliable_from: usize,
}

/// A finding has been reported about a value, or its file was not opened; its settings cannot be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reported;

/// A position in the text, to report findings there. Each has a message and a hint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Location<'a> {
    pub(crate) span: &'a Span,
    pub(crate) findings: &'a Findings,
}

impl Findings {
    /// The findings about a text, beginning with its syntax errors.
    pub(crate) fn new(file: Arc<SourceFile>, faults: &[SyntaxFault]) -> Self {
        let damaged_lines = faults.iter().map(|fault| file.line(fault.span.start)).collect();
        let beyond_a_value = faults.iter().filter(|fault| fault.reach != Reach::Value);
        let unreliable_from = beyond_a_value.map(|fault| fault.span.start).min().unwrap_or(usize::MAX);
        let finding = |fault: &SyntaxFault| {
            let place = Place { file: Arc::clone(&file), span: fault.span.clone() };
            Diagnostic::new(Severity::Error, Some(place), &*fault.message).with_hint(fault.hint)
        };
        let found = RefCell::new(faults.iter().map(finding).collect());
        Self { file, found, damaged_lines, unreliable_from }
    }

    /// An empty list of findings about the same text, with the same damaged parts.
    pub(crate) fn beside(&self) -> Self {
        let (file, damaged_lines) = (Arc::clone(&self.file), self.damaged_lines.clone());
        Self { file, found: RefCell::default(), damaged_lines, unreliable_from: self.unreliable_from }
    }

    /// The number of findings.
    pub(crate) fn len(&self) -> usize {
        self.found.borrow().len()
    }

    /// Keeps only the worst findings after the first `from`, at most `most`, and reports the number of the others.
    pub(crate) fn limit(&self, from: usize, most: usize, what: &str) {
        let mut all = self.found.borrow_mut();
        if all.len().saturating_sub(from) <= most {
            return;
        }
        let mut found = all.split_off(from);
        found.sort_by_key(|finding| (finding.severity, finding.by_time.is_some()));
        let more = found.split_off(most);
        all.extend(found);
        let Some(worst) = more.first() else { return };
        let message = format!("{what}: {} more findings are not shown", more.len());
        let rest = Diagnostic::new(worst.severity, worst.place.clone(), message);
        let by_time = worst.by_time.clone();
        all.push(Diagnostic { by_time, ..rest.with_hint("correct those that are shown, and check again") });
    }

    /// The message of the first error after the first `from` findings.
    pub(crate) fn error_after(&self, from: usize) -> Option<String> {
        let found = self.found.borrow();
        let error = found.iter().skip(from).find(|finding| finding.severity == Severity::Error);
        error.map(|error| error.message.clone())
    }

    pub(crate) fn into_report(self) -> Report {
        Report::new(self.found.into_inner())
    }

    /// Only the errors.
    pub(crate) fn into_errors(self) -> Report {
        let mut found = self.found.into_inner();
        found.retain(|finding| finding.severity == Severity::Error);
        Report::new(found)
    }

    /// Whether a finding at this position may only follow from a syntax error.
    fn is_unreliable(&self, span: &Span) -> bool {
        span.start >= self.unreliable_from || self.damaged_lines.contains(&self.file.line(span.start))
    }
}

impl Location<'_> {
    pub(crate) fn error(self, message: impl Into<String>, hint: impl Into<String>) -> Reported {
        self.push(Severity::Error, None, message.into(), hint.into())
    }

    pub(crate) fn warning(self, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Severity::Warning, None, message.into(), hint.into());
    }

    pub(crate) fn note(self, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Severity::Note, None, message.into(), hint.into());
    }

    /// Reports an error that only the time causes, about the certificate or list with this digest.
    pub(crate) fn outdated(self, digest: String, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Severity::Error, Some(digest), message.into(), hint.into());
    }

    /// Marks the errors at this position as not preventing a start: they are about a list with this digest, or another
    /// `subject`. Errors that are marked already keep theirs, unless `replace` is true.
    pub(crate) fn tolerate(self, subject: &str, replace: bool) {
        let is_here = |finding: &&mut Diagnostic| {
            let place = finding.place.as_ref();
            finding.severity == Severity::Error && place.is_some_and(|place| place.span == *self.span)
        };
        for finding in self.findings.found.borrow_mut().iter_mut().filter(is_here) {
            if replace || finding.by_time.is_none() {
                finding.by_time = Some(subject.to_owned());
            }
        }
    }

    /// Reports that something is missing. Omitted after a syntax error, which may be the cause.
    pub(crate) fn missing(self, message: impl Into<String>, hint: impl Into<String>) -> Reported {
        if self.findings.damaged_lines.is_empty() { self.error(message, hint) } else { Reported }
    }

    /// The line, from 1, for a message about another position.
    pub(crate) fn line(self) -> usize {
        self.findings.file.line(self.span.start)
    }

    fn push(self, severity: Severity, by_time: Option<String>, message: String, hint: String) -> Reported {
        let Self { span, findings } = self;
        if !findings.is_unreliable(span) {
            // Spans of the parser are within the text; those of missing tables may not be.
            let end = span.end.min(findings.file.text().len());
            let place = Place { file: Arc::clone(&findings.file), span: span.start.min(end)..end };
            let finding = Diagnostic::new(severity, Some(place), message).with_hint(hint);
            findings.found.borrow_mut().push(Diagnostic { by_time, ..finding });
        }
        Reported
    }
}
