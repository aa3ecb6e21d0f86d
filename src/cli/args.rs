//! The table of commands and flags: parser and help in one.
#![allow(rustdoc::broken_intra_doc_links, reason = "help for a terminal, where brackets are no links")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

use super::exit::Failure;
use crate::policy::Name;
use crate::quantity::Span;
use crate::spool::Queue;

/// Receives webhooks over mutual TLS and answers 200 once the payload is safely on disk.
#[derive(Debug, Parser)]
#[command(name = "hookspool", version, max_term_width = 100)]
pub struct Args {
    /// The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until told to stop
    Run,
    /// Make throwaway certificates where none stand, serve, and deliver one sample to itself
    Demo(DemoArgs),
    /// Read the configuration and every file it names; report all findings at once
    Check(JsonArgs),
    /// Make certificates for development, or look into any
    #[command(subcommand)]
    Certs(CertsCommand),
    /// Say whether a certificate would be let in, and why, or why not
    Explain(ExplainArgs),
    /// Deliver a file as a sender would
    Send(SendArgs),
    /// Do what a bank does when a webhook is registered: knock without a certificate, then with one
    Probe(ProbeArgs),
    /// Look at entries and move them
    #[command(subcommand)]
    Spool(SpoolCommand),
    /// Have the running daemon read certificates and configuration again, and say what became of it
    Reload,
    /// Ask the running daemon how it is
    Status(JsonArgs),
    /// Print what a shell needs to complete command lines
    Completions(CompletionsArgs),
    /// Write the manual pages hookspool(1) and webhooks.toml(5)
    Man(ManArgs),
}

/// What `certs` can do.
#[derive(Debug, Subcommand)]
pub enum CertsCommand {
    /// Make a throwaway PKI: a root, a server, a client
    Init(InitArgs),
    /// Show what is in PEM or DER files, and the [[sender]] lines that would match
    Show(ShowArgs),
}

/// A command that prints facts and nothing else.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct JsonArgs {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// `hookspool completions`
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct CompletionsArgs {
    /// Which shell
    pub shell: clap_complete::Shell,
}

/// `hookspool man`
#[derive(Clone, Debug, clap::Args)]
pub struct ManArgs {
    /// The folder to write to
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// `hookspool demo`
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct DemoArgs {
    /// End after the delivery, with 0 if it is on disk
    #[arg(long)]
    pub once: bool,
}

/// `hookspool certs init`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Writes root-ca, server and client, each as .pem (certificate) and .key (private key, mode 0600).
The first --client is written as client.pem and client.key, whatever its name; each further one
as NAME.pem and NAME.key.")]
pub struct InitArgs {
    /// Where to put them
    #[arg(long, default_value = "certs")]
    pub dir: PathBuf,
    /// A further name or address of the server, beside localhost, 127.0.0.1 and ::1 [repeatable]
    #[arg(long = "host", value_name = "HOST")]
    pub hosts: Vec<String>,
    /// The common name of a client [default: client] [repeatable]
    #[arg(long = "client", value_name = "NAME")]
    pub clients: Vec<String>,
    /// RSA keys of 2048 bits instead of ECDSA P-256
    #[arg(long)]
    pub rsa: bool,
    /// Who shall own the files
    #[arg(long, value_name = "USER[:GROUP]")]
    pub owner: Option<String>,
    /// Replace files that are there
    #[arg(long)]
    pub force: bool,
}

/// `hookspool certs show`
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// Certificates, PEM or DER
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// `hookspool explain`
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// The certificate, PEM or DER; further ones in the file are its chain
    #[arg(long, value_name = "FILE")]
    pub cert: PathBuf,
    /// The certificates that come with it
    #[arg(long, value_name = "FILE")]
    pub chain: Option<PathBuf>,
    /// Ask also whether it may deliver there
    #[arg(long, value_name = "NAME")]
    pub endpoint: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// How to be recognized, and whom to trust.
#[derive(Debug, clap::Args)]
pub struct PeerArgs {
    /// The certificate to show, with its chain
    #[arg(long, value_name = "FILE")]
    pub cert: Option<PathBuf>,
    /// Its private key [default: the one in the file of --cert]
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// The CA that vouches for the server; the system's are never used [repeatable]
    #[arg(long, value_name = "FILE")]
    pub ca: Vec<PathBuf>,
    /// Believe whatever server answers
    #[arg(long, conflicts_with = "ca")]
    pub insecure: bool,
    /// Connect here instead of to the host of the URL
    #[arg(long, value_name = "HOST:PORT")]
    pub connect: Option<String>,
    /// Speak only HTTP/1.1
    #[arg(long = "http1.1", conflicts_with = "http2")]
    pub http1: bool,
    /// Speak only HTTP/2
    #[arg(long)]
    pub http2: bool,
}

/// `hookspool send`
#[derive(Debug, clap::Args)]
pub struct SendArgs {
    /// Where to deliver: https only
    pub url: String,
    /// What to deliver; `-` is standard input, the default where that is not a terminal
    pub file: Option<PathBuf>,
    /// Who we are and whom we trust.
    #[command(flatten)]
    pub peer: PeerArgs,
    /// A header, as `Name: value` [repeatable]
    #[arg(long = "header", value_name = "HEADER")]
    pub headers: Vec<String>,
    /// How often
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub repeat: u64,
    /// How many a second, at most [default: as fast as answers come]
    #[arg(long, value_name = "R", value_parser = rate)]
    pub rate: Option<f64>,
}

/// `hookspool probe`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Over TLS 1.2 and 1.3 it delivers {\"evento\":\"teste_webhook\"} three times: without a certificate and
with one of a CA made on the spot, which must be refused, and with --cert, which must be answered
2xx. A version of TLS that the server does not speak is said, and no failure.")]
pub struct ProbeArgs {
    /// Where to knock: https only
    pub url: String,
    /// Who we are and whom we trust.
    #[command(flatten)]
    pub peer: PeerArgs,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// What `spool` can do.
#[derive(Debug, Subcommand)]
pub enum SpoolCommand {
    /// List a queue, the oldest entry first
    List(SpoolListArgs),
    /// Show one entry
    Show(SpoolShowArgs),
    /// Read every entry and compare length and digest; what is not whole is moved to corrupt/
    Verify(SpoolVerifyArgs),
    /// Claim the oldest entry of an endpoint, or those that are named
    Take(SpoolTakeArgs),
    /// Finish entries that were taken
    Done(SpoolMoveArgs),
    /// Give up entries that were taken
    Fail(SpoolMoveArgs),
    /// Put entries back into new
    Requeue(SpoolRequeueArgs),
    /// Remove entries that are done or failed
    Purge(SpoolPurgeArgs),
}

/// `hookspool spool list`
#[derive(Debug, clap::Args)]
pub struct SpoolListArgs {
    /// Of this endpoint [default: of all]
    #[arg(long, value_name = "NAME")]
    pub endpoint: Option<Name>,
    /// Which queue: new, taken, done or failed
    #[arg(long, value_name = "QUEUE", default_value = "new")]
    pub queue: AnyQueue,
    /// Received at most this long ago, as in 1h
    #[arg(long, value_name = "AGE")]
    pub since: Option<Span>,
    /// From this sender
    #[arg(long, value_name = "NAME")]
    pub sender: Option<Name>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// `hookspool spool show`
#[derive(Debug, clap::Args)]
pub struct SpoolShowArgs {
    /// Which entry: its id or its path
    #[arg(value_name = "ID|PATH")]
    pub entry: String,
    /// Print this part byte for byte
    #[arg(long, value_enum, value_name = "PART", conflicts_with = "json")]
    pub format: Option<SpoolFormat>,
    /// Print one JSON document: where it is, whether it is whole, and its envelope
    #[arg(long)]
    pub json: bool,
}

/// Parts of an entry.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum SpoolFormat {
    /// The first line
    Envelope,
    /// What follows it
    Payload,
    /// All of it
    Entry,
}

/// `hookspool spool verify`
#[derive(Debug, clap::Args)]
pub struct SpoolVerifyArgs {
    /// Of this endpoint [default: of all]
    #[arg(long, value_name = "NAME")]
    pub endpoint: Option<Name>,
    /// Which queue: new, taken, done or failed [default: all]
    #[arg(long, value_name = "QUEUE")]
    pub queue: Option<AnyQueue>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// `hookspool spool take`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints the path of what was claimed. With --exec CMD runs with the payload on its standard input and
HOOKSPOOL_ID, _ENDPOINT, _SENDER, _EVENT, _RECEIVED_AT, _CONTENT_TYPE, _SHA256 and _PATH in its
environment. If it ends with 0 the entry is done, with 75 or by a signal it is put back, otherwise it
has failed. While it runs, it holds the entry's lease: no other process can take or move the entry.
Signals are passed on to it.

Exit status with --all or --batch: 0 if at least one entry was done and none failed, 75 if some have
to wait, 1 if one failed or nothing was waiting.

  hookspool spool take --endpoint pix --all --exec ./book-the-payment")]
pub struct SpoolTakeArgs {
    /// These entries
    #[arg(value_name = "ID|PATH", required_unless_present = "endpoint", conflicts_with = "endpoint")]
    pub entries: Vec<String>,
    /// The oldest entry of this endpoint, or with --all or --batch several
    #[arg(long, value_name = "NAME")]
    pub endpoint: Option<Name>,
    /// All entries of the endpoint that are waiting now, the oldest first
    #[arg(long, requires = "endpoint", conflicts_with = "batch")]
    pub all: bool,
    /// At most N of them, the oldest first
    #[arg(long, value_name = "N", requires = "endpoint", value_parser = clap::value_parser!(u64).range(1..))]
    pub batch: Option<u64>,
    /// Run this on each entry; what follows goes to the command
    #[arg(long, num_args = 1.., allow_hyphen_values = true, value_name = "CMD", requires = "endpoint")]
    pub exec: Vec<OsString>,
}

/// `hookspool spool done`, `hookspool spool fail`
#[derive(Debug, clap::Args)]
pub struct SpoolMoveArgs {
    /// Which entries
    #[arg(value_name = "ID|PATH", required = true)]
    pub entries: Vec<String>,
    /// Also entries that are being processed
    #[arg(long)]
    pub force: bool,
}

/// `hookspool spool requeue`
#[derive(Debug, clap::Args)]
pub struct SpoolRequeueArgs {
    /// These entries
    #[arg(value_name = "ID|PATH", required_unless_present = "queue", conflicts_with = "queue")]
    pub entries: Vec<String>,
    /// All of a queue: taken or failed
    #[arg(long, value_name = "QUEUE", value_parser = one_of(&[Queue::Taken, Queue::Failed]))]
    pub queue: Option<AnyQueue>,
    /// Of this endpoint [default: of all]
    #[arg(long, value_name = "NAME", requires = "queue")]
    pub endpoint: Option<Name>,
    /// That have been there for this long, as in 1h
    #[arg(long, value_name = "AGE", requires = "queue")]
    pub older: Option<Span>,
    /// Also entries that are being processed
    #[arg(long)]
    pub force: bool,
}

/// `hookspool spool purge`
#[derive(Debug, clap::Args)]
pub struct SpoolPurgeArgs {
    /// From which queue: done or failed
    #[arg(long, value_name = "QUEUE", value_parser = one_of(&[Queue::Done, Queue::Failed]))]
    pub queue: AnyQueue,
    /// What has been there for this long, as in 7d
    #[arg(long, value_name = "AGE")]
    pub older: Span,
    /// Of this endpoint [default: of all]
    #[arg(long, value_name = "NAME")]
    pub endpoint: Option<Name>,
}

/// A queue by its name.
#[derive(Clone, Copy, Debug)]
pub struct AnyQueue(pub Queue);

impl std::str::FromStr for AnyQueue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Queue::named(text).map(Self).ok_or_else(|| "expected new, taken, done or failed".to_owned())
    }
}

/// A parser of some queues' names.
fn one_of(
    queues: &'static [Queue],
) -> impl Fn(&str) -> Result<AnyQueue, String> + Clone + Send + Sync + 'static {
    move |text| match Queue::named(text) {
        Some(queue) if queues.contains(&queue) => Ok(AnyQueue(queue)),
        Some(_) | None => {
            let names: Vec<_> = queues.iter().map(|queue| queue.folder()).collect();
            Err(format!("expected {}", names.join(" or ")))
        }
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && (0.001..=1e6).contains(&rate) => Ok(rate),
        Ok(_) | Err(_) => Err("expected a number of deliveries a second, from 0.001 to 1000000".to_owned()),
    }
}

const ENVIRONMENT: &str = "HOOKSPOOL_CONFIG";
const HERE: &str = "webhooks.toml";
const SYSTEM: &str = "/etc/hookspool/webhooks.toml";

/// The configuration file that is meant.
///
/// # Errors
/// When the one that was named is missing, or none was named and none stands where they usually do.
pub fn config_path(args: &Args) -> Result<PathBuf, Failure> {
    let named = args.config.clone().or_else(|| std::env::var_os(ENVIRONMENT).map(PathBuf::from));
    choose(named, &[HERE, SYSTEM])
}

/// The configuration file that `demo` may use: never the system's, so that a made-up payment
/// cannot end up in a real spool by mistake.
///
/// # Errors
/// When the one that was named is missing, or none was named and none stands here.
pub fn demo_config_path(args: &Args) -> Result<PathBuf, Failure> {
    choose(args.config.clone(), &[HERE])
}

fn choose(named: Option<PathBuf>, usual: &[&str]) -> Result<PathBuf, Failure> {
    match named {
        Some(path) if path.exists() => Ok(path),
        Some(path) => Err(Failure::MissingFile(path)),
        None => usual
            .iter()
            .map(Path::new)
            .find(|path| path.exists())
            .map(Path::to_owned)
            .ok_or_else(|| Failure::MissingFile(PathBuf::from(usual[0]))),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_table_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_configuration_can_be_named_before_and_after_the_command() {
        for line in [["hookspool", "--config", "x", "run"], ["hookspool", "run", "--config", "x"]] {
            let args = Args::try_parse_from(line).expect("understood");
            assert_eq!(args.config, Some(PathBuf::from("x")));
            assert!(matches!(config_path(&args), Err(Failure::MissingFile(_))));
        }
    }

    #[test]
    fn rates_are_positive_numbers() {
        assert_eq!(rate("2.5"), Ok(2.5));
        for bad in ["0", "-1", "nan", "inf", "x", "1e9"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }
}
