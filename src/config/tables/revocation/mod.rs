//! `crl`, `crl_policy` and `crl_max` of a `[[sender]]`: its revocation lists.

mod list_context;
mod read;
mod in_force;

use super::anchors::AnchorPurpose;
use super::certificates::FILE_FINDINGS_MAX;
use crate::clock::distance;
use crate::config::context::{Facts, ValidationContext};
use crate::config::text::{Location, Reader, Reported};
use crate::metrics::CertificateRole;
use crate::tls::anchors::Anchor;
use crate::tls::expiry::{CertificateFact, expiring};
use crate::tls::revocation::{CrlPolicy, Revocation, SignedList};
use in_force::{ListInForce, in_force, to_keep, tolerate};
use list_context::ListContext;
use read::read;

const FETCH: &str =
    "fetch the CA's current list, and again before each next update, for example with a timer";
const POLICIES: &[(&str, CrlPolicy)] = &[("strict", CrlPolicy::Strict), ("soft", CrlPolicy::Soft)];

/// The sender's lists; `None` if it has none. A file of lists that cannot be used, or whose list is older than the one
/// in force, affects only this sender: it prevents neither a start nor, if another list is in force, a reload.
pub(crate) fn revocation(
    sender: &Reader<'_>,
    purpose: &AnchorPurpose<'_>,
    anchors: &[Anchor],
    context: &mut ValidationContext,
    facts: &mut Facts<'_>,
) -> Result<Option<Revocation>, Reported> {
    let shown = purpose.shown;
    let policy = sender.word("crl_policy", POLICIES);
    let bytes_max = sender.size("crl_max").0;
    let Some(files) = sender.some_texts("crl")? else {
        let Some(alone) = ["crl_policy", "crl_max"].into_iter().find(|key| sender.has(key)) else {
            return Ok(None);
        };
        return Err(sender.position(alone).error(
            format!("{shown} has a `{alone}` but no `crl`: revocation is not checked"),
            format!("add `crl = [\"…\"]` with the revocation lists of its CA, or remove `{alone}`"),
        ));
    };
    let at = sender.position("crl");
    let checks = ListContext { shown, name: purpose.name, anchors, policy, bytes_max, now: context.now };
    let read: Vec<_> = files.into_iter().map(|file| read(&checks, file, context)).collect();
    let files = read.into_iter().collect::<Result<Vec<_>, _>>()?;
    let accepted = context.accepted_lists(purpose.name, at);
    let are_older_accepted = context.accepted.are_older_accepted(purpose.name);
    let lists = in_force(&checks, &files, &accepted, are_older_accepted, facts);
    for file in &files {
        let before = at.findings.len();
        for list in lists.iter().filter(|list| list.at.span == file.at.span) {
            report_dates(&checks, list, facts);
        }
        at.findings.limit(before, FILE_FINDINGS_MAX, &format!("{shown}: `{}`", file.path.display()));
        tolerate(&checks, file, &lists, facts);
    }
    let faults: Vec<_> =
        files.iter().filter_map(|file| file.fault.as_ref()).map(|fault| checks.unprefixed(fault)).collect();
    facts.certificates.extend(lists.iter().map(|list| fact(&checks, list)));
    let accepted = to_keep(&checks, &lists, &facts.accepted_lists);
    facts.accepted_lists.extend(accepted);
    let lists: Vec<_> = lists.into_iter().map(|list| list.signed).collect();
    if policy == CrlPolicy::Strict && faults.is_empty() {
        report_gaps(&checks, &lists, at);
    }
    let revocation = Revocation::new(lists, policy, faults);
    report_revoked_anchors(&checks, &revocation, at, facts);
    Ok(Some(revocation))
}

fn fact(checks: &ListContext<'_>, list: &ListInForce<'_>) -> CertificateFact {
    let SignedList { list, file, .. } = &list.signed;
    CertificateFact {
        role: CertificateRole::Crl,
        name: checks.name.to_owned(),
        file: file.clone(),
        subject: list.issuer.to_string(),
        digest: list.digest.clone(),
        not_before: list.this_update,
        not_after: list.next_update,
    }
}

fn report_dates(checks: &ListContext<'_>, in_force: &ListInForce<'_>, facts: &mut Facts<'_>) {
    let (list, at) = (&in_force.signed.list, in_force.at);
    let what = checks.what(&in_force.signed.file, list);
    let (begin, end, now) = (list.this_update, list.next_update, checks.now);
    if list.is_current_at(now) {
        if let Some(expiring) = expiring(CertificateRole::Crl, begin, end, now) {
            let (distance, share) = (distance(now, end), expiring.share);
            let message = format!(
                "{what} becomes outdated at {end}, {distance}; less than {share} of its lifetime is left"
            );
            at.warning(message, FETCH);
        }
        return;
    }
    let why = if now < begin {
        format!("is dated {begin}, {}", distance(now, begin))
    } else {
        format!("became outdated at {end}, {}", distance(now, end))
    };
    let consequence = match checks.policy {
        CrlPolicy::Strict => "certificates of that CA are refused until a current list is available",
        CrlPolicy::Soft => "certificates revoked since then are accepted until a current list is available",
    };
    at.outdated(list.digest.clone(), format!("{what} {why}; {consequence}"), FETCH);
    let (shown, issuer) = (checks.shown, &list.issuer);
    facts.degraded.push(format!("{shown}: the revocation list of `{issuer}` {why}; {consequence}"));
}

/// Reports CAs without a usable list. With `strict`, all of their certificates are refused.
fn report_gaps(checks: &ListContext<'_>, lists: &[SignedList], at: Location<'_>) {
    for anchor in checks.anchors.iter().filter(|anchor| anchor.never_issues().is_none()) {
        let (subject, shown) = (&anchor.identity.subject, checks.shown);
        let why = if !lists.iter().any(|list| list.is_verified_by(anchor)) {
            format!("{shown} has no revocation list from its CA `{subject}`")
        } else if !anchor.identity.issuing.signs_lists {
            format!(
                "{shown}: the keyUsage of its CA `{subject}` does not include signing of revocation lists"
            )
        } else {
            continue;
        };
        at.warning(
            format!("{why}: `crl_policy` is strict, so every certificate of that CA is refused"),
            "add that CA's list, or write `crl_policy = \"soft\"` to use the lists that exist",
        );
    }
}

fn report_revoked_anchors(
    checks: &ListContext<'_>,
    revocation: &Revocation,
    at: Location<'_>,
    facts: &mut Facts<'_>,
) {
    let identities = checks.anchors.iter().map(|anchor| &anchor.identity);
    for revoked in identities.filter(|identity| revocation.revokes_anchor(identity)) {
        let why =
            format!("`{}`, in `ca` of {}, has been revoked by its issuer", revoked.subject, checks.shown);
        let hint = "remove it from `ca`, and ask the sender for its replacement";
        at.outdated(revoked.sha256.to_string(), &*why, hint);
        facts.degraded.push(why);
    }
}
