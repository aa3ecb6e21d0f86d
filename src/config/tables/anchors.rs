//! `ca` of a `[[sender]]`: the certificates that are trusted for it.

use super::certificates::{Dates, FILE_FINDINGS_MAX, dates, fact, report_unreadable, report_unused};
use crate::config::context::{Facts, ValidationContext};
use crate::config::text::findings::Findings;
use crate::config::text::raw::Span;
use crate::config::text::reader::{Field, Reader, Text};
use crate::devpki::is_development;
use crate::identity::CannotIssue;
use crate::metrics::CertificateRole;
use crate::policy::Rule;
use crate::tls::anchors::Anchor;
use crate::tls::pem::{self, FileUse};
use crate::tls::trust::Eku;

/// The sender that the certificates are for, and its requirements.
pub(crate) struct AnchorPurpose<'p> {
    /// As in "sender `efi`".
    pub(crate) shown: &'p str,
    /// The sender's name; empty if it is missing.
    pub(crate) name: &'p str,
    pub(crate) rule: Option<&'p Rule>,
    pub(crate) eku: Eku,
}

/// A certificate of `ca`, where it is named, and its dates.
struct Candidate<'a> {
    at: Text<'a>,
    anchor: Anchor,
    /// As in "sender `efi`: `ca.pem`: the CA `CN=Root`".
    what: String,
    dates: Dates,
    use_of_it: Use,
}

impl Candidate<'_> {
    fn is_useful(&self) -> bool {
        matches!(self.use_of_it, Use::Issues | Use::Presented(_))
    }
}

/// The use of a certificate of `ca`.
#[derive(Debug)]
enum Use {
    /// It is a CA that can issue the sender's certificates.
    Issues,
    /// It is a CA that is marked for a purpose other than the sender's.
    IssuesForOthers,
    /// It cannot issue, but may be the sender's own certificate.
    Presented(CannotIssue),
    /// It can be neither a CA nor the sender's own certificate.
    Nothing(CannotIssue),
}

/// Reads all certificates; `None` if none of them can be used, or a file has an error.
pub(crate) fn anchors(
    reader: &Reader<'_>,
    purpose: &AnchorPurpose<'_>,
    context: &mut ValidationContext,
    findings: &mut Findings,
    facts: &mut Facts,
    beyond_loopback: bool,
) -> Option<Vec<Anchor>> {
    let shown = purpose.shown;
    let (files, span) = match reader.some_texts("ca", findings) {
        Field::Is(found) => found,
        Field::Bad => return None,
        Field::Missing => {
            findings
                .missing(reader.span, format!("{shown} has no `ca`, so no certificate is trusted for it"))
                .hint("add `ca = [\"…\"]`, the certificate of the CA that issued the sender's certificate");
            return None;
        }
    };
    let (before, most) = (findings.len(), FILE_FINDINGS_MAX * files.len());
    let mut candidates = Vec::new();
    let mut sound = true;
    for at in files {
        sound &= read(at, purpose, &mut candidates, context, findings);
    }
    let some = candidates.iter().any(Candidate::is_useful);
    for candidate in &candidates {
        say_what_it_is(candidate, some, shown, findings);
    }
    by_time(&candidates, shown, findings, facts);
    findings.limit(before, most, &format!("{shown}: `ca`"));
    development(&candidates, shown, span, findings, beyond_loopback);
    for candidate in &candidates {
        let file = context.files.resolve(candidate.at.text);
        facts.certificates.push(fact(
            CertificateRole::Anchor,
            purpose.name,
            &file,
            &candidate.anchor.identity,
        ));
    }
    (sound && some).then(|| candidates.into_iter().map(|candidate| candidate.anchor).collect())
}

/// Returns `false` if an error has been reported.
fn read<'a>(
    at: Text<'a>,
    purpose: &AnchorPurpose<'_>,
    candidates: &mut Vec<Candidate<'a>>,
    context: &mut ValidationContext,
    findings: &mut Findings,
) -> bool {
    let shown = purpose.shown;
    let Some(contents) = context.files.open(at, shown, findings) else { return false };
    let file = contents.path.display();
    let certificates = match pem::certificates(&contents.bytes) {
        Ok(certificates) => certificates,
        Err(fault) => {
            report_unreadable(&fault, &format!("{shown}: `{file}`"), at.span, findings);
            return false;
        }
    };
    report_unused(&contents.bytes, FileUse::Anchors, &format!("{shown}: `{file}`"), at.span, findings);
    let mut sound = true;
    for der in certificates {
        match Anchor::new(der) {
            // The same one in two files is how a bundle is renewed.
            Ok(anchor)
                if candidates.iter().any(|known| known.anchor.identity.sha256 == anchor.identity.sha256) => {}
            Ok(anchor) => {
                let use_of_it = use_of(&anchor, purpose);
                let kind = if anchor.never_issues().is_none() { "the CA" } else { "the certificate" };
                let what = format!("{shown}: `{file}`: {kind} `{}`", anchor.identity.subject);
                let renew = "ask the sender for its new CA and name both here";
                let dates = dates(
                    CertificateRole::Anchor,
                    &anchor.identity,
                    &what,
                    at.span,
                    renew,
                    context,
                    findings,
                );
                candidates.push(Candidate { at, anchor, what, dates, use_of_it });
            }
            Err(fault) => {
                findings
                    .error(at.span, format!("{shown}: `{file}`: {fault}"))
                    .hint("copy the file again, or ask the sender for its CA in PEM");
                sound = false;
            }
        }
    }
    sound
}

/// A certificate that cannot issue may still be the one that the sender presents. It must then meet all
/// requirements on a sender's certificate.
fn use_of(anchor: &Anchor, purpose: &AnchorPurpose<'_>) -> Use {
    let identity = &anchor.identity;
    let fits_purpose = purpose.eku == Eku::Any || identity.purposes.include_clients();
    let Some(why) = anchor.never_issues().cloned() else {
        return if fits_purpose { Use::Issues } else { Use::IssuesForOthers };
    };
    let fits = purpose.rule.is_none_or(|rule| rule.mismatches(identity).is_empty())
        && fits_purpose
        && identity.key.is_usable().is_ok();
    if fits { Use::Presented(why) } else { Use::Nothing(why) }
}

fn say_what_it_is(candidate: &Candidate<'_>, some: bool, shown: &str, findings: &mut Findings) {
    const HINT: &str = "name the CA that signed the sender's certificate";
    let Candidate { at, what, .. } = candidate;
    match &candidate.use_of_it {
        Use::Issues => {}
        Use::IssuesForOthers => {
            let message = format!(
                "{what} is marked for a purpose other than TLS clients, so no certificate that it issued is accepted"
            );
            let hint = "write `eku = \"any\"` if the sender's CA issues such certificates";
            if some {
                findings.warning(at.span, message).hint(hint);
            } else {
                findings.error(at.span, format!("{message}; {shown} has no usable `ca`")).hint(hint);
            }
        }
        Use::Presented(why) => {
            findings
                .note(
                    at.span,
                    format!("{what} cannot issue certificates: {why}; it is used only as the sender's own certificate"),
                )
                .hint("correct if the sender presents exactly this certificate; otherwise name the CA that issued it");
        }
        // If another certificate can be used, this is only a warning; otherwise no peer is accepted.
        Use::Nothing(why) if some => {
            findings
                .warning(
                    at.span,
                    format!(
                        "{what} cannot issue certificates: {why}; nor can it be the sender's own certificate"
                    ),
                )
                .hint(HINT);
        }
        Use::Nothing(why) => {
            findings
                .error(
                    at.span,
                    format!(
                        "{what} cannot issue certificates: {why}; nor can it be the sender's own certificate, \
                         so {shown} has no usable `ca`"
                    ),
                )
                .hint(HINT);
        }
    }
}

fn by_time(candidates: &[Candidate<'_>], shown: &str, findings: &mut Findings, facts: &mut Facts) {
    let useful = |candidate: &&Candidate<'_>| candidate.is_useful();
    let left = candidates.iter().filter(useful).any(|candidate| candidate.dates == Dates::Valid);
    let mut reasons = Vec::new();
    for candidate in candidates {
        let Dates::Invalid(why) = &candidate.dates else { continue };
        findings
            .error(candidate.at.span, format!("{} {why}", candidate.what))
            .by_time(candidate.anchor.identity.sha256.to_string())
            .hint(if left {
                "remove it; the other CAs of this sender stay in force".to_owned()
            } else {
                format!("{shown} is refused until it has a valid CA: ask the sender for its current one")
            });
        reasons.push(format!("`{}` {why}", candidate.anchor.identity.subject));
    }
    if !left && !reasons.is_empty() {
        facts.degraded.push(format!("{shown}: no valid CA: {}", reasons.join(", ")));
    }
}

fn development(
    candidates: &[Candidate<'_>],
    shown: &str,
    span: &Span,
    findings: &mut Findings,
    beyond_loopback: bool,
) {
    let Some(toy) = candidates.iter().find(|candidate| is_development(&candidate.anchor.identity)) else {
        return;
    };
    let subject = &toy.anchor.identity.subject;
    if beyond_loopback {
        findings
            .warning(span, format!("{shown} has a DEVELOPMENT CA (`{subject}`) while `[server]` listens beyond loopback: anyone who has `root-ca.key` can deliver as this sender"))
            .hint("name the sender's real CA before other hosts can reach this port");
    } else {
        findings
            .warning(span, format!("{shown} has a development CA (`{subject}`)"))
            .hint("fine for testing; name the sender's real CA for real deliveries");
    }
}
