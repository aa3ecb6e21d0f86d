//! Every key of webhooks.toml: the only list of them.
//!
//! It is the source of defaults and bounds for the reader, the hints about unknown keys, webhooks.toml(5), the
//! list of settings that require a restart, and the test of the distributed file.

// One line for each property of a key.
#[rustfmt::skip]
mod tables;

pub use tables::*;

/// A table of webhooks.toml.
#[derive(Debug)]
pub struct TableSchema {
    /// The name as it is written, `[server]`.
    pub name: &'static str,
    /// The keys that this version supports.
    pub keys: &'static [Key],
}

/// A key of a table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The name.
    pub name: &'static str,
    /// The kind of value, in words.
    pub kind: &'static str,
    /// The behavior if the key is missing.
    pub default: Fallback,
    /// The reason for the default, in a sentence.
    pub reason: &'static str,
    /// The smallest and the largest value, as they are written.
    pub range: Option<(&'static str, &'static str)>,
    /// A value, as it is written.
    pub example: &'static str,
    /// A description of the key, in a sentence.
    pub summary: &'static str,
    /// Whether a change takes effect only after a restart.
    pub needs_restart: bool,
}

/// The behavior if a key is missing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fallback {
    /// Nothing: the key is required.
    Required,
    /// This value, as it is written.
    Value(&'static str),
    /// No value, which has this meaning.
    Absent(&'static str),
}

/// A key that is required.
const fn key(name: &'static str, kind: &'static str, summary: &'static str) -> Key {
    let default = Fallback::Required;
    Key { name, kind, default, reason: "", range: None, example: "…", summary, needs_restart: false }
}

impl Key {
    /// The value if the key is missing, with the reason for it.
    const fn default(self, value: &'static str, reason: &'static str) -> Self {
        Self { default: Fallback::Value(value), example: value, reason, ..self }
    }

    /// The meaning if the key is missing.
    const fn absent(self, meaning: &'static str) -> Self {
        Self { default: Fallback::Absent(meaning), ..self }
    }

    const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }

    const fn range(self, min: &'static str, max: &'static str) -> Self {
        Self { range: Some((min, max)), ..self }
    }

    const fn needs_restart(self) -> Self {
        Self { needs_restart: true, ..self }
    }
}

impl TableSchema {
    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names of the keys that work in this version.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.keys.iter().map(|key| key.name)
    }
}
