//! `[sandbox]`: what the process gives up, and what it may still read.

use super::context::{ValidationContext, section};
use super::findings::Findings;
use super::raw::Node;
use super::reader::{Reader, Text};
use super::schema;
use crate::sandbox::Settings;

pub(super) fn sandbox(
    node: Option<&Node>,
    context: &mut ValidationContext,
    findings: &mut Findings,
) -> Settings {
    let (table, span) = section(node, "sandbox", findings);
    let reader = Reader::new(table, span, &schema::SANDBOX, findings);
    let landlock = reader.boolean("landlock", findings);
    let (folders, _) = reader.texts("read", findings).or((Vec::new(), span));
    let mut read = Vec::new();
    for folder in folders {
        if is_a_name(folder, findings) {
            let path = context.files.resolve(folder.text);
            if !path.is_dir() {
                findings
                    .warning(folder.span, format!("`read`: there is no folder `{}`", path.display()))
                    .hint("make it before the start: what comes later cannot be read");
            }
            read.push(path);
        }
    }
    Settings { landlock, read }
}

fn is_a_name(folder: Text<'_>, findings: &mut Findings) -> bool {
    let sound = !folder.text.is_empty() && !folder.text.contains('\0');
    if !sound {
        findings
            .error(folder.span, "`read` holds a text that is not the name of a folder")
            .hint("write a path, as in `read = [\"/etc/letsencrypt\"]`; relative ones start at the folder of this file");
    }
    sound
}
