//! Validates webhooks.toml table by table, and reports all findings at once.

use super::context::{Facts, ValidationContext, sections};
use super::restart::RestartSettings;
use super::schema;
use super::settings::Settings;
use super::tables::admin::admin;
use super::tables::endpoints::endpoints;
use super::tables::log::log;
use super::tables::reload::reload;
use super::tables::routes::{check_senders, policy};
use super::tables::sandbox::sandbox;
use super::tables::senders::senders;
use super::tables::server::server;
use super::tables::server_chain::report_no_chain;
use super::tables::spool::spool;
use super::tables::tls::tls;
use super::text::findings::Findings;
use super::text::raw::Table;
use super::text::reader::Reader;

/// The settings of a text; complete only if no error was found.
pub(super) fn validate(
    table: &Table,
    context: &mut ValidationContext,
    findings: &mut Findings,
) -> Option<Settings> {
    let nowhere = 0..0;
    let mut facts = Facts::default();
    let top = Reader::new(table, &nowhere, &schema::TOP, findings);
    let node = |name: &str| top.written(name);
    let (server, limits) = server(node("server"), findings);
    let beyond_loopback = server.is_beyond_loopback();
    let tls = tls(node("tls"), context, findings, &mut facts, beyond_loopback);
    let (spool, group) = spool(node("spool"), context, findings);
    let admin = admin(node("admin"), &server.listen, context, findings);
    let reload = reload(node("reload"), findings);
    let log = log(node("log"), findings);
    let sandbox = sandbox(node("sandbox"), context, findings);
    let sender_tables = sections(node("sender"), "sender", findings);
    let sender_drafts = senders(&sender_tables, context, findings, &mut facts, beyond_loopback);
    let endpoint_tables = sections(node("endpoint"), "endpoint", findings);
    let endpoint_drafts = endpoints(&endpoint_tables, &sender_drafts, context, findings);
    if !endpoint_drafts.is_empty() {
        check_senders(&sender_drafts, &endpoint_drafts, findings);
    }
    let count = sender_drafts.len();
    let senders: Vec<_> = sender_drafts.into_iter().filter_map(|draft| draft.sender).collect();
    let policy =
        policy(senders.iter().map(|trusted| trusted.sender.clone()).collect(), &endpoint_drafts, findings);
    if senders.len() != count || senders.is_empty() || endpoint_drafts.is_empty() {
        return None;
    }
    report_no_chain(&facts, findings);
    Some(Settings {
        server,
        limits,
        reload,
        tls: tls?,
        senders,
        policy: policy?,
        spool,
        group,
        admin,
        log,
        sandbox,
        restart: RestartSettings::of(table),
        files: Vec::new(),
        digest: context.files.digest(),
        certificates: facts.certificates,
        degraded: facts.degraded,
    })
}
