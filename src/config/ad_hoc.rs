//! The consumer of `hookspool forward --endpoint NAME --to URL`, which no table configures.

use std::path::Path;

use super::load::{LoadError, without_findings};
use super::schema;
use super::tables::consumers::consumers;
use super::tables::endpoints::endpoints;
use super::text::{Findings, Reader, parse};
use crate::diagnostic::SourceFile;
use crate::escape::toml_string;
use crate::forward::Consumer;
use crate::policy::Name;

/// A consumer with one endpoint of this configuration. The table that it would have is read like any other.
///
/// # Errors
/// If the file cannot be read; and why the endpoint or the URL cannot be used, as a message with a hint.
pub fn ad_hoc_consumer(
    path: &Path,
    endpoint: &Name,
    url: &str,
) -> Result<Result<Consumer, String>, LoadError> {
    let text = format!(
        "[[consumer]]\nname = \"ad-hoc\"\nendpoints = [\"{endpoint}\"]\n\
         retry = {{ min = \"1s\", max = \"30s\", give_up = \"1d\" }}\nhttp = {{ url = {} }}\n",
        toml_string(url)
    );
    without_findings(path, |top, context| {
        let tables = top.sections("endpoint", &schema::ENDPOINT).unwrap_or_default();
        let known = endpoints(&tables, &[], context);
        let (table, faults) = parse(&text);
        let findings = Findings::new(SourceFile::new("--to", &*text), &faults);
        let consumer = consumers(&Reader::top(&table, &schema::TOP, &findings), &known, context).pop();
        let report = findings.into_report();
        let first = report.findings().first().map(|finding| {
            let hint = finding.hint.as_deref().map_or(String::new(), |hint| format!(" ({hint})"));
            format!("{}{hint}", finding.message)
        });
        let consumer = consumer.and_then(|draft| draft.consumer);
        consumer.ok_or_else(|| first.unwrap_or_else(|| format!("there is no endpoint `{endpoint}`")))
    })
}
