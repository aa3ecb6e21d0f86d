//! The program: parses the arguments, runs the command, prints the error and returns the exit code.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use hookspool::cli::args::Args;
use hookspool::cli::exit::Exit;
use hookspool::secrets::without_secrets;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(asked) => {
            let text = asked.to_string();
            let shown = without_secrets(&text);
            // A closed pipe is no error: nobody reads the message.
            let _ = if shown == text { asked.print() } else { writeln!(anstream::stderr(), "{shown}") };
            return if asked.use_stderr() { Exit::Usage } else { Exit::Success }.into();
        }
    };
    match hookspool::cli::run(&args) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if let Some(chain) = failure.chain() {
                let _ = writeln!(anstream::stderr(), "hookspool: {chain}");
            }
            Exit::from(&failure).into()
        }
    }
}
