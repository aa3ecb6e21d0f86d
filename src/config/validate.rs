//! Validates webhooks.toml table by table, and reports all findings at once.

use super::context::{Facts, ValidationContext};
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
use super::text::{Findings, Reader, Table};

/// The settings of a text; complete only if no error was found.
pub(super) fn validate(
    table: &Table,
    context: &mut ValidationContext,
    findings: &Findings,
) -> Option<Settings> {
    let mut facts = Facts::default();
    let top = Reader::top(table, &schema::TOP, findings);
    let (server, limits) = server(&top.section(&schema::SERVER));
    let beyond_loopback = server.is_beyond_loopback();
    let (spool, group) = spool(&top.section(&schema::SPOOL), context);
    context.files.spool_group = spool.group;
    let tls = tls(&top, context, &mut facts, beyond_loopback);
    let (admin, admin_group) = admin(&top.section(&schema::ADMIN), &server.listen, context);
    let reload = reload(&top.section(&schema::RELOAD));
    let log = log(&top.section(&schema::LOG));
    let sandbox = sandbox(&top.section(&schema::SANDBOX), context);
    let sender_tables = top.sections("sender", &schema::SENDER).unwrap_or_default();
    let sender_drafts = senders(&sender_tables, context, &mut facts, beyond_loopback);
    let endpoint_tables = top.sections("endpoint", &schema::ENDPOINT).unwrap_or_default();
    let endpoint_drafts = endpoints(&endpoint_tables, &sender_drafts, context);
    check_senders(&sender_drafts, &endpoint_drafts);
    let count = sender_drafts.len();
    let senders: Vec<_> = sender_drafts.into_iter().filter_map(|draft| draft.sender).collect();
    let policy = policy(senders.iter().map(|trusted| trusted.sender.clone()).collect(), &endpoint_drafts);
    if senders.len() != count || senders.is_empty() || endpoint_drafts.is_empty() {
        return None;
    }
    report_no_chain(&facts);
    Some(Settings {
        server,
        limits,
        reload,
        tls: tls.ok()?,
        senders,
        policy: policy?,
        spool,
        groups: group.into_iter().chain(admin_group).collect(),
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
