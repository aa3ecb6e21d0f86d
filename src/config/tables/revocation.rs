//! `crl` and `crl_policy` of a `[[sender]]`: its revocation lists.

use jiff::Timestamp;

use super::anchors::AnchorPurpose;
use super::certificates::{FILE_FINDINGS_MAX, parsed};
use crate::clock::distance;
use crate::config::context::{Facts, ValidationContext};
use crate::config::text::{Location, Reader, Reported, Text};
use crate::identity::RevocationList;
use crate::metrics::CertificateRole;
use crate::tls::anchors::Anchor;
use crate::tls::expiry::{CertificateFact, expiring};
use crate::tls::pem::{FileUse, LISTS_BYTES_MAX, revocation_lists};
use crate::tls::revocation::{CrlPolicy, Revocation, SignedList};

const FETCH: &str =
    "fetch the CA's current list, and again before each next update, for example with a timer";
const POLICIES: &[(&str, CrlPolicy)] = &[("strict", CrlPolicy::Strict), ("soft", CrlPolicy::Soft)];

/// The sender's lists; `None` if it has none.
pub(crate) fn revocation(
    sender: &Reader<'_>,
    purpose: &AnchorPurpose<'_>,
    anchors: &[Anchor],
    context: &mut ValidationContext,
    facts: &mut Facts<'_>,
) -> Result<Option<Revocation>, Reported> {
    let shown = purpose.shown;
    let policy = sender.word("crl_policy", POLICIES);
    let Some(files) = sender.some_texts("crl")? else {
        if !sender.has("crl_policy") {
            return Ok(None);
        }
        return Err(sender.position("crl_policy").error(
            format!("{shown} has a `crl_policy` but no `crl`: revocation is not checked"),
            "add `crl = [\"…\"]` with the revocation lists of its CA, or remove `crl_policy`",
        ));
    };
    let at = sender.position("crl");
    let checks = ListContext { shown, name: purpose.name, anchors, policy, now: context.now };
    let mut lists = Vec::new();
    let mut outcome = Ok(());
    for file in files {
        let before = at.findings.len();
        outcome = checks.read(file, &mut lists, context, facts).and(outcome);
        at.findings.limit(before, FILE_FINDINGS_MAX, &format!("{shown}: `{}`", file.text));
    }
    outcome?;
    if policy == CrlPolicy::Strict {
        checks.report_gaps(&lists, at);
    }
    let revocation = Revocation::new(lists, policy);
    checks.report_revoked_anchors(&revocation, at, facts);
    Ok(Some(revocation))
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
    fn read(
        &self,
        file: Text<'_>,
        lists: &mut Vec<SignedList>,
        context: &mut ValidationContext,
        facts: &mut Facts<'_>,
    ) -> Result<(), Reported> {
        let at = file.at;
        let contents = context.files.open(file, self.shown, LISTS_BYTES_MAX)?;
        let shown = format!("{}: `{}`", self.shown, contents.path.display());
        let mut outcome = Ok(());
        for der in parsed(&contents, FileUse::RevocationLists, revocation_lists, &shown, at)? {
            let list = match RevocationList::from_der(&der) {
                Ok(list) => list,
                Err(fault) => {
                    let message = format!("{shown}: this revocation list cannot be used: {fault}");
                    outcome = Err(at.error(message, fault.hint()));
                    continue;
                }
            };
            facts.certificates.push(CertificateFact {
                role: CertificateRole::Crl,
                name: self.name.to_owned(),
                file: contents.path.clone(),
                subject: list.issuer.to_string(),
                digest: list.digest(),
                not_before: list.this_update,
                not_after: list.next_update,
            });
            let what = format!("{shown}: the revocation list of `{}`", list.issuer);
            self.report_dates(&list, &what, at, facts);
            match self.signed(list, &what, at) {
                Ok(signed) => lists.push(signed.from_file(&contents.path)),
                Err(reported) => outcome = Err(reported),
            }
        }
        outcome
    }

    fn signed(&self, list: RevocationList, what: &str, at: Location<'_>) -> Result<SignedList, Reported> {
        let signed = SignedList::new(list, self.anchors).map_err(|fault| {
            let hint =
                "fetch it again from that CA; if the CA has a new key, name its new certificate in `ca`";
            at.error(format!("{what}: {fault}"), hint)
        })?;
        if !signed.is_verified() {
            at.warning(
                format!("{what}: its issuer is not among the sender's CAs, so its signature is checked in each handshake"),
                "correct for the list of an intermediate that the sender sends; otherwise name its issuer in `ca`",
            );
        }
        Ok(signed)
    }

    fn report_dates(&self, list: &RevocationList, what: &str, at: Location<'_>, facts: &mut Facts<'_>) {
        let (begin, end, now) = (list.this_update, list.next_update, self.now);
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
        let consequence = match self.policy {
            CrlPolicy::Strict => "certificates of that CA are refused until a current list is available",
            CrlPolicy::Soft => {
                "certificates revoked since then are accepted until a current list is available"
            }
        };
        at.outdated(list.digest(), format!("{what} {why}; {consequence}"), FETCH);
        let (shown, issuer) = (self.shown, &list.issuer);
        facts.degraded.push(format!("{shown}: the revocation list of `{issuer}` {why}; {consequence}"));
    }

    /// Reports CAs without a usable list. With `strict`, all of their certificates are refused.
    fn report_gaps(&self, lists: &[SignedList], at: Location<'_>) {
        for anchor in self.anchors.iter().filter(|anchor| anchor.never_issues().is_none()) {
            let (subject, shown) = (&anchor.identity.subject, self.shown);
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

    fn report_revoked_anchors(&self, revocation: &Revocation, at: Location<'_>, facts: &mut Facts<'_>) {
        let identities = self.anchors.iter().map(|anchor| &anchor.identity);
        for revoked in identities.filter(|identity| revocation.revokes_anchor(identity)) {
            let why =
                format!("`{}`, in `ca` of {}, has been revoked by its issuer", revoked.subject, self.shown);
            let hint = "remove it from `ca`, and ask the sender for its replacement";
            at.outdated(revoked.sha256.to_string(), &*why, hint);
            facts.degraded.push(why);
        }
    }
}
