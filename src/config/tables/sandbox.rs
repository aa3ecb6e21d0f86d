//! `[sandbox]`: whether the process is restricted, and what it may still read.

use std::{fs, io};

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
        if folder.without_tilde().is_err() {
            continue;
        }
        let path = context.files.resolve(folder.text);
        let shown = path.display();
        let fault = match fs::metadata(&path) {
            Ok(found) if found.is_dir() => None,
            Err(why) if why.kind() != io::ErrorKind::NotFound => {
                Some(format!("`read`: the directory `{shown}` cannot be accessed: {why}"))
            }
            Ok(_) | Err(_) => Some(format!("`read`: there is no directory `{shown}`")),
        };
        if let Some(fault) = fault {
            let hint = "create it before startup; a directory that is created later cannot be read";
            folder.at.warning(fault, hint);
        }
        read.push(path);
    }
    Settings { landlock: table.boolean("landlock"), read }
}
