//! The commands and flags, with the text of their help.
#![allow(rustdoc::broken_intra_doc_links, reason = "help for a terminal, where brackets are no links")]

use std::path::{Path, PathBuf};

use clap::{Arg, Parser, Subcommand, value_parser};

use super::exit::Failure;
use super::files::{exists, is_stdin};
use super::forward_args::ForwardArgs;
use super::spool_args::SpoolCommand;
use super::view_args::ViewArgs;
use crate::policy::Name;

/// Receives webhooks over mutual TLS and answers 200 after the payload is durable on disk.
#[derive(Debug, Parser)]
#[command(
    name = "hookspool",
    version,
    max_term_width = 100,
    after_help = "Example, from an empty directory to a stored delivery:\n  hookspool demo"
)]
pub struct Args {
    /// The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon in the foreground
    #[command(after_help = "Example:\n  hookspool run 2> hookspool.log")]
    Run,
    /// Create throwaway certificates if none exist, serve, and deliver one sample
    #[command(after_help = "\
Without --config and ./webhooks.toml, a configuration is written to ./hookspool-demo.

Example:
  hookspool demo")]
    Demo(DemoArgs),
    /// Read the configuration and every file that it names; report all findings at once
    #[command(after_help = "Example:\n  hookspool check --config /etc/hookspool/webhooks.toml")]
    Check(CheckArgs),
    /// Write a webhooks.toml with every key explained, and development certificates
    #[command(arg(without_config()))]
    Init(ConfigInitArgs),
    /// Create development certificates, or show any certificates
    #[command(subcommand)]
    #[command(after_help = "Example:\n  hookspool certs show certs/client.pem", arg(without_config()))]
    Certs(CertsCommand),
    /// Report whether a certificate would be accepted, and why or why not
    #[command(after_help = "Example:\n  hookspool explain --cert bank.pem --endpoint pix")]
    Explain(ExplainArgs),
    /// Deliver a file as a sender would
    #[command(
        after_help = "\
Example:
  hookspool send https://localhost:8443/webhooks/pix payment.json \\
    --cert certs/client.pem --key certs/client.key --ca certs/root-ca.pem",
        arg(without_config())
    )]
    Send(SendArgs),
    /// Do what a bank does when a webhook is registered: connect without a certificate, then with one
    #[command(arg(without_config()))]
    Probe(ProbeArgs),
    /// Inspect and move entries
    #[command(subcommand)]
    #[command(after_help = "Example:\n  hookspool spool list --endpoint pix")]
    Spool(SpoolCommand),
    /// Forward entries to applications as they arrive
    Forward(ForwardArgs),
    /// Reload the running daemon's certificates and configuration, and report the outcome
    #[command(after_help = "Example:\n  hookspool reload")]
    Reload(ReloadArgs),
    /// Show the status of the running daemon
    #[command(after_help = "Example:\n  hookspool status --json")]
    Status(JsonArgs),
    /// Serve a page on loopback that shows the spool and the running processes
    #[command(after_help = "\
The first line of the output is a link that works once. Enter, or SIGUSR1, prints a new one.

Examples:
  hookspool view
  ssh -t -L 9466:127.0.0.1:9466 USER@HOST hookspool view    # from another computer")]
    View(ViewArgs),
    /// Print the completion script for a shell
    #[command(
        after_help = "Example:\n  hookspool completions bash > ~/.local/share/bash-completion/completions/hookspool"
    )]
    Completions(CompletionsArgs),
    /// Write the manual pages hookspool(1) and webhooks.toml(5)
    #[command(after_help = "Example:\n  hookspool man ~/.local/share/man/man1", arg(without_config()))]
    Man(ManArgs),
}

/// The subcommands of `certs`.
#[derive(Debug, Subcommand)]
pub enum CertsCommand {
    /// Create a throwaway PKI: a root, a server and a client
    #[command(arg(without_config()))]
    Init(InitArgs),
    /// Show the contents of PEM, DER or PKCS#7 files, and the [[sender]] lines that would match
    #[command(after_help = "Example:\n  hookspool certs show certs/*.pem", arg(without_config()))]
    Show(ShowArgs),
}

/// The flags of commands that only print facts.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct JsonArgs {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// `hookspool reload`
#[derive(Clone, Debug, clap::Args)]
pub struct ReloadArgs {
    /// Accept the revocation lists of this sender once, although they are older than those in force
    #[arg(long, value_name = "SENDER")]
    pub accept_older_lists: Option<Name>,
}

/// `hookspool check`
#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Read the files as this user, which requires root
    /// [default: for root, the user of hookspool.service if it is installed]
    #[arg(long, value_name = "USER")]
    pub as_user: Option<String>,
    /// Check only what this process reads
    /// [default: everything]
    #[arg(long, value_name = "PROCESS")]
    pub process: Option<CheckedProcess>,
}

/// A process whose tables `check` validates.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum CheckedProcess {
    /// `hookspool run`
    Run,
    /// `hookspool forward`
    Forward,
}

impl CheckedProcess {
    /// The value on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Forward => "forward",
        }
    }
}

/// `hookspool completions`
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(required_unless_present = "endpoints")]
    pub shell: Option<clap_complete::Shell>,
    /// Print the names of the endpoints instead; the scripts call this
    #[arg(long, conflicts_with = "shell")]
    pub endpoints: bool,
}

/// `hookspool man`
#[derive(Clone, Debug, clap::Args)]
pub struct ManArgs {
    /// The directory to write to
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// `hookspool demo`
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct DemoArgs {
    /// Exit after the delivery, with 0 if it is on disk
    #[arg(long)]
    pub once: bool,
}

/// `hookspool init`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Existing files are reported and left unchanged.

Example, from an empty directory to a stored delivery:
  hookspool init
  hookspool run 2> hookspool.log &
  echo '{}' | hookspool send https://localhost:8443/webhooks/pix \\
    --cert certs/client.pem --key certs/client.key --ca certs/root-ca.pem
  hookspool spool list")]
pub struct ConfigInitArgs {
    /// The directory to write to
    #[arg(value_name = "DIR", default_value = ".", hide_default_value = true)]
    pub folder: PathBuf,
    /// Write only webhooks.toml
    #[arg(long)]
    pub no_certs: bool,
}

/// `hookspool certs init`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Writes root-ca, server and client, each as .pem (certificate) and .key (private key, mode 0600).
The first --client is written as client.pem and client.key, whatever its name; each further one
as NAME.pem and NAME.key.

Example:
  hookspool certs init --host hooks.shop.example --client webhook.bank.example")]
pub struct InitArgs {
    /// The directory to write to
    #[arg(long, default_value = "certs")]
    pub dir: PathBuf,
    /// An additional name or address of the server, besides localhost, 127.0.0.1 and ::1 [repeatable]
    #[arg(long = "host", value_name = "HOST")]
    pub hosts: Vec<String>,
    /// The common name of a client [default: client] [repeatable]
    #[arg(long = "client", value_name = "NAME")]
    pub clients: Vec<String>,
    /// Use RSA keys of 2048 bits instead of ECDSA P-256
    #[arg(long)]
    pub rsa: bool,
    /// The owner of the files, except of the root's private key
    #[arg(long, value_name = "USER[:GROUP]")]
    pub owner: Option<String>,
    /// Replace existing files
    #[arg(long)]
    pub force: bool,
}

/// `hookspool certs show`
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// Certificates in PEM, DER or PKCS#7; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Write each certificate to a separate file in this directory; nothing is overwritten
    #[arg(long, value_name = "DIR")]
    pub split: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// `hookspool explain`
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// The certificate in PEM, DER or PKCS#7 (`-`: standard input); further ones in the file are its chain
    #[arg(long, value_name = "FILE")]
    pub cert: PathBuf,
    /// The certificates that are sent with it
    #[arg(long, value_name = "FILE")]
    pub chain: Option<PathBuf>,
    /// Also report whether it may deliver to this endpoint
    #[arg(long, value_name = "NAME")]
    pub endpoint: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// The client certificate, and how the server is verified.
#[derive(Debug, clap::Args)]
pub struct PeerArgs {
    /// The client certificate with its chain; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub cert: Option<PathBuf>,
    /// The private key of the certificate [default: the key in the file of --cert]
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// A CA that may have issued the server's certificate; the system's CAs are not used [repeatable]
    #[arg(long, value_name = "FILE")]
    pub ca: Vec<PathBuf>,
    /// Do not verify the server
    #[arg(long, conflicts_with = "ca")]
    pub insecure: bool,
    /// Connect here instead of to the host of the URL
    #[arg(long, value_name = "HOST:PORT")]
    pub connect: Option<String>,
    /// Use only HTTP/1.1
    #[arg(long = "http1.1", conflicts_with = "http2")]
    pub http1: bool,
    /// Use only HTTP/2
    #[arg(long)]
    pub http2: bool,
}

impl PeerArgs {
    /// The files that the flags name, each with its flag.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let cert = self.cert.iter().map(|path| ("--cert", path.as_path()));
        let key = self.key.iter().map(|path| ("--key", path.as_path()));
        cert.chain(key).chain(self.ca.iter().map(|path| ("--ca", path.as_path())))
    }
}

/// `hookspool send`
#[derive(Debug, clap::Args)]
pub struct SendArgs {
    /// The URL to deliver to: https only
    pub url: String,
    /// The file to deliver; `-` is standard input, the default if that is not a terminal
    pub file: Option<PathBuf>,
    /// The client certificate, and how the server is verified.
    #[command(flatten)]
    pub peer: PeerArgs,
    /// A header, as `Name: value` [repeatable]
    #[arg(long = "header", value_name = "HEADER")]
    pub headers: Vec<String>,
    /// The number of deliveries
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u64).range(1..))]
    pub repeat: u64,
    /// The maximum number of deliveries per second [default: no limit]
    #[arg(long, value_name = "R", value_parser = rate)]
    pub rate: Option<f64>,
}

/// `hookspool probe`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Over TLS 1.2 and 1.3 it delivers {\"evento\":\"teste_webhook\"} three times: without a certificate and
with one from an unknown CA, which must be refused, and with --cert, which must be answered
2xx. A TLS version that the server does not support is reported, and is not a failure.

Example:
  hookspool probe https://hooks.shop.example/webhooks/pix \\
    --cert certs/client.pem --key certs/client.key --ca certs/root-ca.pem")]
pub struct ProbeArgs {
    /// The URL to connect to: https only
    pub url: String,
    /// The client certificate, and how the server is verified.
    #[command(flatten)]
    pub peer: PeerArgs,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// `--config` for commands that read no configuration: accepted, as by every command, but not shown.
fn without_config() -> Arg {
    Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .global(true)
        .hide(true)
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && (0.001..=1e6).contains(&rate) => Ok(rate),
        Ok(_) | Err(_) => Err("expected a number of deliveries per second, from 0.001 to 1000000".to_owned()),
    }
}

const ENVIRONMENT: &str = "HOOKSPOOL_CONFIG";
const LOCAL: &str = "webhooks.toml";
/// Where `demo` writes a configuration if there is none. A webhooks.toml in the working directory itself would take
/// precedence over the system's from then on.
const DEMO: &str = "hookspool-demo/webhooks.toml";
const SYSTEM: &str = "/etc/hookspool/webhooks.toml";

/// The path of the configuration file.
///
/// # Errors
/// If the named file is missing, or none is named and the default ones do not exist.
pub fn config_path(args: &Args) -> Result<PathBuf, Failure> {
    let by_environment = || std::env::var_os(ENVIRONMENT).filter(|path| !path.is_empty()).map(PathBuf::from);
    let named = args.config.clone().or_else(by_environment);
    let searched = "$HOOKSPOOL_CONFIG is not set, and neither `./webhooks.toml` nor `/etc/hookspool/webhooks.toml` exists";
    choose(named, &[LOCAL, SYSTEM], searched)
}

/// The configuration file that `demo` may use: never the system's, so that a fictitious payment cannot be stored in a
/// production spool by mistake.
///
/// # Errors
/// If the named file is missing.
pub fn demo_config_path(args: &Args) -> Result<PathBuf, Failure> {
    match &args.config {
        None if !exists(Path::new(LOCAL))? => Ok(PathBuf::from(DEMO)),
        named => choose(named.clone(), &[LOCAL], "`./webhooks.toml` does not exist"),
    }
}

fn choose(named: Option<PathBuf>, defaults: &[&str], searched: &'static str) -> Result<PathBuf, Failure> {
    match named {
        Some(path) if is_stdin(&path) => Err(Failure::Usage(
            "the configuration cannot be read from standard input: it names files relative to its directory"
                .to_owned(),
        )),
        Some(path) if exists(&path)? => Ok(path),
        Some(path) => Err(Failure::MissingFile(path)),
        None => {
            for path in defaults.iter().map(Path::new) {
                if exists(path)? {
                    return Ok(path.to_owned());
                }
            }
            Err(Failure::NoConfiguration(searched))
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_of_the_commands_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_configuration_can_be_named_before_and_after_the_command() {
        for line in [["hookspool", "--config", "x", "run"], ["hookspool", "run", "--config", "x"]] {
            let args = Args::try_parse_from(line).expect("a valid command line");
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
