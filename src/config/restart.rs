//! The settings that require a restart, to compare those of two configurations.

use super::process::{Process, TableOwner};
use super::schema::{self, TABLES_OF_KEYS};
use super::text::{Table, Value, default};
use crate::escape::toml_string;

/// The values of the settings that require a restart: sockets stay bound, and the spool stays open.
#[derive(Clone, Debug)]
pub struct RestartSettings(Vec<(String, String)>);

impl RestartSettings {
    /// Those of a process, without the tables of others.
    pub(super) fn of(top: &Table, process: Process) -> Self {
        let is_used = |table: &schema::TableSchema| match table.name {
            "[server]" | "[admin]" => process.uses(TableOwner::Daemon),
            "[forward]" => process.uses(TableOwner::Forward),
            _ => true,
        };
        let tables = TABLES_OF_KEYS.iter().filter(|table| is_used(table));
        let keys = tables.flat_map(|table| table.keys.iter().map(move |key| (*table, key)));
        let keys = keys.filter(|(_, key)| key.needs_restart);
        Self(
            keys.map(|(table, key)| (format!("{} {}", table.name, key.name), value(top, table, key.name)))
                .collect(),
        )
    }

    /// The names of the settings that have a different value in `other`.
    pub fn changed<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        let pairs = self.0.iter().zip(&other.0);
        pairs.filter(|(mine, theirs)| mine != theirs).map(|((name, _), _)| name.as_str())
    }
}

/// The value of a key, or its default, in one notation.
fn value(top: &Table, table: &schema::TableSchema, key: &str) -> String {
    let written =
        top.get(table.name.trim_matches(['[', ']'])).and_then(|node| node.value.as_table()?.get(key));
    written.or_else(|| default(table, key)).map_or(String::new(), |node| notation(&node.value))
}

/// One string and a list of that string mean the same.
fn notation(value: &Value) -> String {
    match value {
        Value::Text(text) => toml_string(text),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::List(items) => items.iter().map(|item| notation(&item.value)).collect::<Vec<_>>().join(", "),
        // No setting that requires a restart has such a value.
        Value::Integer(_) | Value::Table(_) | Value::Other(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::parse;
    use super::*;

    fn changed(from: &str, to: &str) -> Vec<String> {
        let [from, to] = [from, to].map(|text| RestartSettings::of(&parse(text).0, Process::Daemon));
        from.changed(&to).map(str::to_owned).collect()
    }

    #[test]
    fn only_settings_that_take_a_restart_are_named() {
        let changes = "[server]\nlisten = \"127.0.0.1:1\"\nidle_timeout = \"1s\"\n[spool]\ngroup = \"x\"\nmin_free = \"1 MiB\"\n[sandbox]\nread = [\"/x\"]\n";
        assert_eq!(changed("", changes), ["[server] listen", "[spool] group", "[sandbox] read"]);
        assert_eq!(changed(changes, changes), Vec::<String>::new());
    }

    #[test]
    fn a_default_that_is_written_and_one_string_for_a_list_of_one_are_no_change() {
        let written = "[server]\nlisten = \"127.0.0.1:8443\"\n[spool]\ndirectory = \"spool\"\n[sandbox]\nlandlock = true\n";
        assert_eq!(changed("", written), Vec::<String>::new());
    }
}
