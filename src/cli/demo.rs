//! `hookspool demo`: delivers a sample Pix notification to a daemon with development certificates.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use super::args::PeerArgs;
use super::certs::init::make_default;
use super::exit::{Exit, Failure, shown};
use super::files::exists;
use super::init::write_config;
use super::output::{print, shell_word};
use super::peer::{DeliveryClient, failed};
use super::settings::load;
use crate::client::ClientResponse;
use crate::clock::Clock;
use crate::config::Settings;
use crate::daemon::{StartError, available_memory, serve, serve_while, unconfined};
use crate::devpki::is_development;
use crate::logging::{self, Level, Logging};
use crate::metrics::CertificateRole;
use crate::metrics::Queue;
use crate::policy::Endpoint;
use crate::signals::Signals;
use crate::spool::Layout;

/// The notification of a received Pix, with fictitious data.
const SAMPLE: &[u8] = include_bytes!("../../tests/samples/01-pix-recebido.json");
/// The body of the command that the demo prints. It is part of the command, because curl sends an empty body if a file
/// does not exist.
const ANOTHER: &str = r#"{"pix":[{"valor":"1.00"}]}"#;
/// The configuration that `hookspool forward` reads without `--config`.
const DEFAULT_CONFIG: &str = "webhooks.toml";
/// The URL in the command that forwards.
const APPLICATION: &str = "http://localhost:3000/webhooks";
/// The suffix that the Pix API appends to the URL.
const SUFFIX: &str = "/pix";

/// Creates the configuration and certificates that do not exist, serves, delivers the sample, shows the entry, and
/// continues to serve.
///
/// # Errors
/// If a step fails, or a sender has a CA that is not for development: its spool may be in production.
pub fn demo(config: &Path, once: bool) -> Result<Exit, Failure> {
    let above = config.parent().unwrap_or(Path::new(""));
    if !exists(config)? {
        print(&write_config(above)?)?;
    }
    let folder = above.join("certs");
    if !exists(&folder.join("root-ca.pem"))? && !exists(&folder.join("server.pem"))? {
        make_default(&folder)?;
        print(&format!("created throwaway certificates in {}\n", shown(&folder)))?;
    }
    let (settings, _) = load(config)?;
    let plan = Plan::of(&settings)?;
    let confined = (unconfined(&settings)?, available_memory());
    // Otherwise the log lines of the startup would precede the result, and both might not fit on the screen.
    let level = settings.log.level;
    let quiet = logging::Settings { level: Level::Error, ..settings.log };
    let logging = Arc::new(Logging::start(quiet)?);
    let signals = Signals::listen().map_err(StartError::from)?;
    serve_while(settings, confined, Arc::clone(&logging), Clock::System, signals, async |daemon, signals| {
        let Some(address) = daemon.addresses().first() else {
            return Err(Failure::Configuration("[server] listen names no address".to_owned()));
        };
        print(&plan.deliver_and_show(*address).await?)?;
        if !once {
            print(&plan.next_steps(config, *address)?)?;
        }
        if !once {
            logging.set_level(level);
            serve(daemon, signals).await;
        }
        Ok(Exit::Success)
    })?
}

/// The endpoint to deliver to, and the files of the client.
struct Plan {
    endpoint: Endpoint,
    spool: Layout,
    /// The root certificate, the client certificate and the client's key, in this order.
    pki: [PathBuf; 3],
}

impl Plan {
    fn of(settings: &Settings) -> Result<Self, Failure> {
        let other_anchor = settings
            .senders
            .iter()
            .flat_map(|trusted| &trusted.trust.anchors)
            .find(|anchor| !is_development(&anchor.identity));
        if let Some(anchor) = other_anchor {
            return Err(Failure::Configuration(format!(
                "`demo` delivers a fictitious payment, and the CA `{}` was not created by `certs init`: use a webhooks.toml \
                 whose senders have development certificates",
                crate::escape::Escaped(anchor.identity.subject.as_str())
            )));
        }
        let endpoints = settings.policy.endpoints();
        // There, the event of the entry is `pix`.
        let for_pix = endpoints.iter().find(|endpoint| endpoint.suffixes.iter().any(|it| it == SUFFIX));
        let root = settings.certificates.iter().find(|fact| fact.role == CertificateRole::Anchor);
        let (Some(endpoint), Some(root)) = (for_pix.or(endpoints.first()), root) else {
            return Err(Failure::Configuration("there is no endpoint to deliver to".to_owned()));
        };
        let sibling = |name| root.file.with_file_name(name);
        Ok(Self {
            endpoint: endpoint.as_ref().clone(),
            spool: Layout::new(settings.spool.directory.clone()),
            pki: [root.file.clone(), sibling("client.pem"), sibling("client.key")],
        })
    }

    fn url(&self, address: SocketAddr) -> String {
        let suffix = self.endpoint.suffixes.iter().find(|suffix| *suffix == SUFFIX).map_or("", |_| SUFFIX);
        format!("https://localhost:{}{}{suffix}", address.port(), self.endpoint.path)
    }

    async fn deliver_and_show(&self, address: SocketAddr) -> Result<String, Failure> {
        let url = self.url(address);
        let answer = self.deliver(&url, address).await?;
        let body = String::from_utf8_lossy(&answer.body).trim_end().to_owned();
        let entry = self.entry(&answer, &body)?;
        Ok(format!(
            "{} in {} ms for a Pix delivered to {url}\nOn disk: {}\n{}",
            answer.status,
            answer.elapsed.as_millis(),
            shown(&entry),
            show(&entry)?,
        ))
    }

    async fn deliver(&self, url: &str, address: SocketAddr) -> Result<ClientResponse, Failure> {
        let [ca, cert, key] = self.pki.clone();
        let args = PeerArgs {
            cert: Some(cert),
            key: Some(key),
            ca: vec![ca],
            insecure: false,
            connect: Some(address.to_string()),
            http1: false,
            http2: false,
        };
        let mut connection =
            DeliveryClient::new(url, &args)?.connect().await.map_err(|fault| failed(url, fault))?;
        let body = Bytes::from_static(SAMPLE);
        connection.post(&HeaderMap::new(), body).await.map_err(|fault| failed(url, fault))
    }

    /// The path of the entry whose ID is in the response.
    fn entry(&self, answer: &ClientResponse, body: &str) -> Result<PathBuf, Failure> {
        let id = serde_json::from_str::<Value>(body)
            .ok()
            .and_then(|document| document["id"].as_str()?.parse().ok())
            .filter(|_| answer.status.is_success());
        match id {
            Some(id) => Ok(self.spool.entry(&self.endpoint.name, Queue::New, id)),
            None => {
                Err(Failure::Refused(format!("the response to the delivery was {}: {body}", answer.status)))
            }
        }
    }

    /// A command that delivers another one, from any directory, and one that forwards the entries.
    fn next_steps(&self, config: &Path, address: SocketAddr) -> Result<String, Failure> {
        let [ca, cert, key] = &self.pki;
        let folder = ca.parent().unwrap_or(Path::new(""));
        let folder = fs::canonicalize(folder).map_err(|why| Failure::reading(folder, why))?;
        let name = |path: &Path| shell_word(Path::new(path.file_name().unwrap_or_default()));
        let is_default = config == Path::new(DEFAULT_CONFIG);
        let option = if is_default { String::new() } else { format!("--config {} ", shell_word(config)) };
        // As this one was started: the program of a build is not in PATH.
        let program = env::args_os().next().map_or_else(|| "hookspool".into(), PathBuf::from);
        Ok(format!(
            "Serving until Ctrl-C. To deliver another one:\n  cd {} && curl -H content-type:application/json \\\n    \
             --cacert {} --cert {} --key {} \\\n    -d '{ANOTHER}' {}\n\
             To forward them to an application:\n  {} forward --endpoint {} \\\n    {option}--to {APPLICATION}\n",
            shell_word(&folder),
            name(ca),
            name(cert),
            name(key),
            self.url(address),
            shell_word(&program),
            self.endpoint.name,
        ))
    }
}

/// The main values of the envelope, and the payload, after comparing it with the sample.
fn show(entry: &Path) -> Result<String, Failure> {
    let bytes = fs::read(entry).map_err(|why| Failure::reading(entry, why))?;
    let line = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (envelope, payload) = (&bytes[..line], bytes.get(line + 1..).unwrap_or_default());
    let envelope = serde_json::from_slice::<Value>(envelope)
        .map_err(|why| Failure::BadFile { path: entry.to_owned(), why: why.into() })?;
    if payload != SAMPLE {
        let why = "its payload differs from what was delivered".into();
        return Err(Failure::BadFile { path: entry.to_owned(), why });
    }
    let fields = ["sender", "event", "received_at"];
    let shown: String = fields.iter().map(|name| format!("\"{name}\":{},", envelope[name])).collect();
    Ok(format!("{{{shown}…}}\n{}", String::from_utf8_lossy(payload)))
}
