//! `ca` of a `[[sender]]`: the certificates that are trusted for it.

use std::collections::{BTreeMap, BTreeSet};

use super::certificates::{FILE_FINDINGS_MAX, fact, invalid_dates, parsed};
use crate::config::context::{Facts, ValidationContext};
use crate::config::text::{Location, Reader, Reported, Text};
use crate::devpki::is_development;
use crate::metrics::CertificateRole;
use crate::policy::Rule;
use crate::tls::anchors::Anchor;
use crate::tls::pem::{FILE_BYTES_MAX, FileUse, certificates};
use crate::tls::trust::Eku;

/// The maximum number of root CAs in one file. A system has more than 100; a sender has a few, of several generations.
const ROOTS_MAX: usize = 20;

/// The sender that the certificates are for, and its requirements.
pub(crate) struct AnchorPurpose<'p> {
    /// As in "sender `efi`".
    pub(crate) shown: &'p str,
    /// The sender's name; empty if it is missing.
    pub(crate) name: &'p str,
    pub(crate) rule: Option<&'p Rule>,
    pub(crate) eku: Eku,
}

/// A certificate of `ca`, and where it is named.
struct Candidate<'a> {
    file: Text<'a>,
    anchor: Anchor,
    /// As in "sender `efi`: `ca.pem`: the CA `CN=Root`".
    what: String,
    /// Why it is not valid at this time.
    invalid: Option<String>,
    /// Whether it can issue the sender's certificates, or be the sender's own certificate.
    is_useful: bool,
    /// Whether it meets the sender's rule itself.
    is_own: bool,
}

/// Reads all certificates, of which at least one must be useful.
pub(crate) fn anchors(
    sender: &Reader<'_>,
    purpose: &AnchorPurpose<'_>,
    context: &mut ValidationContext,
    facts: &mut Facts<'_>,
    beyond_loopback: bool,
) -> Result<Vec<Anchor>, Reported> {
    let shown = purpose.shown;
    let files = sender.some_texts("ca")?.ok_or_else(|| {
        sender.at.missing(
            format!("{shown} has no `ca`, so no certificate is trusted for it"),
            "add `ca = [\"…\"]`, the certificate of the CA that issued the sender's certificate",
        )
    })?;
    let at = sender.position("ca");
    let (before, most) = (at.findings.len(), FILE_FINDINGS_MAX * files.len());
    let mut candidates = Vec::new();
    let mut outcome = Ok(());
    for file in files {
        outcome = read(file, purpose, &mut candidates, context).and(outcome);
    }
    let some_useful = candidates.iter().any(|candidate| candidate.is_useful);
    for candidate in &candidates {
        report_use(candidate, some_useful, shown);
    }
    report_issuers(&candidates, shown);
    report_dates(&candidates, shown, facts);
    at.findings.limit(before, most, &format!("{shown}: `ca`"));
    report_development(&candidates, shown, at, beyond_loopback);
    for Candidate { file, anchor, .. } in &candidates {
        let file = context.files.resolve(file.text);
        facts.certificates.push(fact(CertificateRole::Anchor, purpose.name, &file, &anchor.identity));
    }
    outcome?;
    let anchors = candidates.into_iter().map(|candidate| candidate.anchor).collect();
    // Why none of them is useful has been reported.
    some_useful.then_some(anchors).ok_or(Reported)
}

fn read<'a>(
    file: Text<'a>,
    purpose: &AnchorPurpose<'_>,
    candidates: &mut Vec<Candidate<'a>>,
    context: &mut ValidationContext,
) -> Result<(), Reported> {
    let at = file.at;
    let contents = context.files.open(file, purpose.shown, FILE_BYTES_MAX)?;
    let shown = format!("{}: `{}`", purpose.shown, contents.path.display());
    let mut outcome = Ok(());
    let certificates = parsed(&contents, FileUse::Anchors, certificates, &shown, at)?;
    let anchors: Vec<_> = certificates.into_iter().map(Anchor::new).collect();
    // Two versions of one bundle contain the same roots.
    let roots = anchors.iter().flatten().filter(|anchor| anchor.identity.is_self_issued());
    let roots = roots.map(|anchor| anchor.identity.sha256.to_string()).collect::<BTreeSet<_>>().len();
    if roots > ROOTS_MAX {
        return Err(at.error(
            format!("{shown} contains {roots} root CAs, and each of them could vouch for this sender"),
            "name a file with the CA that issued the sender's certificate and no others, not the system's CAs",
        ));
    }
    for anchor in anchors {
        let anchor = match anchor {
            Ok(anchor) => anchor,
            Err(fault) => {
                let hint = "copy the file again, or ask the sender for its CA in PEM";
                outcome = Err(at.error(format!("{shown}: {fault}"), hint));
                continue;
            }
        };
        let identity = &anchor.identity;
        if candidates.iter().any(|known| known.anchor.identity.sha256 == identity.sha256) {
            // During a renewal, a sender's old and new files often contain the same certificate.
            continue;
        }
        let kind = if anchor.never_issues().is_none() { "the CA" } else { "the certificate" };
        let what = format!("{shown}: {kind} `{}`", identity.subject);
        let hint = "ask the sender for its new CA and name both here";
        let invalid = invalid_dates(CertificateRole::Anchor, identity, &what, hint, context.now, at);
        let is_own = purpose.rule.is_some_and(|rule| rule.matches(identity));
        let is_useful = is_useful(&anchor, purpose);
        candidates.push(Candidate { file, anchor, what, invalid, is_useful, is_own });
    }
    outcome
}

/// A certificate that cannot issue may still be the one that the sender presents. It must then meet all
/// requirements on a sender's certificate.
fn is_useful(anchor: &Anchor, purpose: &AnchorPurpose<'_>) -> bool {
    let identity = &anchor.identity;
    let meets_rule = || purpose.rule.is_none_or(|rule| rule.matches(identity));
    (purpose.eku == Eku::Any || identity.purposes.include_clients())
        && (anchor.never_issues().is_none() || meets_rule() && identity.key.is_usable().is_ok())
}

fn report_use(candidate: &Candidate<'_>, some_useful: bool, shown: &str) {
    let (at, what) = (candidate.file.at, &candidate.what);
    let (message, conclusion, hint) = match (candidate.anchor.never_issues(), candidate.is_useful) {
        (None, true) => return,
        (None, false) => (
            format!(
                "{what} is marked for a purpose other than TLS clients, so no certificate that it issued is accepted"
            ),
            ";",
            "write `eku = \"any\"` if the sender's CA issues such certificates",
        ),
        (Some(why), true) => {
            return at.note(
                format!("{what} cannot issue certificates: {why}; it is used only as the sender's own certificate"),
                "correct if the sender presents exactly this certificate; otherwise name the CA that issued it",
            );
        }
        (Some(why), false) => (
            format!("{what} cannot issue certificates: {why}; nor can it be the sender's own certificate"),
            ", so",
            "name the CA that signed the sender's certificate",
        ),
    };
    // If another certificate can be used, this is only a warning; otherwise no peer is accepted.
    if some_useful {
        at.warning(message, hint);
    } else {
        at.error(format!("{message}{conclusion} {shown} has no usable `ca`"), hint);
    }
}

/// Reports certificates beside their issuer. Banks publish both in one file, and the issuer has other certificates.
fn report_issuers(candidates: &[Candidate<'_>], shown: &str) {
    let mut by_subject: BTreeMap<&str, Vec<&Anchor>> = BTreeMap::new();
    for Candidate { anchor, .. } in candidates {
        by_subject.entry(anchor.identity.subject.as_str()).or_default().push(anchor);
    }
    let beside_issuer = candidates.iter().filter(|it| it.is_useful).filter_map(|it| {
        let mut named = by_subject.get(it.anchor.identity.issuer.as_str())?.iter();
        Some((it, named.find(|issuer| issuer.issued(&it.anchor))?))
    });
    for (Candidate { file, anchor, is_own, .. }, issuer) in beside_issuer.take(FILE_FINDINGS_MAX) {
        let (subject, issuer) = (&anchor.identity.subject, &issuer.identity.subject);
        let message = format!(
            "{shown}: `ca` holds `{subject}` and its issuer `{issuer}`: whatever `{issuer}` signs counts"
        );
        let hint = format!(
            "name `{subject}` alone to trust only it; `hookspool certs show FILE --split DIR` separates them"
        );
        if *is_own {
            file.at.warning(message, hint);
        } else {
            file.at.note(message, hint);
        }
    }
}

fn report_dates(candidates: &[Candidate<'_>], shown: &str, facts: &mut Facts<'_>) {
    let some_left = candidates.iter().any(|candidate| candidate.is_useful && candidate.invalid.is_none());
    let hint = if some_left {
        "remove it; the other CAs of this sender stay in force".to_owned()
    } else {
        format!("{shown} is refused until it has a valid CA: ask the sender for its current one")
    };
    let mut reasons = Vec::new();
    for Candidate { file, anchor, what, invalid, .. } in candidates {
        let Some(why) = invalid else { continue };
        file.at.outdated(anchor.identity.sha256.to_string(), format!("{what} {why}"), &*hint);
        reasons.push(format!("`{}` {why}", anchor.identity.subject));
    }
    if !some_left && !reasons.is_empty() {
        facts.degraded.push(format!("{shown}: no valid CA: {}", reasons.join(", ")));
    }
}

fn report_development(candidates: &[Candidate<'_>], shown: &str, at: Location<'_>, beyond_loopback: bool) {
    let identities = || candidates.iter().map(|candidate| &candidate.anchor.identity);
    let Some(toy) = identities().find(|identity| is_development(identity)) else { return };
    let subject = &toy.subject;
    if beyond_loopback {
        at.warning(
            format!("{shown} has a DEVELOPMENT CA (`{subject}`) while `[server]` listens beyond loopback: anyone who has `root-ca.key` can deliver as this sender"),
            "name the sender's real CA before other hosts can reach this port",
        );
    } else {
        at.warning(
            format!("{shown} has a development CA (`{subject}`)"),
            "fine for testing; name the sender's real CA for real deliveries",
        );
    }
}
