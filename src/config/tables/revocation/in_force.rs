//! Decides which lists are in force: those of the files, and those that were accepted before and not replaced.
//!
//! An older list never replaces a newer one. An accepted list stays in force until one of the same series that is not older replaces it, or
//! the operator accepts an older one. After its next update, a current list of a file counts too. A list whose signature
//! is verified only in handshakes may be forged, so until then it does not replace the accepted one.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::list_context::ListContext;
use super::read::ListFile;
use crate::config::accepted::{Accepted, UnusableList};
use crate::config::context::Facts;
use crate::config::text::Location;
use crate::spool::{AcceptedList, KeptHead};
use crate::tls::revocation::{CrlPolicy, SignedList};

/// A list in force.
pub(super) struct ListInForce<'a> {
    pub(super) signed: SignedList,
    /// The file of `crl` that contains it, or should.
    pub(super) at: Location<'a>,
    series: String,
    /// The list in DER, if it is in its file.
    der: Option<Arc<Vec<u8>>>,
}

impl ListInForce<'_> {
    /// Whether it was accepted before, and its file does not contain it now.
    fn is_kept(&self) -> bool {
        self.der.is_none()
    }
}

/// The lists in force. The last one of each series is the accepted one.
pub(super) fn in_force<'a>(
    checks: &ListContext<'_>,
    files: &[ListFile<'a>],
    accepted: &[Accepted],
    are_older_accepted: bool,
    facts: &mut Facts<'_>,
) -> Vec<ListInForce<'a>> {
    let mut lists = of_files(checks, files);
    let mut known = HashSet::new();
    for accepted in accepted.iter().rev() {
        let has_digest = |list: &ListInForce<'_>| list.signed.list.digest == accepted.digest();
        if lists.iter().any(|list| has_digest(list) && list.signed.is_verified()) {
            continue;
        }
        match accepted.load(checks.anchors, checks.bytes_max) {
            Ok(signed) => {
                let is_known = lists.iter().any(|list| list.signed.is_copy_of(&signed));
                let is_future = checks.now < signed.list.this_update;
                if known.insert(signed.series()) && !is_known && !is_future {
                    keep(checks, signed, files, &mut lists, are_older_accepted, facts);
                }
            }
            Err(fault) => report_unusable(checks, files, accepted, &fault, facts),
        }
    }
    lists
}

/// The lists of the files, the newest one of each series last, unless it is dated in the future.
fn of_files<'a>(checks: &ListContext<'_>, files: &[ListFile<'a>]) -> Vec<ListInForce<'a>> {
    let mut lists: Vec<ListInForce<'a>> = Vec::new();
    for file in files {
        for (signed, der) in &file.lists {
            let series = signed.series();
            let is_older = |other: &ListInForce<'_>| {
                let is_future = checks.now < signed.list.this_update;
                other.series == series && (is_future || signed.list.precedes(&other.signed.list))
            };
            let index = lists.iter().position(is_older).unwrap_or(lists.len());
            let der = Some(Arc::clone(der));
            lists.insert(index, ListInForce { signed: signed.clone(), at: file.at, series, der });
        }
    }
    lists
}

fn report_unusable(
    checks: &ListContext<'_>,
    files: &[ListFile<'_>],
    accepted: &Accepted,
    fault: &UnusableList,
    facts: &mut Facts<'_>,
) {
    let (Accepted::Kept(kept, _), Some(file)) = (accepted, files.first()) else { return };
    let (shown, place) = (checks.shown, kept.shown());
    let message = format!("{shown}: the accepted revocation list in `{place}` cannot be used: {fault}");
    let UnusableList::Unreadable(_) = fault else {
        file.at.warning(message, "the lists in `crl` are used, even if they are older");
        return;
    };
    // It may be readable at the next start.
    let hint = "the lists in `crl` are used, even if they are older; correct the cause (`crl_max`, for example), or remove the file";
    file.at.warning(message, hint);
    let (head, series) = (kept.head.clone(), kept.series.clone());
    facts.accepted_lists.push(AcceptedList { head, series, der: None });
}

/// Adds an accepted list if it stays in force, and removes the lists that are older.
fn keep<'a>(
    checks: &ListContext<'_>,
    mut accepted: SignedList,
    files: &[ListFile<'a>],
    lists: &mut Vec<ListInForce<'a>>,
    are_older_accepted: bool,
    facts: &mut Facts<'_>,
) {
    let series = accepted.series();
    let newest = lists.iter().rfind(|list| list.series == series);
    let file = files.iter().find(|file| absolute(&file.path) == absolute(&accepted.file));
    let is_over = !accepted.list.is_current_at(checks.now);
    let at = match (newest, file) {
        (Some(newest), _) => {
            let (list, at) = (&newest.signed.list, newest.at);
            let (is_future, is_older) = (checks.now < list.this_update, list.precedes(&accepted.list));
            let may_replace = newest.signed.is_verified() || is_over && list.is_current_at(checks.now);
            if !is_future && (are_older_accepted || may_replace && !is_older) {
                if is_older {
                    report_replaced(checks, &accepted, at);
                }
                return;
            }
            accepted.file.clone_from(&newest.signed.file);
            if is_older && !is_future {
                let what = checks.what(&newest.signed.file, list);
                let (issue, in_force) = (list.issue(), accepted.list.issue());
                let why = format!(
                    "{what} is older than the accepted list: it is {issue}, and the accepted list is {in_force}"
                );
                at.outdated(accepted.list.digest.clone(), &*why, hint(checks));
                facts.degraded.push(format!("{why}; {}", stays(checks, &accepted)));
                if newest.signed.is_verified() && !is_over {
                    lists.retain(|list| list.series != series);
                }
            }
            at
        }
        (None, Some(file)) if file.fault.is_some() => file.at,
        (None, Some(file)) if are_older_accepted => return report_replaced(checks, &accepted, file.at),
        (None, Some(file)) => {
            let what = checks.what(&file.path, &accepted.list);
            let why =
                format!("{what} is no longer in the file; the accepted list is {}", accepted.list.issue());
            file.at.warning(&*why, hint(checks));
            facts.degraded.push(format!("{why}; {}", stays(checks, &accepted)));
            file.at
        }
        // It is no longer configured.
        (None, None) => return,
    };
    lists.push(ListInForce { signed: accepted, at, series, der: None });
}

/// Reports a list that is replaced at the operator's request.
fn report_replaced(checks: &ListContext<'_>, accepted: &SignedList, at: Location<'_>) {
    let what = checks.what(&accepted.file, &accepted.list);
    let message = format!("{what} no longer applies: it was {}", accepted.list.issue());
    at.warning(message, "requested with `--accept-older-lists`");
}

fn hint(checks: &ListContext<'_>) -> String {
    let name = checks.name;
    format!(
        "fetch the CA's current list; `hookspool reload --accept-older-lists {name}` accepts the file as it is"
    )
}

fn stays(checks: &ListContext<'_>, accepted: &SignedList) -> String {
    let until = accepted.list.next_update;
    let which = format!("the list of `{}` that was accepted before", accepted.list.issuer);
    if accepted.list.is_current_at(checks.now) {
        format!("{which} stays in force until {until}")
    } else {
        format!("{which}, whose next update was due {until}, stays in force")
    }
}

/// Marks the errors about a file as not preventing a start, and reports their consequence.
pub(super) fn tolerate(
    checks: &ListContext<'_>,
    file: &ListFile<'_>,
    lists: &[ListInForce<'_>],
    facts: &mut Facts<'_>,
) {
    let kept: Vec<_> = lists.iter().filter(|list| list.is_kept() && list.at.span == file.at.span).collect();
    let subject = format!("{} of {}", file.path.display(), checks.shown);
    match kept.first() {
        Some(kept) => file.at.tolerate(&kept.signed.list.digest, true),
        None if file.fault.is_some() => file.at.tolerate(&subject, false),
        None => {}
    }
    let Some(fault) = &file.fault else { return };
    facts.unusable_lists.push(subject);
    let consequence = match (kept.as_slice(), checks.policy) {
        ([], CrlPolicy::Strict) => "certificates that no other list covers are refused".to_owned(),
        ([], CrlPolicy::Soft) => "only the other lists are used".to_owned(),
        (kept, _) => kept.iter().map(|list| stays(checks, &list.signed)).collect::<Vec<_>>().join("; "),
    };
    facts.degraded.push(format!("{fault}; {consequence}"));
}

/// The accepted list of each series, to be kept besides those that cannot be read now.
pub(super) fn to_keep(
    checks: &ListContext<'_>,
    lists: &[ListInForce<'_>],
    unreadable: &[AcceptedList],
) -> Vec<AcceptedList> {
    let unreadable = unreadable.iter().filter(|list| list.head.sender == checks.name);
    let mut known: HashSet<_> = unreadable.map(|list| list.series.clone()).collect();
    let mut is_first = |list: &&ListInForce<'_>| known.insert(list.series.clone());
    let accepted = lists.iter().rev().filter(|list| list.signed.list.this_update <= checks.now);
    let head = |list: &ListInForce<'_>| KeptHead {
        version: 1,
        sender: checks.name.to_owned(),
        file: absolute(&list.signed.file).display().to_string(),
        digest: list.signed.list.digest.clone(),
    };
    accepted
        .filter(|list| is_first(list))
        .map(|list| AcceptedList { head: head(list), series: list.series.clone(), der: list.der.clone() })
        .collect()
}

/// The working directory of a daemon does not change, and a path in the spool is absolute.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
