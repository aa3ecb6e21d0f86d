//! `crl` and `crl_policy` of a `[[sender]]`: its revocation lists.

use super::anchors::AnchorPurpose;
use super::certificates::{FILE_FINDINGS_MAX, report_unreadable, report_unused};
use jiff::Timestamp;

use crate::clock::distance;
use crate::config::context::{Facts, ValidationContext};
use crate::config::text::findings::Findings;
use crate::config::text::raw::Span;
use crate::config::text::reader::{Field, Reader, Text};
use crate::identity::{ListFault, RevocationList};
use crate::metrics::CertificateRole;
use crate::tls::anchors::Anchor;
use crate::tls::expiry::{CertificateFact, expiring};
use crate::tls::pem::{FileUse, LISTS_BYTES_MAX, revocation_lists};
use crate::tls::revocation::{CrlPolicy, Revocation, SignedList};

const FETCH: &str =
    "fetch the CA's current list, and again before each next update, for example with a timer";

/// An error has been reported.
pub(crate) struct Unsound;

/// The sender's lists; `None` if it has none.
pub(crate) fn revocation(
    reader: &Reader<'_>,
    purpose: &AnchorPurpose<'_>,
    anchors: &[Anchor],
    context: &mut ValidationContext,
    findings: &mut Findings,
    facts: &mut Facts,
) -> Result<Option<Revocation>, Unsound> {
    let words = [("strict", CrlPolicy::Strict), ("soft", CrlPolicy::Soft)];
    let policy = reader.word("crl_policy", &words, findings);
    let (files, span) = match reader.some_texts("crl", findings) {
        Field::Is(found) => found,
        Field::Bad => return Err(Unsound),
        Field::Missing => return without_lists(reader, purpose.shown, findings),
    };
    let mut lists = Vec::new();
    let mut sound = true;
    let lists_context =
        ListContext { shown: purpose.shown, name: purpose.name, anchors, policy, now: context.now };
    for at in files {
        let before = findings.len();
        sound &= lists_context.read(at, &mut lists, context, findings, facts);
        findings.limit(before, FILE_FINDINGS_MAX, &format!("{}: `{}`", purpose.shown, at.text));
    }
    if !sound {
        return Err(Unsound);
    }
    if policy == CrlPolicy::Strict {
        lists_context.find_gaps(&lists, span, findings);
    }
    let revocation = Revocation::new(lists, policy);
    lists_context.find_revoked_anchors(&revocation, span, findings, facts);
    Ok(Some(revocation))
}

fn without_lists(
    reader: &Reader<'_>,
    shown: &str,
    findings: &mut Findings,
) -> Result<Option<Revocation>, Unsound> {
    let Some(node) = reader.written("crl_policy") else { return Ok(None) };
    findings
        .error(&node.span, format!("{shown} has a `crl_policy` but no `crl`: revocation is not checked"))
        .hint("add `crl = [\"…\"]` with the revocation lists of its CA, or remove `crl_policy`");
    Err(Unsound)
}

/// The facts against which all lists of one sender are checked.
struct ListContext<'s> {
    shown: &'s str,
    name: &'s str,
    anchors: &'s [Anchor],
    policy: CrlPolicy,
    now: Timestamp,
}

impl ListContext<'_> {
    /// Returns `false` if an error that does not depend on the time has been reported.
    fn read(
        &self,
        at: Text<'_>,
        lists: &mut Vec<SignedList>,
        context: &mut ValidationContext,
        findings: &mut Findings,
        facts: &mut Facts,
    ) -> bool {
        let shown = self.shown;
        let Some(contents) = context.files.open_up_to(LISTS_BYTES_MAX, at, shown, findings) else {
            return false;
        };
        let file = contents.path.display();
        let found = match revocation_lists(&contents.bytes) {
            Ok(found) => found,
            Err(fault) => {
                report_unreadable(&fault, &format!("{shown}: `{file}`"), at.span, findings);
                return false;
            }
        };
        let what = format!("{shown}: `{file}`");
        report_unused(&contents.bytes, FileUse::RevocationLists, &what, at.span, findings);
        let mut sound = true;
        for der in found {
            match RevocationList::from_der(&der) {
                Ok(list) => {
                    let what = format!("{shown}: `{file}`: the revocation list of `{}`", list.issuer);
                    facts.certificates.push(CertificateFact {
                        role: CertificateRole::Crl,
                        name: self.name.to_owned(),
                        file: contents.path.clone(),
                        subject: list.issuer.to_string(),
                        digest: list.digest(),
                        not_before: list.this_update,
                        not_after: list.next_update,
                    });
                    sound &= self.take(list, &what, at.span, lists, findings, facts);
                }
                Err(fault) => {
                    findings
                        .error(
                            at.span,
                            format!("{shown}: `{file}`: this revocation list cannot be used: {fault}"),
                        )
                        .hint(hint(&fault));
                    sound = false;
                }
            }
        }
        sound
    }

    fn take(
        &self,
        list: RevocationList,
        what: &str,
        span: &Span,
        lists: &mut Vec<SignedList>,
        findings: &mut Findings,
        facts: &mut Facts,
    ) -> bool {
        self.dates(&list, what, span, findings, facts);
        let signed = match SignedList::new(list, self.anchors) {
            Ok(signed) => signed,
            Err(fault) => {
                findings.error(span, format!("{what}: {fault}")).hint(
                    "fetch it again from that CA; if the CA has a new key, name its new certificate in `ca`",
                );
                return false;
            }
        };
        if !signed.is_verified() {
            findings
                .warning(span, format!("{what}: its issuer is not among the sender's CAs, so its signature is checked in each handshake"))
                .hint("correct for the list of an intermediate that the sender sends; otherwise name its issuer in `ca`");
        }
        lists.push(signed);
        true
    }

    fn dates(
        &self,
        list: &RevocationList,
        what: &str,
        span: &Span,
        findings: &mut Findings,
        facts: &mut Facts,
    ) {
        let now = self.now;
        if list.is_current_at(now) {
            if let Some(expiring) = expiring(CertificateRole::Crl, list.this_update, list.next_update, now) {
                let (end, distance, share) =
                    (list.next_update, distance(now, list.next_update), expiring.share);
                findings
                    .warning(
                        span,
                        format!("{what} becomes outdated at {end}, {distance}; less than {share} of its lifetime is left"),
                    )
                    .hint(FETCH);
            }
            return;
        }
        let why = if now < list.this_update {
            format!("is dated {}, {}", list.this_update, distance(now, list.this_update))
        } else {
            format!("became outdated at {}, {}", list.next_update, distance(now, list.next_update))
        };
        let what_follows = match self.policy {
            CrlPolicy::Strict => "certificates of that CA are refused until a current list is available",
            CrlPolicy::Soft => {
                "certificates revoked since then are accepted until a current list is available"
            }
        };
        findings.error(span, format!("{what} {why}; {what_follows}")).by_time(list.digest()).hint(FETCH);
        facts
            .degraded
            .push(format!("{}: the revocation list of `{}` {why}; {what_follows}", self.shown, list.issuer));
    }

    /// Reports CAs without a usable list. With `strict`, all of their certificates are refused.
    fn find_gaps(&self, lists: &[SignedList], span: &Span, findings: &mut Findings) {
        for anchor in self.anchors.iter().filter(|anchor| anchor.never_issues().is_none()) {
            let subject = &anchor.identity.subject;
            let (has_list, shown) = (lists.iter().any(|list| list.is_verified_by(anchor)), self.shown);
            let why = if !has_list {
                format!("{shown} has no revocation list from its CA `{subject}`")
            } else if !anchor.identity.issuing.signs_lists {
                format!(
                    "{shown}: the keyUsage of its CA `{subject}` does not include signing of revocation lists"
                )
            } else {
                continue;
            };
            findings
                .warning(
                    span,
                    format!("{why}: `crl_policy` is strict, so every certificate of that CA is refused"),
                )
                .hint("add that CA's list, or write `crl_policy = \"soft\"` to use the lists that exist");
        }
    }

    fn find_revoked_anchors(
        &self,
        revocation: &Revocation,
        span: &Span,
        findings: &mut Findings,
        facts: &mut Facts,
    ) {
        for anchor in self.anchors.iter().filter(|anchor| revocation.revokes_anchor(&anchor.identity)) {
            let (subject, shown) = (&anchor.identity.subject, self.shown);
            let why = format!("`{subject}`, in `ca` of {shown}, has been revoked by its issuer");
            findings
                .error(span, why.clone())
                .by_time(anchor.identity.sha256.to_string())
                .hint("remove it from `ca`, and ask the sender for its replacement");
            facts.degraded.push(why);
        }
    }
}

fn hint(fault: &ListFault) -> &'static str {
    match fault {
        ListFault::Damaged => {
            "fetch the file again; it must contain lists in PEM (`-----BEGIN X509 CRL-----`) or one in DER"
        }
        ListFault::TrailingBytes(_) => {
            "fetch the file again; a DER file contains one list and nothing else, so convert lists to PEM to put several into one file"
        }
        ListFault::VersionOne => {
            "ask the CA for its version 2 list; with OpenSSL, `openssl ca -gencrl` creates one if `crl_extensions` is set"
        }
        ListFault::Delta => "name the CA's complete (base) list",
        ListFault::Indirect => "name the list that the sender's own CA issues",
        ListFault::Partial => "name the CA's complete list",
        ListFault::NoNextUpdate => "ask the CA for a list with a nextUpdate, as RFC 5280 requires",
        ListFault::UnknownCritical(_) => {
            "ask the CA for a list that conforms to RFC 5280, without that extension"
        }
    }
}
