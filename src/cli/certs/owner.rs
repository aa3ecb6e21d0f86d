//! `USER[:GROUP]`, as chown(1) accepts it, looked up in /etc/passwd and /etc/group.

use std::fs;
use std::path::Path;

use rustix::fs::{Gid, Uid};

use crate::cli::exit::Failure;
use crate::devpki::Owner;

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// Resolves the user and the group, which are names or numbers.
///
/// # Errors
/// If there is no such user or group.
pub fn owner(text: &str) -> Result<Owner, Failure> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    Ok(Owner {
        user: Uid::from_raw(find(user, "user", PASSWD)?),
        group: group.map(|group| find(group, "group", GROUP)).transpose()?.map(Gid::from_raw),
    })
}

fn find(name: &str, kind: &str, database: &str) -> Result<u32, Failure> {
    let lines = fs::read_to_string(database).map_err(|why| Failure::reading(Path::new(database), why))?;
    number(name, &lines)
        .ok_or_else(|| Failure::Usage(format!("`--owner`: there is no {kind} `{name}` in `{database}`")))
}

/// The third field of the line that begins with `name`; in both files that is the number.
fn number(name: &str, lines: &str) -> Option<u32> {
    lines
        .lines()
        .map(|line| line.split(':'))
        .find_map(|mut fields| (fields.next()? == name).then(|| fields.nth(1)?.parse().ok()).flatten())
        // For chown(2), -1 means "unchanged"; no user or group has this number.
        .or_else(|| name.parse().ok().filter(|number| *number != u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_before_numbers() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nhook:x:998:997::/:/bin/false\n1000:x:7:7::/:/bin/sh\n";
        assert_eq!(number("hook", passwd), Some(998));
        assert_eq!(number("1000", passwd), Some(7));
        assert_eq!(number("1001", passwd), Some(1001));
        assert_eq!(number("nobody", passwd), None);
        assert_eq!(number("", passwd), None);
        assert_eq!(number("4294967295", passwd), None);
    }
}
