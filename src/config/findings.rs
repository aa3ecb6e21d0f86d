//! Findings as they gather, all pointing into one webhooks.toml.

use std::cell::RefCell;
use std::sync::Arc;

use super::raw::Span;
use crate::diagnostic::{Diagnostic, Place, Report, Severity, SourceFile};

/// Collects what is wrong; nobody stops at the first.
#[derive(Debug)]
pub(super) struct Findings {
    file: Arc<SourceFile>,
    gathered: RefCell<Vec<Diagnostic>>,
}

impl Findings {
    pub(super) fn new(file: Arc<SourceFile>) -> Self {
        Self { file, gathered: RefCell::default() }
    }

    /// It cannot be used like this.
    pub(super) fn error(&self, span: &Span, message: impl Into<String>, hint: impl Into<String>) {
        self.add(Severity::Error, false, span, message, hint);
    }

    /// It was right once, or will be: `check` fails, `run` starts.
    pub(super) fn error_by_time(&self, span: &Span, message: impl Into<String>, hint: impl Into<String>) {
        self.add(Severity::Error, true, span, message, hint);
    }

    /// It works, and is probably not meant.
    pub(super) fn warning(&self, span: &Span, message: impl Into<String>, hint: impl Into<String>) {
        self.add(Severity::Warning, false, span, message, hint);
    }

    /// The line of a place, from 1, for findings that point at another one.
    pub(super) fn line(&self, span: &Span) -> usize {
        self.file.line(span.start)
    }

    pub(super) fn into_report(self) -> Report {
        Report::new(self.gathered.into_inner())
    }

    fn add(
        &self,
        severity: Severity,
        by_time: bool,
        span: &Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let place = Place { file: Arc::clone(&self.file), span: span.clone() };
        let mut finding = Diagnostic::new(severity, Some(place), message);
        finding.hint(hint);
        finding.by_time = by_time;
        self.gathered.borrow_mut().push(finding);
    }
}
