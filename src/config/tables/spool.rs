//! `[spool]`: the directory of the spool, its group, and the retention.

use std::path::Path;
use std::time::Duration;

use crate::config::context::{ValidationContext, section};
use crate::config::files::read;
use crate::config::schema;
use crate::config::text::findings::Findings;
use crate::config::text::raw::Node;
use crate::config::text::reader::{Field, Reader, Text};
use crate::quantity::HumanDuration;
use crate::spool::{Retention, Settings};

/// The size limit of /etc/group, in bytes: about 50,000 groups.
const GROUP_BYTES_MAX: u64 = 4 << 20;
/// The value of `keep_done` and `keep_failed` that keeps all entries.
const FOREVER: &str = "forever";

/// The settings, and the name and number of the group.
pub(crate) fn spool(
    node: Option<&Node>,
    context: &mut ValidationContext,
    findings: &mut Findings,
) -> (Settings, Option<(String, u32)>) {
    let (table, span) = section(node, "spool", findings);
    let reader = Reader::new(table, span, &schema::SPOOL, findings);
    let directory = match reader.text("directory", findings) {
        Field::Missing | Field::Bad => "",
        Field::Is(found) => {
            if found.text.is_empty() || found.text.contains('\0') {
                findings
                    .error(found.span, "`directory` is not the path of a directory")
                    .hint("the default is `spool`, in the directory of this file");
            }
            found.text
        }
    };
    let named = reader.text("group", findings).ok();
    let group = named.and_then(|named| Some((named.text.to_owned(), group(named, context, findings)?)));
    let settings = Settings {
        directory: context.files.resolve(directory),
        group: group.as_ref().map(|(_, number)| *number),
        retention: Retention {
            done: retention("keep_done", &reader, findings),
            failed: retention("keep_failed", &reader, findings),
        },
        min_free: reader.size("min_free", findings),
    };
    (settings, group)
}

/// The time after which entries are removed; `None` means never.
fn retention(key: &str, reader: &Reader<'_>, findings: &mut Findings) -> Option<Duration> {
    reader.value(key, findings, |found, findings| {
        if found.text == FOREVER {
            return Some(None);
        }
        match found.text.parse::<HumanDuration>() {
            Ok(HumanDuration(time)) if time > Duration::ZERO => return Some(Some(time)),
            Ok(_) => findings
                .error(found.span, format!("`{key}` is `{}`, so no entry would be kept", found.text))
                .hint("write a longer time; entries in `done` cost only disk space"),
            Err(fault) => findings
                .error(found.span, format!("`{key}` is neither a time nor `{FOREVER}`: {fault}"))
                .hint(format!("write `{key} = \"7d\"` or `{key} = \"{FOREVER}\"`")),
        };
        None
    })
}

/// The number of a group; `None` for an empty name and for an unknown group, which is reported.
fn group(named: Text<'_>, context: &mut ValidationContext, findings: &mut Findings) -> Option<u32> {
    if named.text.is_empty() {
        return None;
    }
    if named.text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number = named.text.parse().ok();
        // chown(2) leaves the group unchanged for the largest number.
        if number.is_none_or(|number: u32| number == u32::MAX) {
            findings
                .error(named.span, format!("`{}` is too large for a group number", named.text))
                .hint("write the name of the group, or its number from /etc/group");
        }
        return number;
    }
    let listed = || {
        let groups = read(Path::new("/etc/group"), GROUP_BYTES_MAX).ok()?;
        number_of(named.text, &String::from_utf8_lossy(&groups.bytes))
    };
    let found = context.files.read_scope.group(named.text).or_else(listed);
    if found.is_none() {
        findings.error(named.span, format!("there is no group `{}` in /etc/group", named.text)).hint(
            format!(
                "create it with `groupadd --system {}`, or write the number of a group from another database",
                named.text
            ),
        );
    }
    found
}

/// Finds the number in lines of the form `name:password:number:members` (group(5)).
fn number_of(name: &str, groups: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_whole_name() {
        let groups = "root:x:0:\nhookspooler:x:7:\nhookspool:x:990:ana,rui\nbroken\n";
        assert_eq!(number_of("hookspool", groups), Some(990));
        assert_eq!(number_of("hook", groups), None);
        assert_eq!(number_of("broken", groups), None);
    }
}
