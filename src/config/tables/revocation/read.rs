//! Reads the files of `crl`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::list_context::ListContext;
use crate::config::accepted::AcceptedLists;
use crate::config::context::{ReadList, ValidationContext};
use crate::config::files::{Contents, FileFault, hint, message};
use crate::config::tables::certificates::{FILE_FINDINGS_MAX, parsed};
use crate::config::text::{Location, Reported, Text};
use crate::identity::RevocationList;
use crate::tls::pem::{FileUse, revocation_lists};
use crate::tls::revocation::SignedList;

/// A file of `crl`.
pub(super) struct ListFile<'a> {
    pub(super) at: Location<'a>,
    pub(super) path: PathBuf,
    /// Its lists that can be used, each also in DER.
    pub(super) lists: Vec<(SignedList, Arc<Vec<u8>>)>,
    /// The first error about the file; others may be among the findings.
    pub(super) fault: Option<String>,
}

/// Reads one file. Only an invalid name is an error; a file that cannot be used has a fault.
pub(super) fn read<'a>(
    checks: &ListContext<'_>,
    file: Text<'a>,
    context: &mut ValidationContext,
) -> Result<ListFile<'a>, Reported> {
    let at = file.at;
    let before = at.findings.len();
    let mut unread = None;
    let opened = context.files.open_or(file, checks.shown, checks.bytes_max, |path, fault| {
        unread = Some(path.to_owned());
        let is_large = matches!(fault, FileFault::TooLarge { .. });
        let hint = if is_large { "name the right file, or raise `crl_max`" } else { hint(fault) };
        (message(checks.shown, path, fault), hint)
    });
    let (path, lists) = match (opened, unread) {
        (Ok(contents), _) => {
            let lists = match context.lists.get(&contents.path) {
                Some(known) => known.clone(),
                None => parse(checks, &contents, &context.accepted, at),
            };
            // The findings of a file are reported for each sender that names it.
            if at.findings.len() == before {
                context.lists.insert(contents.path.clone(), lists.clone());
            }
            let sign = |(list, der)| sign(checks, list, &der, &contents.path, at).map(|signed| (signed, der));
            (contents.path.clone(), lists.into_iter().filter_map(sign).collect())
        }
        (Err(_), Some(path)) => (path, Vec::new()),
        (Err(reported), None) => return Err(reported),
    };
    let fault = at.findings.error_after(before);
    at.findings.limit(before, FILE_FINDINGS_MAX, &format!("{}: `{}`", checks.shown, file.text));
    Ok(ListFile { at, path, lists, fault })
}

/// The lists of a file. Those in force are not parsed again.
fn parse(
    checks: &ListContext<'_>,
    contents: &Contents,
    accepted: &AcceptedLists,
    at: Location<'_>,
) -> Vec<ReadList> {
    let what = format!("{}: `{}`", checks.shown, contents.path.display());
    let found = parsed(contents, FileUse::RevocationLists, revocation_lists, &what, at).unwrap_or_default();
    let usable = |der: Vec<u8>| match accepted
        .in_force_as(&der)
        .map_or_else(|| RevocationList::from_der(&der).map(Arc::new), Ok)
    {
        Ok(list) => Some((list, Arc::new(der))),
        Err(fault) => {
            at.error(format!("{what}: this revocation list cannot be used: {fault}"), fault.hint());
            None
        }
    };
    found.into_iter().filter_map(usable).collect()
}

fn sign(
    checks: &ListContext<'_>,
    list: Arc<RevocationList>,
    der: &Arc<Vec<u8>>,
    path: &Path,
    at: Location<'_>,
) -> Option<SignedList> {
    let what = checks.what(path, &list);
    let signed = match SignedList::new(list, Arc::clone(der), path, checks.anchors) {
        Ok(signed) => signed,
        Err(fault) => {
            let hint =
                "fetch it again from that CA; if the CA has a new key, name its new certificate in `ca`";
            at.error(format!("{what}: {fault}"), hint);
            return None;
        }
    };
    if !signed.is_verified() {
        at.warning(
            format!("{what}: its issuer is not among the sender's CAs, so its signature is checked in each handshake"),
            "correct for the list of an intermediate that the sender sends; otherwise name its issuer in `ca`",
        );
    }
    Some(signed)
}
