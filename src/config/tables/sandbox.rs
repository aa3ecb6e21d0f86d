//! `[sandbox]`: whether the process is restricted, and what it may still read.

use crate::config::context::ValidationContext;
use crate::config::text::Reader;
use crate::sandbox::Settings;

pub(crate) fn sandbox(table: &Reader<'_>, context: &ValidationContext) -> Settings {
    let mut read = Vec::new();
    for folder in table.texts("read") {
        if folder.is_empty_or_has_nul() {
            folder.at.error(
                "`read` contains a string that is not the path of a directory",
                "write a path, as in `read = [\"/etc/letsencrypt\"]`; relative ones start at the directory of this file",
            );
            continue;
        }
        let path = context.files.resolve(folder.text);
        if !path.is_dir() {
            folder.at.warning(
                format!("`read`: there is no directory `{}`", path.display()),
                "create it before startup; a directory that is created later cannot be read",
            );
        }
        read.push(path);
    }
    Settings { landlock: table.boolean("landlock"), read }
}
