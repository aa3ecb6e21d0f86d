//! The command line: one file for each command, and their dispatch.

pub mod exit;

pub mod spool_args;
pub mod forward_args;
pub mod view_args;

pub mod files;

pub mod args;
pub mod output;
pub mod peer;
pub mod runtime;

pub mod as_user;
pub mod settings;

pub mod certs;
pub mod check;
pub mod init;

pub mod demo;
pub mod explain;
pub mod forward;
pub mod manual;
pub mod probe;
pub mod reload;
pub mod run;
pub mod send;
pub mod spool;
pub mod status;
pub mod view;

use args::{Args, CertsCommand, Command};
use exit::{Exit, Failure};
use spool_args::SpoolCommand;

use crate::config;

/// Runs a command.
///
/// # Errors
/// If the command fails; the exit code is [`Exit::from`] the failure.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let result = dispatch(args);
    if changes_something(&args.command) { result.map_err(Failure::after_change) } else { result }
}

/// Whether the output of a command reports a change. `spool verify` decides that itself, because it moves only damaged
/// entries.
fn changes_something(command: &Command) -> bool {
    match command {
        Command::Certs(CertsCommand::Init(_)) | Command::Init(_) | Command::Reload(_) | Command::Send(_) => {
            true
        }
        Command::Spool(command) => match command {
            SpoolCommand::Take(_)
            | SpoolCommand::Done(_)
            | SpoolCommand::Fail(_)
            | SpoolCommand::Requeue(_)
            | SpoolCommand::Purge(_) => true,
            SpoolCommand::List(_)
            | SpoolCommand::Follow(_)
            | SpoolCommand::Show(_)
            | SpoolCommand::Verify(_)
            | SpoolCommand::Stats(_) => false,
        },
        Command::Run
        | Command::Demo(_)
        | Command::Check(_)
        | Command::Certs(CertsCommand::Show(_))
        | Command::Explain(_)
        | Command::Forward(_)
        | Command::Probe(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Status(_)
        | Command::View(_) => false,
    }
}

fn dispatch(args: &Args) -> Result<Exit, Failure> {
    match &args.command {
        Command::Run => run::run(&args::config_path(args)?),
        Command::Demo(demo) => demo::demo(&args::demo_config_path(args)?, demo.once),
        Command::Check(check) => check::check_as(&args::config_path(args)?, check),
        Command::Init(args) => init::init(args),
        Command::Certs(CertsCommand::Init(init)) => certs::init::init(init),
        Command::Certs(CertsCommand::Show(show)) => certs::show::show(show),
        Command::Explain(explain) => explain::explain(&args::config_path(args)?, explain),
        Command::Send(send) => send::send(send),
        Command::Probe(probe) => probe::probe(probe),
        Command::Forward(args_of) => forward::forward(|| args::config_path(args), args_of),
        Command::Spool(command) => spool::spool(&args::config_path(args)?, command),
        Command::Completions(completions) => match completions.shell {
            Some(shell) => manual::completions(shell),
            None => manual::endpoints(&args::config_path(args)?),
        },
        Command::Man(man) => manual::man(&man.folder),
        Command::Reload(args_of) => {
            let path = args::config_path(args)?;
            let listen = config::admin_settings(&path)?.listen;
            reload::reload(&path, &listen, args_of.accept_older_lists.as_ref())
        }
        Command::Status(status) => status::status(&args::config_path(args)?, status.json),
        Command::View(view) => view::view(&args::config_path(args)?, view),
    }
}
