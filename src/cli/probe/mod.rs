//! `hookspool probe`: tests a server like a bank does when a webhook is registered.

mod cases;

mod assessment;

mod report;

use bytes::Bytes;
use http::HeaderMap;

use super::args::ProbeArgs;
use super::exit::{Exit, Failure};
use super::files::stdin_at_most_once;
use super::output::{print, print_json};
use super::peer::{client_settings, connector, failed};
use super::runtime::block_on;
use crate::client::{ClientConnection, ClientFault, ClientResponse, ServerUrl};
use crate::tls::client::{ClientSettings, Connector, TlsVersions};
use assessment::{Reaction, assess};
use cases::{CASES, Credentials, ProbeCase};
use report::{ProbeReport, Row};

/// The body that banks send to test a webhook. It is not a payment.
const BODY: &[u8] = br#"{"evento":"teste_webhook"}"#;

const VERSIONS: [(&str, TlsVersions); 2] = [("1.2", TlsVersions::Tls12), ("1.3", TlsVersions::Tls13)];

/// Connects in three cases over each version of TLS, and reports the results.
///
/// # Errors
/// If the flags are not valid, the server cannot be reached, or its certificate is not accepted.
pub fn probe(args: &ProbeArgs) -> Result<Exit, Failure> {
    let target = ServerUrl::parse(&args.url).map_err(|fault| Failure::Usage(fault.to_string()))?;
    stdin_at_most_once(args.peer.files())?;
    let settings = client_settings(&args.peer)?;
    let Some(own) = settings.key_pair.clone() else {
        return Err(Failure::Usage(
            "no certificate is given; give `--cert FILE` and `--key FILE` of a sender that the server accepts"
                .to_owned(),
        ));
    };
    let credentials = Credentials::new(own)?;
    // A query may contain a secret.
    let url = args.url.split('?').next().unwrap_or(&args.url);
    let rows = block_on(async {
        let mut rows = Vec::new();
        for (name, versions) in VERSIONS {
            let mut reactions = Vec::new();
            for case in CASES {
                let settings =
                    ClientSettings { key_pair: credentials.of(case), versions, ..settings.clone() };
                let connector = connector(&settings, &args.peer)?;
                let reaction =
                    connect(args, &connector, &target).await.map_err(|fault| failed(url, fault))?;
                reactions.push((case, reaction));
            }
            let is_given_accepted =
                reactions.iter().any(|(case, reaction)| *case == ProbeCase::Given && reaction.is_success());
            let assessed =
                reactions.iter().map(|(case, reaction)| (*case, assess(*case, reaction, is_given_accepted)));
            rows.extend(assessed.map(|(case, assessment)| Row { tls: name, case, assessment }));
        }
        Ok::<_, Failure>(rows)
    })??;
    let report = ProbeReport::new(url, rows);
    if args.json {
        print_json(&report)?;
    } else {
        print(&report.page())?;
    }
    Ok(if report.ok { Exit::Success } else { Exit::Negative })
}

/// Connects and delivers once. A fault that the server did not cause is an error.
async fn connect(
    args: &ProbeArgs,
    connector: &Connector,
    target: &ServerUrl,
) -> Result<Reaction, ClientFault> {
    let delivery = async {
        let mut connection = ClientConnection::open(connector, target, args.peer.connect.as_deref()).await?;
        connection.post(&HeaderMap::new(), Bytes::from_static(BODY)).await
    };
    match delivery.await {
        Ok(ClientResponse { status, .. }) => Ok(Reaction::Answered(status)),
        Err(fault) => Reaction::from_fault(fault),
    }
}
