//! Collects the findings while webhooks.toml is read.

use std::ops::Range;
use std::sync::Arc;

use super::raw::{Reach, Span, SyntaxFault};
use crate::diagnostic::{Diagnostic, Place, Report, Severity, SourceFile};

/// The findings so far. Findings that only follow from a syntax error are omitted: one mistake, one finding.
#[derive(Debug)]
pub(crate) struct Findings {
    file: Arc<SourceFile>,
    found: Vec<Diagnostic>,
    /// The lines with a syntax error, from 1.
    damaged_lines: Vec<usize>,
    /// After this position, in bytes, keys may have been assigned to the wrong table.
    unreliable_from: Option<usize>,
    /// The last omitted finding; the caller may add a hint to it.
    omitted: Diagnostic,
}

impl Findings {
    pub(crate) fn new(file: Arc<SourceFile>) -> Self {
        let omitted = Diagnostic::new(Severity::Note, None, String::new());
        Self { file, found: Vec::new(), damaged_lines: Vec::new(), unreliable_from: None, omitted }
    }

    pub(crate) fn syntax(&mut self, fault: &SyntaxFault) {
        let place = Place { file: Arc::clone(&self.file), span: fault.span.clone() };
        let mut finding = Diagnostic::new(Severity::Error, Some(place), fault.message.clone());
        finding.hint(fault.hint);
        self.damaged_lines.push(self.file.line(fault.span.start));
        if fault.reach != Reach::Value {
            let from = self.unreliable_from.unwrap_or(usize::MAX).min(fault.span.start);
            self.unreliable_from = Some(from);
        }
        self.found.push(finding);
    }

    pub(crate) fn error(&mut self, span: &Span, message: impl Into<String>) -> &mut Diagnostic {
        self.push(Severity::Error, span, message.into(), false)
    }

    pub(crate) fn warning(&mut self, span: &Span, message: impl Into<String>) -> &mut Diagnostic {
        self.push(Severity::Warning, span, message.into(), false)
    }

    pub(crate) fn note(&mut self, span: &Span, message: impl Into<String>) -> &mut Diagnostic {
        self.push(Severity::Note, span, message.into(), false)
    }

    /// Reports that something is missing. Omitted after a syntax error, which may be the cause.
    pub(crate) fn missing(&mut self, span: &Span, message: impl Into<String>) -> &mut Diagnostic {
        self.push(Severity::Error, span, message.into(), true)
    }

    /// The line number of a position, from 1, for a message about another position.
    pub(crate) fn line(&self, span: &Span) -> usize {
        self.file.line(span.start)
    }

    /// The number of findings.
    pub(crate) fn len(&self) -> usize {
        self.found.len()
    }

    /// Keeps only the worst findings after the first `from`, at most `most`, and reports the number of the others.
    pub(crate) fn limit(&mut self, from: usize, most: usize, what: &str) {
        if self.found.len().saturating_sub(from) <= most {
            return;
        }
        let mut found = self.found.split_off(from);
        found.sort_by_key(|finding| (finding.severity, finding.by_time.is_some()));
        let more = found.split_off(most);
        self.found.extend(found);
        let Some(worst) = more.first() else { return };
        let message = format!("{what}: {} more findings are not shown", more.len());
        let mut finding = Diagnostic::new(worst.severity, worst.place.clone(), message);
        finding.by_time.clone_from(&worst.by_time);
        finding.hint("correct those that are shown, and check again");
        self.found.push(finding);
    }

    pub(crate) fn into_report(self) -> Report {
        Report::new(self.found)
    }

    fn push(
        &mut self,
        severity: Severity,
        span: &Span,
        message: String,
        is_missing: bool,
    ) -> &mut Diagnostic {
        let place = Place { file: Arc::clone(&self.file), span: clamp(span, self.file.text()) };
        let omitted = !self.damaged_lines.is_empty()
            && (is_missing
                || self.unreliable_from.is_some_and(|from| span.start >= from)
                || self.damaged_lines.contains(&self.file.line(span.start)));
        let finding = Diagnostic::new(severity, Some(place), message);
        if omitted {
            self.omitted = finding;
            return &mut self.omitted;
        }
        self.found.push(finding);
        let last = self.found.len() - 1;
        &mut self.found[last]
    }
}

/// Limits a span to the text. Spans of the parser are within it already.
fn clamp(span: &Span, text: &str) -> Range<usize> {
    let end = span.end.min(text.len());
    span.start.min(end)..end
}
