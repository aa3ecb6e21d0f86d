//! Validates webhooks.toml table by table, and reports all findings at once.

use super::admin::admin;
use super::context::{ValidationContext, sections};
use super::endpoints::endpoints;
use super::keys;
use super::log::log;
use super::raw::Table;
use super::reader::Reader;
use super::reload::reload;
use super::routes::{check_senders, policy};
use super::sandbox::sandbox;
use super::senders::senders;
use super::server::server;
use super::server_chain::report_alone;
use super::settings::Settings;
use super::spool::spool;
use super::tls::tls;

/// The settings; `None` if a part of them is invalid, which is reported.
pub(super) fn validate(table: &Table, context: &mut ValidationContext) -> Option<Settings> {
    let nowhere = 0..0;
    let top = Reader::new(table, &nowhere, &keys::TOP, &mut context.findings);
    let node = |name: &str| top.node(name);
    let (server, limits) = server(node("server"), context);
    let tls = tls(node("tls"), context);
    let spool = spool(node("spool"), context);
    let admin = admin(node("admin"), &server.listen, context);
    let reload = reload(node("reload"), context);
    let log = log(node("log"), context);
    let sandbox = sandbox(node("sandbox"), context);
    let sender_drafts = senders(&sections(node("sender"), "sender", context), context);
    let endpoint_drafts =
        endpoints(&sections(node("endpoint"), "endpoint", context), &sender_drafts, context);
    if !endpoint_drafts.is_empty() {
        check_senders(&sender_drafts, &endpoint_drafts, context);
    }
    let count = sender_drafts.len();
    let senders: Vec<_> = sender_drafts.into_iter().filter_map(|draft| draft.sender).collect();
    let policy =
        policy(senders.iter().map(|trusted| trusted.sender.clone()).collect(), &endpoint_drafts, context);
    if senders.len() != count || senders.is_empty() || endpoint_drafts.is_empty() {
        return None;
    }
    report_alone(context);
    Some(Settings {
        server,
        limits,
        reload,
        tls: tls?,
        senders,
        policy: policy?,
        spool,
        group: context.group.take(),
        admin,
        log,
        sandbox,
        files: Vec::new(),
        digest: context.files.digest(),
        certificates: std::mem::take(&mut context.certificates),
        degraded: std::mem::take(&mut context.degraded),
    })
}
