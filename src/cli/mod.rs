//! The command line: one file a command, and the table of them all.

pub mod exit;

pub mod spool_args;

pub mod files;

pub mod args;
pub mod output;
pub mod peer;
pub mod runtime;

pub mod settings;

pub mod certs;
pub mod check;
pub mod demo;
pub mod explain;
pub mod manual;
pub mod probe;
pub mod reload;
pub mod run;
pub mod send;
pub mod spool;
pub mod status;

use args::{Args, CertsCommand, Command};
use exit::{Exit, Failure};
use spool_args::SpoolCommand;

use crate::config;

/// Does what was asked.
///
/// # Errors
/// When it cannot be done; the failure knows its exit code.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let ended = dispatch(args);
    if changes_something(&args.command) { ended.map_err(Failure::after_change) } else { ended }
}

/// Whether the report of a command says what it changed. `spool verify` only knows once it has moved something.
fn changes_something(command: &Command) -> bool {
    match command {
        Command::Certs(CertsCommand::Init(_)) | Command::Reload | Command::Send(_) => true,
        Command::Spool(command) => match command {
            SpoolCommand::Take(_)
            | SpoolCommand::Done(_)
            | SpoolCommand::Fail(_)
            | SpoolCommand::Requeue(_)
            | SpoolCommand::Purge(_) => true,
            SpoolCommand::List(_) | SpoolCommand::Show(_) | SpoolCommand::Verify(_) => false,
        },
        Command::Run
        | Command::Demo(_)
        | Command::Check(_)
        | Command::Certs(CertsCommand::Show(_))
        | Command::Explain(_)
        | Command::Probe(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Status(_) => false,
    }
}

fn dispatch(args: &Args) -> Result<Exit, Failure> {
    match &args.command {
        Command::Run => run::run(&args::config_path(args)?),
        Command::Demo(demo) => demo::demo(&args::demo_config_path(args)?, demo.once),
        Command::Check(check) => check::check(&args::config_path(args)?, check.json),
        Command::Certs(CertsCommand::Init(init)) => certs::init::init(init),
        Command::Certs(CertsCommand::Show(show)) => certs::show::show(show),
        Command::Explain(explain) => explain::explain(&args::config_path(args)?, explain),
        Command::Send(send) => send::send(send),
        Command::Probe(probe) => probe::probe(probe),
        Command::Spool(command) => spool::spool(&args::config_path(args)?, command),
        Command::Completions(asked) => manual::completions(asked.shell),
        Command::Man(asked) => manual::man(&asked.folder),
        Command::Reload => {
            let admin = config::admin_settings(&args::config_path(args)?)?;
            reload::reload(&admin.listen)
        }
        Command::Status(asked) => {
            let admin = config::admin_settings(&args::config_path(args)?)?;
            status::status(&admin.listen, asked.json)
        }
    }
}
