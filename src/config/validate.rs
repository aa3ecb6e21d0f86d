//! From the tree of webhooks.toml to settings, table by table; all findings at once.

use super::admin::admin;
use super::endpoints::endpoints;
use super::judge::{Judge, sections};
use super::keys;
use super::log::log;
use super::raw::Table;
use super::reader::Reader;
use super::reload::reload;
use super::routes::{look_at, policy};
use super::sandbox::sandbox;
use super::senders::senders;
use super::server::server;
use super::server_chain::report_alone;
use super::settings::Settings;
use super::spool::spool;
use super::tls::tls;

/// What a text came to. The settings are whole only if no error was found.
pub(super) fn validate(table: &Table, judge: &mut Judge) -> Option<Settings> {
    let nowhere = 0..0;
    let top = Reader::new(table, &nowhere, &keys::TOP, &mut judge.findings);
    let node = |name: &str| top.node(name);
    let (server, limits) = server(node("server"), judge);
    let tls = tls(node("tls"), judge);
    let spool = spool(node("spool"), judge);
    let admin = admin(node("admin"), &server.listen, judge);
    let reload = reload(node("reload"), judge);
    let log = log(node("log"), judge);
    let sandbox = sandbox(node("sandbox"), judge);
    let sender_drafts = senders(&sections(node("sender"), "sender", judge), judge);
    let endpoint_drafts = endpoints(&sections(node("endpoint"), "endpoint", judge), &sender_drafts, judge);
    if !endpoint_drafts.is_empty() {
        look_at(&sender_drafts, &endpoint_drafts, judge);
    }
    let count = sender_drafts.len();
    let senders: Vec<_> = sender_drafts.into_iter().filter_map(|draft| draft.sender).collect();
    let policy =
        policy(senders.iter().map(|trusted| trusted.sender.clone()).collect(), &endpoint_drafts, judge);
    if senders.len() != count || senders.is_empty() || endpoint_drafts.is_empty() {
        return None;
    }
    report_alone(judge);
    Some(Settings {
        server,
        limits,
        reload,
        tls: tls?,
        senders,
        policy: policy?,
        spool,
        group: judge.group.take(),
        admin,
        log,
        sandbox,
        files: Vec::new(),
        digest: judge.files.digest(),
        certificates: std::mem::take(&mut judge.certificates),
        degraded: std::mem::take(&mut judge.degraded),
    })
}
