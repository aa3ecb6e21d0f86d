//! `[spool]`: the directory of the spool, its group, and the retention.

use std::path::Path;
use std::time::Duration;

use super::context::{ValidationContext, section};
use super::defaults as default;
use super::files::read;
use super::keys;
use super::raw::Node;
use super::reader::{Field, Reader, Text};
use crate::quantity::{ByteSize, HumanDuration};
use crate::spool::{Retention, Settings};

/// The value of `keep_done` and `keep_failed` that keeps all entries.
const FOREVER: &str = "forever";

pub(super) fn spool(node: Option<&Node>, context: &mut ValidationContext) -> Settings {
    let (table, span) = section(node, "spool", context);
    let reader = Reader::new(table, span, &keys::SPOOL, &mut context.findings);
    let directory = match reader.text("directory", &mut context.findings) {
        Field::Missing | Field::Bad => default::SPOOL_DIRECTORY,
        Field::Is(found) => {
            if found.text.is_empty() || found.text.contains('\0') {
                context.findings.error(found.span, "`directory` is not the path of a directory").hint(
                    format!("the default is `{}`, in the directory of this file", default::SPOOL_DIRECTORY),
                );
            }
            found.text
        }
    };
    let all = (ByteSize(0), ByteSize(u64::MAX));
    Settings {
        directory: context.files.resolve(directory),
        group: reader.text("group", &mut context.findings).ok().and_then(|named| group(named, context)),
        retention: Retention {
            done: retention("keep_done", default::KEEP_DONE, &reader, context),
            failed: retention("keep_failed", default::KEEP_FAILED, &reader, context),
        },
        min_free: reader.size("min_free", all, default::MIN_FREE, &mut context.findings),
    }
}

/// The time after which entries are removed; `None` means never.
fn retention(
    key: &str,
    default: Option<Duration>,
    reader: &Reader<'_>,
    context: &mut ValidationContext,
) -> Option<Duration> {
    let written = reader.text(key, &mut context.findings).and_then(|found| {
        if found.text == FOREVER {
            return Some(None);
        }
        match found.text.parse::<HumanDuration>() {
            Ok(HumanDuration(time)) if time > Duration::ZERO => Some(Some(time)),
            Ok(_) => {
                context
                    .findings
                    .error(found.span, format!("`{key}` is `{}`, so no entry would be kept", found.text))
                    .hint("let consumers delete entries instead of moving them, or write a longer time");
                None
            }
            Err(fault) => {
                context
                    .findings
                    .error(found.span, format!("`{key}` is neither a time nor `{FOREVER}`: {fault}"))
                    .hint(format!("write one of `{key} = \"7d\"` and `{key} = \"{FOREVER}\"`"));
                None
            }
        }
    });
    written.or(default)
}

/// The number of a group; `None` for an empty name and for an unknown group, which is reported.
fn group(named: Text<'_>, context: &mut ValidationContext) -> Option<u32> {
    if named.text.is_empty() {
        return None;
    }
    if named.text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number = named.text.parse().ok();
        // chown(2) leaves the group unchanged for the largest number.
        if number.is_none_or(|number: u32| number == u32::MAX) {
            context
                .findings
                .error(named.span, format!("`{}` is too large for the number of a group", named.text))
                .hint("write the name of the group, or its number from /etc/group");
        }
        return number;
    }
    let listed = || {
        let groups = read(Path::new("/etc/group"), default::GROUP_BYTES_MAX).ok()?;
        number_of(named.text, &String::from_utf8_lossy(&groups.bytes))
    };
    let found = context.files.read_scope.group(named.text).or_else(listed);
    context.group = found.map(|number| (named.text.to_owned(), number));
    if found.is_none() {
        context.findings.error(named.span, format!("there is no group `{}` in /etc/group", named.text)).hint(
            format!(
                "create it with `groupadd --system {}`, or write the number of a group of another database",
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
