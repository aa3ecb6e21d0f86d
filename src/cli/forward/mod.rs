//! `hookspool forward`: forwards entries to applications.

mod ad_hoc;
mod service;

use std::path::PathBuf;

use super::exit::{Exit, Failure};
use super::forward_args::ForwardArgs;
use super::output::print;

/// Forwards as the configuration or the flags specify, or prints the table of a postgres consumer.
///
/// # Errors
/// If the configuration has errors, or a resource is not available.
pub fn forward(
    config: impl FnOnce() -> Result<PathBuf, Failure>,
    args: &ForwardArgs,
) -> Result<Exit, Failure> {
    if let Some(table) = &args.print_schema {
        print(&schema(table)?)?;
        return Ok(Exit::Success);
    }
    match (&args.endpoint, &args.to) {
        (Some(endpoint), Some(to)) => ad_hoc::forward(&config()?, endpoint, to, args),
        (_, _) => service::run(&config()?),
    }
}

#[cfg(feature = "postgres")]
fn schema(table: &str) -> Result<String, Failure> {
    let name = crate::config::table_name(table);
    let hint = "write NAME or SCHEMA.NAME, each of letters, digits and `_`";
    let table =
        name.ok_or_else(|| Failure::Usage(format!("`{table}` is not the name of a table: {hint}")))?;
    Ok(crate::forward::print_schema(&table))
}

#[cfg(not(feature = "postgres"))]
fn schema(_: &str) -> Result<String, Failure> {
    Err(Failure::Usage("this hookspool was built without `postgres`".to_owned()))
}
