//! The flags of `hookspool forward`.
#![allow(rustdoc::broken_intra_doc_links, reason = "help for a terminal, where brackets are no links")]

use crate::policy::Name;

/// `hookspool forward`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without flags, the entries are forwarded as the [[consumer]] tables specify, until a signal stops the
process. With --endpoint and --to, no table is needed: each attempt prints one line with the time, the
ID, the event, the response and the duration.

Exit status with --once: 0 if nothing is left, 75 if some entries have to wait, 1 if one failed.

Examples:
  hookspool forward
  hookspool forward --endpoint pix --to http://localhost:3000/webhooks")]
pub struct ForwardArgs {
    /// Forward the entries of this endpoint; none of the [[consumer]] tables may name it
    #[arg(long, value_name = "NAME", requires = "to")]
    pub endpoint: Option<Name>,
    /// The URL to send the entries to: http://, https:// or unix:PATH:/path
    #[arg(long, value_name = "URL", requires = "endpoint")]
    pub to: Option<String>,
    /// Attempt each entry once, and exit
    #[arg(long, requires = "to", conflicts_with = "copy")]
    pub once: bool,
    /// Send a copy of each entry that arrives, and leave the entry where it is
    #[arg(long, requires = "to")]
    pub copy: bool,
    /// Print the SQL that creates the table of a postgres consumer
    #[arg(long, value_name = "TABLE", num_args = 0..=1, default_missing_value = "webhooks", conflicts_with_all = ["endpoint", "to"])]
    pub print_schema: Option<String>,
}
