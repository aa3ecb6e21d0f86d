//! `[spool]`: the directory of the spool, its group, and how long entries stay in it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::config::context::ValidationContext;
use crate::config::files::FileFault;
use crate::config::text::{Reader, Reported, Text};
use crate::quantity::HumanDuration;
use crate::spool::{Retention, Settings};

/// The size limit of /etc/group, in bytes: about 50,000 groups.
const GROUP_BYTES_MAX: u64 = 4 << 20;
/// The value of `keep_done` and `keep_failed` that keeps all entries.
const FOREVER: &str = "forever";

/// The settings, and the name and number of the group.
pub(crate) fn spool(table: &Reader<'_>, context: &ValidationContext) -> (Settings, Option<(String, u32)>) {
    let directory = table.text("directory").ok().flatten();
    if let Some(directory) = directory {
        check_directory(directory, context);
    }
    let named = table.text("group").ok().flatten().filter(|named| !named.text.is_empty());
    let group = named.and_then(|named| Some((named.text.to_owned(), group(named, context).ok()??)));
    let settings = Settings {
        directory: context.files.resolve(directory.map_or("", |directory| directory.text)),
        group: group.as_ref().map(|(_, number)| *number),
        retention: Retention {
            taken: table.time_or("taken_timeout", "off"),
            done: retention("keep_done", table),
            failed: retention("keep_failed", table),
        },
        min_free: table.size("min_free"),
    };
    (settings, group)
}

/// Reports a path that cannot be the spool's directory. A missing directory is created at startup.
fn check_directory(directory: Text<'_>, context: &ValidationContext) {
    let path = context.files.resolve(directory.text);
    let message = if directory.is_empty_or_has_nul() {
        "`directory` is not the path of a directory".to_owned()
    } else if directory.without_tilde().is_err() {
        return;
    } else {
        let is_file = |place: &&Path| fs::metadata(place).is_ok_and(|found| !found.is_dir());
        let Some(file) = path.ancestors().find(is_file) else { return };
        format!("`directory`: `{}` is not a directory", file.display())
    };
    let hint = "write the path of a directory; the default is `spool`, in the directory of this file";
    directory.at.error(message, hint);
}

/// The time after which entries are removed; `None` means never.
fn retention(key: &str, table: &Reader<'_>) -> Option<Duration> {
    table.value(key, |Text { text, at }| match text.parse() {
        _ if text == FOREVER => Ok(None),
        Ok(HumanDuration(time)) if time > Duration::ZERO => Ok(Some(time)),
        Ok(_) => Err(at.error(
            format!("`{key}` is `{text}`, so no entry would be kept"),
            "write a longer time; entries in `done` cost only disk space",
        )),
        Err(fault) => Err(at.error(
            format!("`{key}` is neither a time nor `{FOREVER}`: {fault}"),
            format!("write `{key} = \"7d\"` or `{key} = \"{FOREVER}\"`"),
        )),
    })
}

/// The number of a group, which is written as its name or its number. None in a restricted process, which cannot look
/// up a changed name: the change takes effect after a restart.
pub(super) fn group(
    Text { text, at }: Text<'_>,
    context: &ValidationContext,
) -> Result<Option<u32>, Reported> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        // chown(2) leaves the group unchanged for the largest number.
        let number = text.parse().ok().filter(|number| *number != u32::MAX);
        return number.map(Some).ok_or_else(|| {
            let hint = "write the name of the group, or its number from /etc/group";
            at.error(format!("`{text}` is too large for a group number"), hint)
        });
    }
    if let Some(known) = context.files.group(text) {
        return Ok(Some(known));
    }
    let groups = match context.files.of_system("/etc/group", GROUP_BYTES_MAX) {
        Ok(groups) => groups,
        Err(FileFault::Beyond(_)) => return Ok(None),
        Err(fault) => {
            return Err(at.error(
                format!("the group `{text}` cannot be looked up: `/etc/group` {fault}"),
                "write the number of the group instead of its name",
            ));
        }
    };
    number_of(text, &String::from_utf8_lossy(&groups.bytes)).map(Some).ok_or_else(|| {
        at.error(
            format!("there is no group `{text}` in /etc/group"),
            format!("create it with `groupadd --system {text}`, or write the number of a group from another database"),
        )
    })
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
