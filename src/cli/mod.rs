//! The command line: one file a command, and the table of them all.

pub mod exit;

pub mod spool_args;

pub mod args;
pub mod files;
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

use crate::config;

/// Does what was asked.
///
/// # Errors
/// When it cannot be done; the failure knows its exit code.
pub fn run(args: &Args) -> Result<Exit, Failure> {
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
            let door = config::admin_door(&args::config_path(args)?)?;
            reload::reload(&door.listen)
        }
        Command::Status(asked) => {
            let door = config::admin_door(&args::config_path(args)?)?;
            status::status(&door.listen, asked.json)
        }
    }
}
