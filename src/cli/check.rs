//! `hookspool check`: reports all findings, and what the daemon would serve.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use serde::Serialize;

use super::args::{CheckArgs, CheckedProcess};
use super::as_user::User;
use super::exit::{Exit, Failure, shown};
use super::output::{print, print_json};
use super::settings::{print_findings, read, read_forward};
use crate::admin::{Address, socket_folders};
use crate::clock::{Clock, distance};
use crate::config::access::{is_open_to, user_name};
use crate::config::{ConsumerDraft, Loaded, LoadedForward, Process, Settings};
use crate::daemon::{Capacity, Memory, available_memory};
use crate::diagnostic::{Diagnostic, Finding, Report, Severity};
use crate::escape::Escaped;
use crate::sandbox::hard_descriptor_limit;
use crate::spool::{SpoolProblem, inspect, inspect_limits};
use crate::systemd::unit::{DAEMON, FORWARD, Unit};
use crate::tls::expiry::ShownCertificate;

/// The unit that runs a process; that of the daemon for a check of all tables.
fn unit_of(process: Option<CheckedProcess>) -> &'static str {
    if process == Some(CheckedProcess::Forward) { FORWARD } else { DAEMON }
}

fn unread(unit: &str) -> String {
    format!("cannot read the sandbox of {unit}")
}

/// Checks as the user of `--as-user`; as root, by default as the user of the installed unit.
///
/// # Errors
/// If the configuration cannot be read, or the process cannot become that user.
pub fn check_as(config: &Path, args: &CheckArgs) -> Result<Exit, Failure> {
    // Only root can become another user, and can read every drop-in.
    let name = unit_of(args.process);
    let unit = if geteuid().is_root() { Unit::installed(name) } else { Ok(None) };
    let unit = unit.map_err(|why| Failure::Io { what: unread(name), why })?;
    let by_unit = || unit.as_ref().and_then(Unit::user);
    if let Some(user) = args.as_user.as_deref().or_else(by_unit) {
        let user = User::find(user)?;
        if !user.is_current() {
            let config = std::path::absolute(config).map_err(|why| Failure::reading(config, why))?;
            return Err(user.replace_process(&again(&config, &user, args.json, args.process), unit.as_ref()));
        }
    }
    judge(config, args.json, args.process, args.as_user.is_some())
}

/// The arguments of a check as this user.
pub fn again<'a>(
    config: &'a Path,
    user: &'a User,
    json: bool,
    process: Option<CheckedProcess>,
) -> Vec<&'a OsStr> {
    let mut args = ["check", "--as-user", user.uid(), "--config"].map(OsStr::new).to_vec();
    args.push(config.as_os_str());
    args.extend(json.then_some(OsStr::new("--json")));
    args.extend(process.iter().flat_map(|process| ["--process", process.word()].map(OsStr::new)));
    args
}

/// Validates the configuration and prints the findings. The exit code is that of [`Exit::Config`] if there are errors.
///
/// # Errors
/// If the configuration cannot be read.
pub fn check(config: &Path, json: bool) -> Result<Exit, Failure> {
    judge(config, json, None, false)
}

fn judge(
    config: &Path,
    json: bool,
    process: Option<CheckedProcess>,
    shows_user: bool,
) -> Result<Exit, Failure> {
    let loaded = match process {
        None => read(config, Process::Check)?,
        Some(CheckedProcess::Run) => Loaded { consumers: Vec::new(), ..read(config, Process::Daemon)? },
        Some(CheckedProcess::Forward) => {
            let LoadedForward { settings: _, consumers, report, elsewhere, digest, files } =
                read_forward(config)?;
            Loaded { settings: None, consumers, report, elsewhere, files, digest }
        }
    };
    let Loaded { settings, consumers, report, files, .. } = loaded;
    let mut more = settings.as_ref().map(of_the_spool).unwrap_or_default();
    more.extend(settings.iter().flat_map(of_the_sockets));
    more.extend(settings.iter().flat_map(|settings| of_the_resources(settings, unit_of(process))));
    more.extend(of_the_unit(unit_of(process), settings.as_ref(), &files));
    let report = report.with(more);
    if json {
        print_json(&Document::of(settings.as_ref(), &consumers, &report))?;
    } else {
        print_findings(&report);
        if let Some(settings) = &settings {
            print(&summary(settings))?;
        }
        print(&consumers.iter().map(consumer_line).collect::<String>())?;
        let user = if shows_user { format!(", read as user {}", user_name()) } else { String::new() };
        print(&format!("{}: {}{user}\n", shown(config), report.summary()))?;
    }
    Ok(if report.errors() == 0 { Exit::Success } else { Exit::Config })
}

/// Findings about the spool's directories, which otherwise only a start checks.
fn of_the_spool(settings: &Settings) -> Vec<Diagnostic> {
    let endpoints: Vec<_> =
        settings.policy.endpoints().iter().map(|endpoint| endpoint.name.clone()).collect();
    let finding = |problem| match problem {
        SpoolProblem::Risk(risk) => Diagnostic::new(Severity::Warning, None, risk),
        SpoolProblem::Unusable(fault) => Diagnostic::new(Severity::Error, None, fault),
    };
    let limits = inspect_limits(&settings.spool, settings.policy.endpoints()).map(|message| {
        Diagnostic::new(Severity::Warning, None, message).with_hint(
            "lower `max_spool`, or the disk can be full before; then the deliveries of all endpoints get 503",
        )
    });
    inspect(&settings.spool, &endpoints).into_iter().map(finding).chain(limits).collect()
}

/// Findings about the sockets of a running daemon that the members of `[spool] group` can use, although the
/// configuration does not permit it.
fn of_the_sockets(settings: &Settings) -> Vec<Diagnostic> {
    let Some(group) = settings.spool.group.filter(|group| settings.admin.group != Some(*group)) else {
        return Vec::new();
    };
    let paths = settings.admin.listen.iter().filter_map(|address| match address {
        Address::Unix(path) => Some(path),
        Address::Tcp(_) | Address::Inherited(_) => None,
    });
    let finding = |path: &PathBuf| {
        let message = format!("members of `[spool] group` can use `{}`, also to reload", shown(path));
        Diagnostic::new(Severity::Warning, None, message)
            .with_hint(format!("`chmod 0600 {}`; a start of the daemon sets this mode, too", shown(path)))
    };
    paths.filter(|path| is_open_to(group, path, 0o2)).map(finding).collect()
}

/// Findings about limits that the daemon lowers at its start, because they do not fit into the memory or the open file
/// limit of the installed unit, or else of this process.
fn of_the_resources(settings: &Settings, unit: &'static str) -> Vec<Diagnostic> {
    let unit = Unit::installed(unit).ok().flatten();
    let of_unit = unit.as_ref().and_then(|unit| {
        Some(Memory { bytes: unit.memory_max()?, limited_by: format!("MemoryMax= of {}", unit.name()) })
    });
    let memory = available_memory().into_iter().chain(of_unit).min_by_key(|memory| memory.bytes);
    let descriptors = unit.map_or_else(hard_descriptor_limit, |unit| unit.open_files_max());
    let capacity = Capacity { memory, descriptors };
    let configured = settings.limits.max_connections;
    let warning = |message, hint: &str| Diagnostic::new(Severity::Warning, None, message).with_hint(hint);
    let mut found = Vec::new();
    if let Some(Memory { bytes, limited_by }) = &capacity.memory {
        let in_memory = capacity.connections_in_memory();
        found.extend((in_memory < configured).then(|| {
            let message = format!("`max_connections` is {configured}, and {bytes} bytes of memory ({limited_by}) hold {in_memory}; the daemon lowers it");
            warning(message, "raise the limit of memory, or lower `max_connections`")
        }));
        let bodies = u64::try_from(capacity.body_bytes()).unwrap_or(u64::MAX);
        let too_large = settings.policy.endpoints().iter().find(|endpoint| endpoint.max_body > bodies);
        found.extend(too_large.map(|endpoint| {
            let message = format!("`max_body` of endpoint `{}` is larger than the memory for bodies, {bytes} bytes / 4 ({limited_by}): such a body gets 503", endpoint.name);
            warning(message, "raise the limit of memory, or lower `max_body`")
        }));
    }
    if let Some(limit) = capacity.descriptors.filter(|_| capacity.connections_in_descriptors() < configured) {
        let message = format!(
            "`max_connections` is {configured}, and the open file limit of {limit} permits {}; the daemon lowers it",
            capacity.connections_in_descriptors()
        );
        found.push(warning(message, "raise `LimitNOFILE=` or `ulimit -Hn`, or lower `max_connections`"));
    }
    found
}

/// Findings about paths that the sandbox of the installed unit hides or protects, if it runs as the current user.
fn of_the_unit(name: &'static str, settings: Option<&Settings>, files: &[PathBuf]) -> Vec<Diagnostic> {
    let is_current = |user: &str| User::find(user).is_ok_and(|user| user.is_current());
    let is_own = |unit: &Unit| unit.user().map_or(geteuid().is_root(), is_current);
    let unit = match Unit::installed(name) {
        Ok(unit) => unit.filter(is_own),
        Err(why) => {
            return vec![Diagnostic::new(Severity::Warning, None, format!("{}: {why}", unread(name)))];
        }
    };
    let Some(unit) = unit else { return Vec::new() };
    let real = |path: &Path| std::fs::canonicalize(path).or_else(|_| std::path::absolute(path));
    let finding = |what: &str, path: &Path, setting: String| {
        let message = format!("{name} cannot {what} `{}`: {setting} of the unit prevents it", shown(path));
        Diagnostic::new(Severity::Error, None, message).with_hint(
            "move it to a place that the unit permits, or change the setting in a drop-in of the unit",
        )
    };
    let hidden = |path: &Path| {
        let of = |path: &Path| unit.hides(path);
        of(path).or_else(|| of(&real(path).ok()?))
    };
    let mut findings: Vec<_> =
        files.iter().filter_map(|file| Some(finding("read", file, hidden(file)?))).collect();
    let folders = settings.iter().flat_map(|settings| {
        [settings.spool.directory.as_path()].into_iter().chain(socket_folders(&settings.admin))
    });
    let protected = |path: &Path| hidden(path).or_else(|| unit.write_protects(&real(path).ok()?));
    findings.extend(folders.filter_map(|folder| Some(finding("write to", folder, protected(folder)?))));
    findings
}

/// The document that `--json` prints. The names of the keys must not change.
#[derive(Serialize)]
struct Document {
    ok: bool,
    user: String,
    errors: usize,
    warnings: usize,
    findings: Vec<Finding>,
    listen: Vec<String>,
    endpoints: Vec<Endpoint>,
    consumers: Vec<Consumer>,
    certificates: Vec<ShownCertificate>,
}

#[derive(Serialize)]
struct Consumer {
    name: String,
    /// Null if the table does not contain exactly one kind of target.
    kind: Option<&'static str>,
    endpoints: Vec<String>,
}

impl From<&ConsumerDraft> for Consumer {
    fn from(ConsumerDraft { name, kind, endpoints, .. }: &ConsumerDraft) -> Self {
        let endpoints = endpoints.iter().map(ToString::to_string).collect();
        Self { name: name.clone(), kind: *kind, endpoints }
    }
}

fn consumer_line(draft: &ConsumerDraft) -> String {
    let Consumer { name, kind, endpoints } = draft.into();
    let kind = kind.unwrap_or("no target");
    format!("consumer {}: {kind}, entries of {}\n", Escaped(&name), endpoints.join(", "))
}

#[derive(Serialize)]
struct Endpoint {
    name: String,
    path: String,
    suffixes: Vec<String>,
    senders: Vec<String>,
}

impl Document {
    fn of(settings: Option<&Settings>, consumers: &[ConsumerDraft], report: &Report) -> Self {
        Self {
            ok: report.errors() == 0,
            user: user_name().trim_matches('`').to_owned(),
            errors: report.errors(),
            warnings: report.warnings(),
            findings: report.findings().iter().map(|finding| finding.to_finding()).collect(),
            listen: settings.map(listen).unwrap_or_default(),
            endpoints: settings.map(endpoints).unwrap_or_default(),
            consumers: consumers.iter().map(Consumer::from).collect(),
            certificates: settings
                .iter()
                .flat_map(|settings| &settings.certificates)
                .map(ShownCertificate::from)
                .collect(),
        }
    }
}

fn listen(settings: &Settings) -> Vec<String> {
    settings.server.listen.iter().map(ToString::to_string).collect()
}

fn endpoints(settings: &Settings) -> Vec<Endpoint> {
    let policy = &settings.policy;
    policy
        .endpoints()
        .iter()
        .map(|endpoint| Endpoint {
            name: endpoint.name.to_string(),
            path: endpoint.path.clone(),
            suffixes: endpoint.suffixes.clone(),
            senders: endpoint.senders.iter().map(ToString::to_string).collect(),
        })
        .collect()
}

fn summary(settings: &Settings) -> String {
    let now = Clock::System.now();
    let mut text = format!("listens on {}\n", listen(settings).join(", "));
    for Endpoint { name, path, suffixes, senders } in endpoints(settings) {
        let more = if suffixes.is_empty() { String::new() } else { format!(" (+ {})", suffixes.join(", ")) };
        let _ = writeln!(text, "endpoint {name}: {path}{more} from {}", senders.join(", "));
    }
    for fact in &settings.certificates {
        let _ = writeln!(
            text,
            "{} {}: `{}` until {}, {}",
            fact.role.word(),
            fact.name,
            Escaped(&fact.subject),
            fact.not_after,
            distance(now, fact.not_after)
        );
    }
    let _ = writeln!(text, "spool {}", shown(&settings.spool.directory));
    text
}
