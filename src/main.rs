//! The program: parse, run, say what went wrong, return the code.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use hookspool::cli::args::Args;
use hookspool::cli::exit::Exit;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(asked) => {
            // A closed pipe is no error, and there is nobody left to tell.
            let _ = asked.print();
            return if asked.use_stderr() { Exit::Usage } else { Exit::Fine }.into();
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
