//! `hookspool probe`: what a bank does when a webhook is registered.

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
use crate::client::{ClientConnection, ClientFault, ClientResponse, Target};
use crate::tls::client::{ClientSettings, Connector, TlsVersions};
use assessment::{Seen, judge};
use cases::{Credentials, ProbeCase, VISITORS};
use report::{ProbeReport, Row};

/// What banks send to try a webhook. Never a payment.
const BODY: &[u8] = br#"{"evento":"teste_webhook"}"#;

const VERSIONS: [(&str, TlsVersions); 2] = [("1.2", TlsVersions::Tls12), ("1.3", TlsVersions::Tls13)];

/// Connects in three cases over each version of TLS, and reports the results.
///
/// # Errors
/// When the flags do not fit, nobody is there, or the server is not who it has to be.
pub fn probe(args: &ProbeArgs) -> Result<Exit, Failure> {
    let target = Target::parse(&args.url).map_err(|fault| Failure::Usage(fault.to_string()))?;
    stdin_at_most_once(args.peer.files())?;
    let settings = client_settings(&args.peer)?;
    let Some(own) = settings.key_pair.clone() else {
        return Err(Failure::Usage(
            "what shall be let in? give `--cert FILE` and `--key FILE` of a sender that the server knows"
                .to_owned(),
        ));
    };
    let credentials = Credentials::new(own)?;
    // A query may hold a secret.
    let url = args.url.split('?').next().unwrap_or(&args.url);
    let rows = block_on(async {
        let mut rows = Vec::new();
        for (name, versions) in VERSIONS {
            let mut visits = Vec::new();
            for case in VISITORS {
                let settings =
                    ClientSettings { key_pair: credentials.of(case), versions, ..settings.clone() };
                let connector = connector(&settings, &args.peer)?;
                let seen = connect(args, &connector, &target).await.map_err(|fault| failed(url, fault))?;
                visits.push((case, seen));
            }
            let lets_in = visits.iter().any(|(case, seen)| *case == ProbeCase::Given && seen.is_success());
            let judged = visits.iter().map(|(case, seen)| (*case, judge(*case, seen, lets_in)));
            rows.extend(judged.map(|(case, assessment)| Row { tls: name, case, assessment }));
        }
        Ok::<_, Failure>(rows)
    })??;
    let report = ProbeReport::new(url, rows);
    if args.json {
        print_json(&report)?;
    } else {
        print(&report.page())?;
    }
    Ok(if report.ok { Exit::Fine } else { Exit::No })
}

/// One visit. What is a fault of ours, or of the way there, is not seen but an error.
async fn connect(args: &ProbeArgs, connector: &Connector, target: &Target) -> Result<Seen, ClientFault> {
    let visit = async {
        let mut connection = ClientConnection::open(connector, target, args.peer.connect.as_deref()).await?;
        connection.post(&HeaderMap::new(), Bytes::from_static(BODY)).await
    };
    match visit.await {
        Ok(ClientResponse { status, .. }) => Ok(Seen::Answered(status)),
        Err(fault) => Seen::from_fault(fault),
    }
}
