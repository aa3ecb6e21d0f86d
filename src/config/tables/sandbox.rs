//! `[sandbox]`: whether the process is restricted, and what it may still read.

use crate::config::context::{ValidationContext, section};
use crate::config::schema;
use crate::config::text::findings::Findings;
use crate::config::text::raw::Node;
use crate::config::text::reader::{Reader, Text};
use crate::sandbox::Settings;

pub(crate) fn sandbox(
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
                    .warning(folder.span, format!("`read`: there is no directory `{}`", path.display()))
                    .hint("create it before startup; a directory that is created later cannot be read");
            }
            read.push(path);
        }
    }
    Settings { landlock, read }
}

fn is_a_name(folder: Text<'_>, findings: &mut Findings) -> bool {
    let is_valid = !folder.text.is_empty() && !folder.text.contains('\0');
    if !is_valid {
        findings
            .error(folder.span, "`read` contains a string that is not the path of a directory")
            .hint("write a path, as in `read = [\"/etc/letsencrypt\"]`; relative ones start at the directory of this file");
    }
    is_valid
}
