//! `hookspool man` and `hookspool completions`, generated from the definition of the command line and the keys.

use std::fs;
use std::io;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::args::Args;
use super::exit::{Exit, Failure, shown};
use super::output::print;
use crate::config;
use crate::config::schema::{Fallback, TABLES_OF_KEYS};

/// The sections of hookspool(1) after the commands: a heading, and pairs of a term and its text.
const SECTIONS: &[(&str, &[(&str, &str)])] = &[
    (
        "FILES",
        &[
            (
                "./webhooks.toml, /etc/hookspool/webhooks.toml",
                "The configuration, if neither --config nor $HOOKSPOOL_CONFIG names one.",
            ),
            ("/var/lib/hookspool/spool", "The spool of the packaged service."),
            ("/run/hookspool/admin.sock", "The admin socket of the packaged service."),
        ],
    ),
    (
        "ENVIRONMENT",
        &[
            (
                "HOOKSPOOL_CONFIG",
                "The configuration, if --config does not name one. An empty value is treated as unset.",
            ),
            (
                "RUST_LOG",
                "The level of the log, as in `info` or `hookspool=debug`; overrides [log] level. An empty value is treated as unset.",
            ),
            ("NO_COLOR", "If set and not empty, the output has no colors."),
            (
                "NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES, CREDENTIALS_DIRECTORY, JOURNAL_STREAM",
                "Set by systemd. WATCHDOG_USEC=0 disables the watchdog.",
            ),
            (
                "TOKIO_WORKER_THREADS",
                "The number of threads that serve connections; the default is one for each processor.",
            ),
        ],
    ),
    (
        "SIGNALS",
        &[
            (
                "SIGTERM, SIGINT, SIGQUIT",
                "Accept no more connections, finish the requests in progress, and exit. A second one ends the wait.",
            ),
            ("SIGHUP", "Reload the certificates and the configuration."),
            (
                "SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, real-time signals",
                "No effect; a log line names the command to use. There is no log file to reopen.",
            ),
        ],
    ),
    (
        "EXIT STATUS",
        &[
            ("0", "Success; for check, no findings other than warnings."),
            (
                "1",
                "The result is negative: explain reports a refusal, probe or send was refused, spool verify found a fault, take found no entry or its command failed.",
            ),
            ("64", "The command line is not valid."),
            ("65", "A file named on the command line has the wrong contents."),
            ("66", "A file named on the command line is missing."),
            ("69", "The daemon or the URL cannot be reached."),
            ("73", "The spool is locked by another daemon, or an address or socket cannot be bound."),
            ("74", "Input or output failed."),
            ("75", "spool take --all or --batch: some entries have to wait."),
            ("78", "The configuration has errors, or a reload was rejected."),
        ],
    ),
    ("SEE ALSO", &[("webhooks.toml(5), systemd.exec(5), journalctl(1)", "")]),
];

/// The command whose output completes `--endpoint`.
const ENDPOINTS: &str = "hookspool completions --endpoints 2>/dev/null";

/// Prints the completion script for a shell.
///
/// # Errors
/// If standard output cannot be written to.
pub fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "hookspool", &mut script);
    print(&with_endpoints(shell, &String::from_utf8_lossy(&script)))?;
    Ok(Exit::Success)
}

/// Prints the names of the endpoints, one per line. An invalid configuration is not reported.
///
/// # Errors
/// If the configuration or standard output cannot be used.
pub fn endpoints(config: &Path) -> Result<Exit, Failure> {
    let names = config::endpoint_names(config)?;
    print(&names.iter().map(|name| format!("{name}\n")).collect::<String>())?;
    Ok(Exit::Success)
}

/// Adds the values of `--endpoint`, which only the configuration knows, to a generated script.
fn with_endpoints(shell: Shell, script: &str) -> String {
    match shell {
        Shell::Bash => {
            let (files, names) =
                ("$(compgen -f \"${cur}\")", format!("$(compgen -W \"$({ENDPOINTS})\" -- \"${{cur}}\")"));
            let mut parts = script.split("--endpoint)\n");
            let first = parts.next().unwrap_or_default().to_owned();
            parts.fold(first, |done, part| done + "--endpoint)\n" + &part.replacen(files, &names, 1))
        }
        Shell::Zsh => each_line(script, "'--endpoint=", |line| {
            line.replace(":NAME:_default'", &format!(":NAME:{{compadd -- ${{(f)\"$({ENDPOINTS})\"}}}}'"))
        }),
        Shell::Fish => each_line(script, " -l endpoint ", |line| format!("{line} -f -a \"({ENDPOINTS})\"")),
        Shell::Elvish | Shell::PowerShell | _ => script.to_owned(),
    }
}

fn each_line(script: &str, mark: &str, change: impl Fn(&str) -> String) -> String {
    let changed = |line: &str| if line.contains(mark) { change(line) } else { line.to_owned() };
    script.lines().map(|line| changed(line) + "\n").collect()
}

/// Writes hookspool.1 and webhooks.toml.5 to a directory, which is created if it is missing.
///
/// # Errors
/// If they cannot be written.
pub fn man(folder: &Path) -> Result<Exit, Failure> {
    let failed = |why| Failure::Io { what: format!("cannot write manual pages to {}", shown(folder)), why };
    fs::create_dir_all(folder).map_err(failed)?;
    fs::write(folder.join("hookspool.1"), program().map_err(failed)?).map_err(failed)?;
    fs::write(folder.join("webhooks.toml.5"), configuration()).map_err(failed)?;
    Ok(Exit::Success)
}

fn program() -> io::Result<Vec<u8>> {
    let mut command = Args::command();
    command.build();
    let man = Man::new(command.clone()).date("").manual("hookspool").source("hookspool");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    commands(&command, "hookspool", &mut roff);
    for (heading, lines) in SECTIONS {
        roff.control("SH", [*heading]);
        for (term, text) in *lines {
            roff.control("TP", []).text([bold(*term)]);
            roff.text([roman(*text)]);
        }
    }
    roff.to_writer(&mut page)?;
    Ok(page)
}

/// Writes each command with its options, recursively.
fn commands(parent: &Command, path: &str, roff: &mut Roff) {
    for command in parent.get_subcommands().filter(|command| command.get_name() != "help") {
        let path = format!("{path} {}", command.get_name());
        if command.has_subcommands() {
            commands(command, &path, roff);
            continue;
        }
        roff.control("SS", [path.as_str()]);
        roff.text([roman(command.get_about().map(ToString::to_string).unwrap_or_default())]);
        let arguments = command.get_arguments().filter(|argument| !argument.is_global_set());
        for argument in arguments.filter(|argument| !["help", "config"].contains(&argument.get_id().as_str()))
        {
            roff.control("TP", []).text([bold(argument.to_string())]);
            roff.text([roman(argument.get_help().map(ToString::to_string).unwrap_or_default())]);
        }
        if let Some(after) = command.get_after_help() {
            roff.control("PP", []).text([roman(after.to_string())]);
        }
    }
}

/// The keys whose changes require a restart: `[server] listen, [spool] directory and group`.
fn restart_keys() -> String {
    let tables = TABLES_OF_KEYS.iter().filter_map(|table| {
        let keys: Vec<_> = table.keys.iter().filter(|key| key.needs_restart).map(|key| key.name).collect();
        (!keys.is_empty()).then(|| format!("{} {}", table.name, keys.join(" and ")))
    });
    tables.collect::<Vec<_>>().join(", ")
}

fn configuration() -> String {
    let mut roff = Roff::new();
    roff.control("TH", ["webhooks.toml", "5", "", "hookspool", "hookspool"]);
    roff.control("SH", ["NAME"]).text([roman("webhooks.toml - configuration of hookspool(1)")]);
    roff.control("SH", ["DESCRIPTION"]).text([roman(format!(
        "TOML. Paths are relative to the directory of the file. Sizes are written as \"1 MiB\", times as \"30s\" or \"5m\". \
         Unknown keys and wrong values are errors; `hookspool check` reports all of them with their positions. Changes are \
         applied while the daemon runs; {} require a restart.",
        restart_keys()
    ))]);
    for table in TABLES_OF_KEYS {
        roff.control("SH", [table.name.trim_matches('`')]);
        for key in table.keys {
            let (about, reason) = match key.default {
                Fallback::Required => ("(required)".to_owned(), ""),
                Fallback::Value(default) => (format!("(default: {default})"), key.reason),
                Fallback::Absent(meaning) => (format!("(default: {meaning})"), key.reason),
            };
            roff.control("TP", []).text([bold(key.name), roman(format!(": {} {about}", key.kind))]);
            roff.text([roman([key.summary, reason].join(" ").trim_end())]);
        }
    }
    roff.control("SH", ["SEE ALSO"]).text([roman("hookspool(1)")]);
    roff.to_roff()
}
