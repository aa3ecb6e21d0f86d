//! The defaults of the schema, read by the parser that reads webhooks.toml.

use std::sync::LazyLock;

use super::raw::{self, Node};
use crate::config::schema::{Fallback, TABLES_OF_KEYS, TableSchema};

/// The defaults of each table, under the table's name.
static DEFAULTS: LazyLock<Vec<(&str, raw::Table)>> =
    LazyLock::new(|| TABLES_OF_KEYS.iter().map(|table| (table.name, parse(table))).collect());

/// The default of a key, if it has one.
pub(crate) fn default(table: &TableSchema, key: &str) -> Option<&'static Node> {
    let (_, defaults) = DEFAULTS.iter().find(|(name, _)| *name == table.name)?;
    defaults.get(key)
}

fn parse(table: &TableSchema) -> raw::Table {
    let line = |name: &str, value: &str| format!("{name} = {value}\n");
    let lines: String = table
        .keys
        .iter()
        .filter_map(|key| match key.default {
            Fallback::Value(value) => Some(line(key.name, value)),
            Fallback::Required | Fallback::Absent(_) => None,
        })
        .collect();
    raw::parse(&lines).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::{ByteSize, HumanDuration};

    #[test]
    fn every_bound_is_of_the_kind_of_its_key() {
        for key in TABLES_OF_KEYS.iter().flat_map(|table| table.keys) {
            for bound in key.range.iter().flat_map(|(min, max)| [*min, *max]) {
                let parses = match key.kind {
                    "size" => bound.parse::<ByteSize>().is_ok(),
                    "number" => bound.parse::<i64>().is_ok(),
                    _ => bound.parse::<HumanDuration>().is_ok(),
                };
                assert!(parses, "{}: {bound}", key.name);
            }
        }
    }

    #[test]
    fn every_default_and_example_is_a_value() {
        for table in TABLES_OF_KEYS {
            for key in table.keys {
                let has_default = matches!(key.default, Fallback::Value(_));
                assert_eq!(default(table, key.name).is_some(), has_default, "{} {}", table.name, key.name);
                let (_, faults) = raw::parse(&format!("{} = {}", key.name, key.example));
                let is_header = key.example.starts_with("[[");
                assert!(faults.is_empty() || is_header, "{} {}", table.name, key.name);
            }
        }
    }
}
