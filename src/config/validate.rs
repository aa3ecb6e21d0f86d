//! Validates webhooks.toml table by table, and reports all findings at once.

use std::collections::BTreeSet;

use super::context::{Facts, ValidationContext};
use super::process::{Process, TableOwner};
use super::restart::RestartSettings;
use super::schema;
use super::settings::{ForwardSettings, Settings};
use super::tables;
use super::tables::admin::{addresses_of, admin};
use super::tables::consumers::{ConsumerDraft, consumers};
use super::tables::endpoints::{EndpointDraft, endpoints};
use super::tables::routes::{check_senders, policy};
use super::tables::senders::senders;
use super::tables::server::server;
use super::tables::server_chain::report_no_chain;
use super::tables::tls::tls;
use super::text::{Findings, Reader, Table};
use crate::admin::Address;
use crate::{logging, sandbox, spool, watch};

/// The settings of each process; each is complete only if no error was found in its tables.
#[derive(Default)]
pub(super) struct Validated {
    pub(super) daemon: Option<Settings>,
    pub(super) forward: Option<ForwardSettings>,
    /// The consumers, with and without errors.
    pub(super) consumers: Vec<ConsumerDraft>,
    /// The number of files that the tables of the daemon name, with webhooks.toml.
    pub(super) files_of_daemon: usize,
}

/// Validates all tables. Findings about those that `process` does not use are reported to `elsewhere`.
pub(super) fn validate(
    table: &Table,
    process: Process,
    context: &mut ValidationContext,
    own: &Findings,
    elsewhere: &Findings,
) -> Validated {
    let top = Reader::top(table, &schema::TOP, own);
    let of = |owner| if process.uses(owner) { top } else { top.reporting_to(elsewhere) };
    let common = common(&top, context);
    context.files.owner = TableOwner::Daemon;
    let (mut daemon, endpoints, taken) = daemon(&of(TableOwner::Daemon), table, &common, context);
    let files_of_daemon = context.files.names().len();
    context.files.owner = TableOwner::Forward;
    let top = of(TableOwner::Forward);
    let taken = taken.each_ref().map(|(table, addresses)| (*table, &**addresses));
    let (listen, group) = admin(&top.section(&schema::FORWARD), &taken, context);
    let consumers = consumers(&top, &endpoints, context);
    if let Some(daemon) = &mut daemon {
        daemon.forwarded = consumers.iter().flat_map(|draft| &draft.endpoints).cloned().collect();
    }
    let valid: Option<Vec<_>> = consumers.iter().map(|draft| draft.consumer.clone()).collect();
    let forward = valid.map(|consumers| ForwardSettings {
        consumers,
        endpoints: endpoints.iter().filter_map(|draft| draft.name?.text.parse().ok()).collect(),
        listen,
        spool: common.spool.clone(),
        groups: common.group.iter().cloned().chain(group).collect(),
        reload: common.reload,
        log: common.log,
        restart: RestartSettings::of(table, Process::Forward),
        sandbox: common.sandbox.clone(),
        files: Vec::new(),
        digest: context.files.digest(),
        degraded: Vec::new(),
    });
    Validated { daemon, forward, consumers, files_of_daemon }
}

/// The settings of both processes.
struct Common {
    spool: spool::Settings,
    /// The name and number of `[spool] group`.
    group: Option<(String, u32)>,
    reload: watch::Settings,
    log: logging::Settings,
    sandbox: sandbox::Settings,
}

fn common(top: &Reader<'_>, context: &mut ValidationContext) -> Common {
    let (spool, group) = tables::spool::spool(&top.section(&schema::SPOOL), context);
    context.files.spool_group = spool.group;
    context.spool.clone_from(&spool.directory);
    let reload = tables::reload::reload(&top.section(&schema::RELOAD));
    let log = tables::log::log(&top.section(&schema::LOG));
    let sandbox = tables::sandbox::sandbox(&top.section(&schema::SANDBOX), context);
    Common { spool, group, reload, log, sandbox }
}

/// The addresses of a table, with its name.
type Addresses = (&'static str, Vec<Address>);

/// The settings of the daemon, its endpoints, and the addresses of its listeners.
fn daemon<'a>(
    top: &Reader<'a>,
    table: &Table,
    common: &Common,
    context: &mut ValidationContext,
) -> (Option<Settings>, Vec<EndpointDraft<'a>>, [Addresses; 2]) {
    let mut facts = Facts::default();
    let (server, limits, trusted_proxies) = server(&top.section(&schema::SERVER));
    let beyond_loopback = server.is_beyond_loopback();
    let tls = tls(top, context, &mut facts, beyond_loopback);
    let served = addresses_of(&server.listen);
    let (admin, group) = admin(&top.section(&schema::ADMIN), &[("[server]", &served)], context);
    let sender_tables = top.sections("sender", &schema::SENDER).unwrap_or_default();
    let sender_drafts = senders(&sender_tables, context, &mut facts, beyond_loopback);
    let endpoint_tables = top.sections("endpoint", &schema::ENDPOINT).unwrap_or_default();
    let endpoints = endpoints(&endpoint_tables, &sender_drafts, context);
    check_senders(&sender_drafts, &endpoints);
    let count = sender_drafts.len();
    let senders: Vec<_> = sender_drafts.into_iter().filter_map(|draft| draft.sender).collect();
    let policy = policy(senders.iter().map(|trusted| trusted.sender.clone()).collect(), &endpoints);
    let taken = [("[server]", served), ("[admin]", admin.listen.clone())];
    let (Ok(tls), Some(policy)) = (tls, policy) else { return (None, endpoints, taken) };
    if senders.len() != count || senders.is_empty() || endpoints.is_empty() {
        return (None, endpoints, taken);
    }
    report_no_chain(&facts);
    let settings = Settings {
        server,
        limits,
        trusted_proxies,
        reload: common.reload,
        tls,
        senders,
        policy,
        spool: common.spool.clone(),
        forwarded: BTreeSet::new(),
        groups: common.group.iter().cloned().chain(group).collect(),
        admin,
        log: common.log,
        sandbox: common.sandbox.clone(),
        restart: RestartSettings::of(table, Process::Daemon),
        files: Vec::new(),
        digest: context.files.digest(),
        certificates: facts.certificates,
        accepted_lists: facts.accepted_lists,
        unusable_lists: facts.unusable_lists,
        degraded: facts.degraded,
    };
    (Some(settings), endpoints, taken)
}
