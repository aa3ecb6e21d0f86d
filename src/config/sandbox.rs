//! `[sandbox]`: whether the process is restricted, and what it may read nevertheless.

use super::context::{ValidationContext, section};
use super::keys;
use super::raw::Node;
use super::reader::{Field, Reader, Text};
use crate::sandbox::Settings;

pub(super) fn sandbox(node: Option<&Node>, context: &mut ValidationContext) -> Settings {
    let (table, span) = section(node, "sandbox", context);
    let reader = Reader::new(table, span, &keys::SANDBOX, &mut context.findings);
    let landlock = reader.boolean("landlock", &mut context.findings).or(true);
    let folders = match reader.texts("read", &mut context.findings) {
        Field::Is((folders, _)) => folders,
        Field::Missing | Field::Bad => Vec::new(),
    };
    let mut read = Vec::new();
    for folder in folders {
        if is_a_name(folder, context) {
            let path = context.files.resolve(folder.text);
            if !path.is_dir() {
                context
                    .findings
                    .warning(folder.span, format!("`read`: there is no directory `{}`", path.display()))
                    .hint("create it before the start; a directory that is created later cannot be read");
            }
            read.push(path);
        }
    }
    Settings { landlock, read }
}

fn is_a_name(folder: Text<'_>, context: &mut ValidationContext) -> bool {
    let is_valid = !folder.text.is_empty() && !folder.text.contains('\0');
    if !is_valid {
        context
            .findings
            .error(folder.span, "`read` contains a text that is not the path of a directory")
            .hint("write a path, as in `read = [\"/etc/letsencrypt\"]`; relative ones start at the directory of this file");
    }
    is_valid
}
