//! `hookspool certs show --split`: writes each certificate to a file of its own, so that `ca` can name one of them.

use std::collections::BTreeMap;
use std::path::Path;

use super::init::not_written;
use super::report::suggested_name;
use crate::cli::exit::Failure;
use crate::devpki::{self, PkiFile};
use crate::identity::{Fingerprint, Identity};
use crate::tls::pem::certificate_pem;

/// The number of digits of the fingerprint in a file name.
const DIGITS: usize = 8;

/// Writes each different certificate to a directory, which is created if it is missing. Returns the path of each.
///
/// # Errors
/// If a file exists already (no file is written then), or a file cannot be written.
pub(super) fn split(
    folder: &Path,
    certificates: &[(Identity, Vec<u8>)],
) -> Result<BTreeMap<Fingerprint, String>, Failure> {
    let unique: BTreeMap<_, _> = certificates.iter().map(|it| (it.0.sha256, it)).collect();
    let stem = |identity: &Identity| suggested_name(identity.common_name.one().unwrap_or("certificate"));
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    for (identity, _) in unique.values() {
        *uses.entry(stem(identity)).or_default() += 1;
    }
    let name = |identity: &Identity| {
        let stem = stem(identity);
        // A name must not depend on the order of the certificates.
        let digits = if uses.get(&stem).is_some_and(|uses| *uses > 1) {
            format!("-{}", identity.sha256.to_string().get(..DIGITS).unwrap_or_default())
        } else {
            String::new()
        };
        format!("{stem}{digits}.pem")
    };
    let file = |(identity, der): &&(Identity, Vec<u8>)| PkiFile {
        name: name(identity),
        pem: certificate_pem(der),
        secret: false,
        is_root_key: false,
    };
    let files: Vec<_> = unique.values().map(file).collect();
    let paths = devpki::write(folder, &files, None, false).map_err(not_written)?;
    let paths = paths.into_iter().map(|path| path.to_string_lossy().into_owned());
    Ok(unique.into_keys().zip(paths).collect())
}
