//! Files with a secret, whose contents are never shown.

use std::sync::Arc;

use super::mount::open_to_all;
use crate::config::context::ValidationContext;
use crate::config::files::{Contents, FileFault};
use crate::config::text::{Reported, Text};

/// The size limit of a file with a secret, in bytes.
const FILE_BYTES_MAX: u64 = 4096;

/// The contents of the file that `key` names. The text is never shown, because people write the secret instead of the
/// path of its file.
pub(crate) fn secret_file(
    file: Text<'_>,
    key: &str,
    what: &str,
    context: &mut ValidationContext,
) -> Result<Arc<Contents>, Reported> {
    context.files.open_or(file, what, FILE_BYTES_MAX, |_, fault| {
        let message = if matches!(fault, FileFault::Missing) {
            format!("{what}: `{key}` names a file that does not exist")
        } else {
            format!("{what}: the file that `{key}` names {fault}")
        };
        (
            message,
            "it must be the path of a file that contains the secret, not the secret; correct the path, and make the file readable by the user that runs hookspool",
        )
    })
}

/// A description of a file that other users, or the members of `[spool] group`, can access, and a hint.
pub(crate) fn open_to_others(file: &Contents, context: &ValidationContext) -> Option<(String, String)> {
    open_to_all(file).or_else(|| context.files.open_to_consumers(file))
}
