//! The processes that read webhooks.toml, and the tables of each.

/// The process that a configuration is loaded for. It opens only the files of its own tables, and only errors in these
/// prevent its start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Process {
    /// `hookspool run`.
    Daemon,
    /// `hookspool forward`.
    Forward,
    /// `hookspool check`, which validates all tables.
    Check,
}

/// The process whose settings a table contains. Other tables, such as `[spool]`, are those of both.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum TableOwner {
    /// `[server]`, `[tls]`, `[admin]`, `[[sender]]` and `[[endpoint]]`.
    Daemon,
    /// `[forward]` and `[[consumer]]`.
    Forward,
}

impl Process {
    /// Whether the process uses the tables of this owner.
    pub(super) fn uses(self, owner: TableOwner) -> bool {
        match self {
            Self::Daemon => owner == TableOwner::Daemon,
            Self::Forward => owner == TableOwner::Forward,
            Self::Check => true,
        }
    }
}
