//! Decides which lists are in force: those of the files, or those that were accepted before.
//!
//! A list never goes back: if the newest list of a series is older than the accepted one, or is missing, the accepted
//! one stays in force. After its next update, a current list of a file counts; without one, it continues to revoke.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::list_context::ListContext;
use super::read::ListFile;
use crate::config::accepted::Accepted;
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

pub(super) fn in_force<'a>(
    checks: &ListContext<'_>,
    files: &[ListFile<'a>],
    accepted: Vec<Accepted>,
    are_older_accepted: bool,
    facts: &mut Facts<'_>,
) -> Vec<ListInForce<'a>> {
    let of_file = |file: &ListFile<'a>| {
        let at = file.at;
        let lists = file.lists.iter().map(move |(signed, der)| ListInForce {
            signed: signed.clone(),
            at,
            series: signed.series(),
            der: Some(Arc::clone(der)),
        });
        lists.collect::<Vec<_>>()
    };
    let mut lists: Vec<_> = files.iter().flat_map(of_file).collect();
    for accepted in accepted {
        if lists.iter().any(|list| list.signed.list.digest == accepted.digest()) {
            continue;
        }
        let place = accepted.place();
        match accepted.load(checks.anchors, checks.bytes_max) {
            Ok(signed) => keep(checks, signed, files, &mut lists, are_older_accepted, facts),
            Err(why) => {
                if let (Some(place), Some(file)) = (place, files.first()) {
                    let message = format!(
                        "{}: the accepted revocation list in `{}` cannot be used: {why}",
                        checks.shown,
                        place.display()
                    );
                    file.at.warning(message, "the lists in `crl` count, also if they are older");
                }
            }
        }
    }
    lists
}

/// Adds an accepted list if it stays in force, and removes the lists that it replaces.
fn keep<'a>(
    checks: &ListContext<'_>,
    mut accepted: SignedList,
    files: &[ListFile<'a>],
    lists: &mut Vec<ListInForce<'a>>,
    are_older_accepted: bool,
    facts: &mut Facts<'_>,
) {
    let series = accepted.series();
    let same = lists.iter().filter(|list| !list.is_kept() && list.series == series);
    let newest =
        same.reduce(|one, other| if one.signed.list.precedes(&other.signed.list) { other } else { one });
    let is_over = !accepted.list.is_current_at(checks.now);
    let file = files.iter().find(|file| absolute(&file.path) == absolute(&accepted.file));
    let at = match (newest, file) {
        (Some(newest), _) => {
            let (list, is_verified) = (&newest.signed.list, newest.signed.is_verified());
            let is_future = checks.now < list.this_update;
            if !is_future
                && (are_older_accepted
                    || is_over && list.is_current_at(checks.now)
                    || !list.precedes(&accepted.list))
            {
                return;
            }
            let at = newest.at;
            accepted.file.clone_from(&newest.signed.file);
            if !is_future {
                let what = checks.what(&newest.signed.file, list);
                let why = format!(
                    "{what} goes back: it is {}, and the one in force is {}",
                    list.issue(),
                    accepted.list.issue()
                );
                at.outdated(accepted.list.digest.clone(), &*why, hint(checks));
                facts.degraded.push(format!("{why}; {}", stays(checks, &accepted)));
                // The signature of another one is verified in handshakes only, so both apply: a forged accepted
                // list must not replace a genuine one.
                lists.retain(|list| list.is_kept() || list.series != series || !is_verified);
            }
            at
        }
        (None, Some(file)) if file.fault.is_some() => file.at,
        (None, Some(_)) if are_older_accepted || is_over => return,
        (None, Some(file)) => {
            let what = checks.what(&file.path, &accepted.list);
            let why =
                format!("{what} is no longer in the file; the one in force is {}", accepted.list.issue());
            file.at.warning(&*why, hint(checks));
            facts.degraded.push(format!("{why}; {}", stays(checks, &accepted)));
            file.at
        }
        // It is no longer configured.
        (None, None) => return,
    };
    lists.push(ListInForce { signed: accepted, at, series, der: None });
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

/// The newest list of each series, to be kept.
pub(super) fn to_keep(checks: &ListContext<'_>, lists: &[ListInForce<'_>]) -> Vec<AcceptedList> {
    let mut kept: Vec<AcceptedList> = Vec::new();
    for list in lists.iter().filter(|list| list.signed.list.this_update <= checks.now) {
        let is_newer = |other: &&ListInForce<'_>| {
            other.series == list.series && list.signed.list.precedes(&other.signed.list)
        };
        let is_future = |other: &ListInForce<'_>| checks.now < other.signed.list.this_update;
        if lists.iter().filter(is_newer).any(|other| !is_future(other))
            || kept.iter().any(|kept| kept.series == list.series)
        {
            continue;
        }
        let head = KeptHead {
            version: 1,
            sender: checks.name.to_owned(),
            file: absolute(&list.signed.file).display().to_string(),
            digest: list.signed.list.digest.clone(),
        };
        kept.push(AcceptedList { head, series: list.series.clone(), der: list.der.clone() });
    }
    kept
}

/// The working directory of a daemon does not change, and a path in the spool is absolute.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
