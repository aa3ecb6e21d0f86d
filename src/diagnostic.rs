//! Findings with a place and a hint, and the report that collects them.
//!
//! Messages may contain untrusted text, which is escaped only here, when it is shown. Columns are counted in
//! characters, from 1, as in editors.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use unicode_width::UnicodeWidthStr as _;

use crate::escape::Escaped;
use crate::secrets::{NOT_SHOWN, SecretLines, without_secrets};

/// The most characters of a source line that are shown. A longer line is truncated on both sides of the caret.
const LINE_CHARS_MAX: usize = 100;
/// The characters before the caret in a truncated line.
const LINE_CHARS_BEFORE: usize = 40;

/// A text to which findings refer.
#[derive(Debug)]
pub struct SourceFile {
    name: String,
    text: String,
    line_starts: Vec<usize>,
    /// The lines that are or may be part of a private key, from 1.
    secret_lines: SecretLines,
}

/// A range of bytes in a source file.
#[derive(Clone, Debug)]
pub struct Place {
    /// The source file.
    pub file: Arc<SourceFile>,
    /// The range.
    pub span: Range<usize>,
}

/// How severe a finding is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// The configuration can be used, but is probably not intended.
    Warning,
    /// Information.
    #[default]
    Note,
}

/// A finding of the validation.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// The severity.
    pub severity: Severity,
    /// The place in a source file, if it has one.
    pub place: Option<Place>,
    /// What was found and what was expected. It begins in lowercase and has no final period.
    pub message: String,
    /// How to correct it.
    pub hint: Option<String>,
    /// For a finding that only the time or a revocation list causes: the digest of the certificate or list, or the file
    /// of the list, which shows whether it is already in force. Such a finding does not prevent a start.
    pub by_time: Option<String>,
}

/// Findings, sorted by their places.
#[derive(Clone, Debug, Default)]
pub struct Report {
    findings: Vec<Diagnostic>,
}

/// A finding in the form for programs. The keys are part of the contract.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Finding {
    /// `error`, `warning` or `note`.
    pub severity: Severity,
    /// The file, if the finding has a place.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column, from 1, in characters.
    pub column: Option<usize>,
    /// The message.
    pub message: String,
    /// How to correct it.
    pub hint: Option<String>,
}

impl Finding {
    /// The place, as in `webhooks.toml:3:1`, if it has one.
    pub fn place(&self) -> Option<String> {
        match (&self.file, self.line, self.column) {
            (Some(file), Some(line), Some(column)) => Some(format!("{file}:{line}:{column}")),
            (_, _, _) => None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place() {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl SourceFile {
    /// Creates a source file from its displayed name and its text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        let text = text.into();
        let line_starts =
            std::iter::once(0).chain(text.match_indices('\n').map(|(newline, _)| newline + 1)).collect();
        let secret_lines = SecretLines::of(&text);
        Arc::new(Self { name: name.into(), text, line_starts, secret_lines })
    }

    /// The name shown in findings.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line of a byte offset, from 1.
    pub fn line(&self, byte: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= byte)
    }

    /// The column of a byte offset, from 1, in characters.
    pub fn column(&self, byte: usize) -> usize {
        let start = self.line_start(self.line(byte));
        self.slice(start..byte).chars().count() + 1
    }

    /// The range of the first line, except comments, that is PEM or the text of a key.
    pub fn pem_text(&self) -> Option<Range<usize>> {
        let line = self.secret_lines.first?;
        let end = self.line_starts.get(line).map_or(self.text.len(), |next| next - 1);
        Some(self.line_start(line)..end)
    }

    fn line_start(&self, line: usize) -> usize {
        self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0)
    }

    fn line_text(&self, line: usize) -> &str {
        let end = self.line_starts.get(line).copied().unwrap_or(self.text.len());
        self.slice(self.line_start(line)..end).trim_end_matches(['\n', '\r'])
    }

    /// The text of a range; empty if the range is not valid.
    fn slice(&self, span: Range<usize>) -> &str {
        self.text.get(span).unwrap_or_default()
    }
}

impl Diagnostic {
    /// A finding without a hint.
    pub fn new(severity: Severity, place: Option<Place>, message: impl Into<String>) -> Self {
        Self { severity, place, message: without_secrets(&message.into()), hint: None, by_time: None }
    }

    /// The same finding with a hint.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(without_secrets(&hint.into())), ..self }
    }

    /// Converts the finding to the form for programs.
    pub fn to_finding(&self) -> Finding {
        let place = self.place.as_ref();
        Finding {
            severity: self.severity,
            file: place.map(|place| place.file.name().to_owned()),
            line: place.map(|place| place.file.line(place.span.start)),
            column: place.map(|place| place.file.column(place.span.start)),
            message: self.message.clone(),
            hint: self.hint.clone(),
        }
    }

    /// Formats the finding for people: the place, the message, the source line with carets, and the hint.
    pub fn render(&self, color: bool) -> String {
        let strong = |text: &str| match self.severity {
            _ if !color => text.to_owned(),
            Severity::Error => format!("\x1b[1;31m{text}\x1b[0m"),
            Severity::Warning => format!("\x1b[1;33m{text}\x1b[0m"),
            Severity::Note => format!("\x1b[1;36m{text}\x1b[0m"),
        };
        let place = self.to_finding().place().map_or(String::new(), |place| format!("{place}: "));
        let severity = strong(&format!("{}:", self.severity.word()));
        let mut out = format!("{}{severity} {}\n", Escaped(&place), Escaped(&self.message));
        let mut margin = String::from(" ");
        if let Some(place) = &self.place {
            let line = place.file.line(place.span.start).to_string();
            margin = " ".repeat(line.len() + 2);
            let excerpt = Excerpt::of(place);
            let _ = writeln!(out, "  {line} | {}", excerpt.line);
            if excerpt.carets > 0 {
                let caret = strong(&"^".repeat(excerpt.carets));
                let _ = writeln!(out, "{margin} | {}{caret}", " ".repeat(excerpt.indent));
            }
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(out, "{margin} = hint: {}", Escaped(hint));
        }
        out
    }
}

/// An error with its causes, in one line.
pub fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

impl Severity {
    /// The severity as a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// The part of a line around a place, and the position of the carets in terminal columns.
struct Excerpt {
    line: String,
    indent: usize,
    carets: usize,
}

impl Excerpt {
    fn of(place: &Place) -> Self {
        let number = place.file.line(place.span.start);
        if place.file.secret_lines.contains(number) {
            return Self { line: NOT_SHOWN.to_owned(), indent: 0, carets: 0 };
        }
        let line = place.file.line_text(number);
        let from = place.file.column(place.span.start) - 1;
        let marked = place.file.slice(place.span.clone()).lines().next().unwrap_or_default();
        let to = from + marked.chars().count();
        let length = line.chars().count();
        let first = if length > LINE_CHARS_MAX { from.saturating_sub(LINE_CHARS_BEFORE) } else { 0 };
        let last = if length > LINE_CHARS_MAX { length.min(first + LINE_CHARS_MAX) } else { length };
        let mut excerpt = Self { line: String::new(), indent: 0, carets: 0 };
        if first > 0 {
            excerpt.line.push('…');
            excerpt.indent += 1;
        }
        for (at, c) in line.chars().enumerate().skip(first).take(last - first) {
            let (shown, width) = shown(c);
            excerpt.line.push_str(&shown);
            match at {
                at if at < from => excerpt.indent += width,
                at if at < to => excerpt.carets += width,
                _ => {}
            }
        }
        if last < length {
            excerpt.line.push('…');
        }
        excerpt.carets = excerpt.carets.max(1);
        excerpt
    }
}

/// Returns a character as it is shown, and its width in columns. A tab is shown as one space, so that carets are
/// aligned.
fn shown(c: char) -> (String, usize) {
    if c == '\t' {
        return (" ".to_owned(), 1);
    }
    let text = Escaped(c.encode_utf8(&mut [0; 4])).to_string();
    let width = text.width();
    (text, width)
}

impl Report {
    /// Sorts findings by their places. Findings without a place come last.
    pub fn new(mut findings: Vec<Diagnostic>) -> Self {
        findings.sort_by_key(|finding| {
            let start = finding.place.as_ref().map(|place| place.span.start);
            (start.is_none(), start, finding.severity)
        });
        Self { findings }
    }

    /// Returns this report with additional findings.
    #[must_use]
    pub fn with(&self, more: Vec<Diagnostic>) -> Self {
        Self::new(self.findings.iter().cloned().chain(more).collect())
    }

    /// All findings.
    pub fn findings(&self) -> &[Diagnostic] {
        &self.findings
    }

    /// The number of errors, including those caused by the time.
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    /// The number of warnings.
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    /// Whether there is an error that is not caused only by the time.
    pub fn forbids_start(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error && finding.by_time.is_none())
    }

    /// Whether there is an error, except those that the time causes for certificates and lists already in force.
    pub fn forbids_reload(&self, in_force: impl Fn(&str) -> bool) -> bool {
        let errors = self.findings.iter().filter(|finding| finding.severity == Severity::Error);
        errors.map(|finding| finding.by_time.as_deref()).any(|subject| !subject.is_some_and(&in_force))
    }

    /// Formats all findings for people, separated by empty lines.
    pub fn render(&self, color: bool) -> String {
        let rendered: Vec<_> = self.findings.iter().map(|finding| finding.render(color)).collect();
        rendered.join("\n")
    }

    /// Counts the errors and warnings, as in `2 errors, 1 warning`.
    pub fn summary(&self) -> String {
        let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
        match (self.errors(), self.warnings()) {
            (0, 0) => "no findings".to_owned(),
            (0, warnings) => plural(warnings, "warning"),
            (errors, 0) => plural(errors, "error"),
            (errors, warnings) => format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")),
        }
    }

    fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(text: &str, span: Range<usize>) -> Diagnostic {
        let place = Place { file: SourceFile::new("webhooks.toml", text), span };
        Diagnostic::new(Severity::Error, Some(place), "not `this`").with_hint("write that")
    }

    #[test]
    fn rendered_finding_has_place_line_carets_and_hint() {
        let text = "a = 1\nä = \"x\"\n";
        assert_eq!(
            finding(text, 11..14).render(false),
            "webhooks.toml:2:5: error: not `this`\n  2 | ä = \"x\"\n    |     ^^^\n    = hint: write that\n"
        );
    }

    #[test]
    fn carets_are_aligned_after_tabs_wide_and_escaped_characters() {
        for (text, span, indent) in [("\ta = x", 5..6, 5), ("日 = x", 6..7, 5), ("\x1b = x", 4..5, 9)] {
            let rendered = finding(text, span).render(false);
            let caret = rendered.lines().nth(2).expect("a line of carets");
            assert_eq!(caret, format!("    | {}^", " ".repeat(indent)), "{rendered}");
        }
    }

    #[test]
    fn long_line_is_truncated_around_the_caret() {
        let text = format!("{}HERE{}", "x".repeat(400), "y".repeat(400));
        let rendered = finding(&text, 400..404).render(false);
        let lines: Vec<_> = rendered.lines().collect();
        let at = lines[2].chars().position(|c| c == '^').expect("a caret");
        assert_eq!(lines[1].chars().skip(at).take(4).collect::<String>(), "HERE");
        assert!(lines[1].chars().count() < 120 && lines[1].ends_with('…'), "{rendered}");
        assert!(lines[0].starts_with("webhooks.toml:1:401:"), "{rendered}");
    }

    #[test]
    fn control_characters_in_findings_are_escaped() {
        let mut finding = finding("x", 0..1);
        finding.message = "bad \x1b[2J".to_owned();
        assert!(!finding.render(false).contains('\x1b'));
        assert!(finding.render(true).contains("\x1b[1;31m^"));
    }

    #[test]
    fn span_past_the_end_is_shown_at_the_end() {
        assert!(finding("a = ", 4..4).render(false).contains("    |     ^"));
        assert!(finding("a\n", 2..9).render(false).starts_with("webhooks.toml:2:1:"));
    }

    #[test]
    fn finding_without_a_place_has_null_keys() {
        let finding = Diagnostic::new(Severity::Note, None, "m");
        let json = serde_json::to_value(finding.to_finding()).expect("JSON");
        let expected = serde_json::json!({"severity": "note", "file": null, "line": null, "column": null,
            "message": "m", "hint": null});
        assert_eq!(json, expected);
    }
}
