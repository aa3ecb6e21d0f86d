//! The result of a probe's connection, and whether it is the expected one.

use http::StatusCode;

use super::cases::ProbeCase;
use crate::client::ClientFault;
use crate::tls::client::{HandshakeFault, is_disconnect};

/// The server's reaction.
#[derive(Debug)]
pub(super) enum Reaction {
    /// An HTTP response.
    Answered(StatusCode),
    /// The server closed the connection without an alert or a response.
    Closed,
    /// The server does not support this version of TLS.
    NotSupported,
    /// The server refused with a TLS alert, described here.
    Refused(String),
}

impl Reaction {
    /// Converts a fault that the server caused; other faults are errors.
    pub(super) fn from_fault(fault: ClientFault) -> Result<Self, ClientFault> {
        match fault {
            ClientFault::Handshake(fault) if fault.is_about_the_version() => Ok(Self::NotSupported),
            ClientFault::Handshake(HandshakeFault::Alert(alert))
            | ClientFault::Refused(alert)
            | ClientFault::Alert(alert) => Ok(Self::Refused(alert.to_string())),
            ClientFault::Handshake(HandshakeFault::Io(ref error)) if is_disconnect(error) => Ok(Self::Closed),
            // Data that is not HTTP is neither a response nor a closed connection.
            ClientFault::Http(ref error) if !error.is_parse() => Ok(Self::Closed),
            // Only the status matters.
            ClientFault::Body { status, .. } => Ok(Self::Answered(status)),
            ClientFault::Handshake(
                HandshakeFault::Server(_) | HandshakeFault::NoHttp2 | HandshakeFault::Io(_),
            )
            | ClientFault::Http(_)
            | ClientFault::Connect { .. }
            | ClientFault::Request(_)
            | ClientFault::Deadline { .. } => Err(fault),
        }
    }

    /// Whether the delivery was accepted.
    pub(super) fn is_success(&self) -> bool {
        matches!(self, Self::Answered(status) if status.is_success())
    }
}

/// Whether a reaction is the expected one.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Assessment {
    /// The reaction is the expected one.
    Passed(String),
    /// The reaction is not the expected one.
    Failed(String),
    /// The server does not support this version of TLS.
    NotSupported,
}

/// The statuses with which a server refuses a client certificate; 495 and 496 are nginx's.
const REFUSALS: &[u16] = &[400, 401, 403, 495, 496];

/// Assesses the reaction to a case. Only if the given certificate was accepted over this version (`is_given_accepted`)
/// is a closed connection treated as a refusal of another case.
pub(super) fn assess(case: ProbeCase, reaction: &Reaction, is_given_accepted: bool) -> Assessment {
    match (case, reaction) {
        (_, Reaction::NotSupported) => Assessment::NotSupported,
        (ProbeCase::Given, Reaction::Answered(status)) if status.is_success() => {
            Assessment::Passed(format!("answered {status}"))
        }
        (ProbeCase::Given, Reaction::Answered(status)) => {
            Assessment::Failed(format!("answered {status}{}", why(*status)))
        }
        (ProbeCase::Given, Reaction::Refused(alert)) => Assessment::Failed(format!("refused: {alert}")),
        (ProbeCase::Given, Reaction::Closed) => {
            Assessment::Failed("closed the connection without a response".to_owned())
        }
        (ProbeCase::NoCertificate | ProbeCase::UnknownCa, Reaction::Refused(alert)) => {
            Assessment::Passed(format!("refused: {alert}"))
        }
        (ProbeCase::NoCertificate | ProbeCase::UnknownCa, Reaction::Closed) if is_given_accepted => {
            Assessment::Passed("refused: closed the connection without a response".to_owned())
        }
        (ProbeCase::NoCertificate | ProbeCase::UnknownCa, Reaction::Closed) => Assessment::Failed(
            "closed the connection without a response, as for the given certificate, so this is not a refusal"
                .to_owned(),
        ),
        (ProbeCase::NoCertificate | ProbeCase::UnknownCa, Reaction::Answered(status))
            if REFUSALS.contains(&status.as_u16()) =>
        {
            Assessment::Passed(format!("refused, in HTTP: {status}"))
        }
        (ProbeCase::NoCertificate, Reaction::Answered(status)) => Assessment::Failed(format!(
            "answered {status}: the server does not require a certificate, so anyone can deliver"
        )),
        (ProbeCase::UnknownCa, Reaction::Answered(status)) => Assessment::Failed(format!(
            "answered {status}: the server accepts certificates of any CA, so anyone can create one and deliver"
        )),
    }
}

/// The consequence of a status for the given certificate.
fn why(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..400 => ": banks do not follow redirects",
        403 => ": the certificate is accepted, but not for this URL",
        404 => ": no endpoint has this URL",
        503 => ": the server cannot store deliveries at the moment",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn passes(case: ProbeCase, reaction: &Reaction) -> bool {
        matches!(assess(case, reaction, true), Assessment::Passed(_))
    }

    fn answered(status: u16) -> Reaction {
        Reaction::Answered(StatusCode::from_u16(status).expect("a status"))
    }

    #[test]
    fn clients_without_a_valid_certificate_must_be_refused() {
        for case in [ProbeCase::NoCertificate, ProbeCase::UnknownCa] {
            for status in [400, 401, 403, 495, 496] {
                assert!(passes(case, &answered(status)), "{status}");
            }
            for status in [200, 204, 302, 404, 405, 500, 503] {
                assert!(!passes(case, &answered(status)), "{status}");
            }
            assert!(passes(case, &Reaction::Closed) && passes(case, &Reaction::Refused("no".to_owned())));
            assert!(matches!(assess(case, &Reaction::Closed, false), Assessment::Failed(_)));
            assert!(matches!(
                assess(case, &Reaction::Refused("no".to_owned()), false),
                Assessment::Passed(_)
            ));
        }
    }

    #[test]
    fn only_success_passes_for_the_given_certificate() {
        for status in [200, 201, 202, 204] {
            assert!(passes(ProbeCase::Given, &answered(status)), "{status}");
        }
        for status in [302, 400, 403, 404, 503] {
            assert!(!passes(ProbeCase::Given, &answered(status)), "{status}");
        }
        assert!(!passes(ProbeCase::Given, &Reaction::Closed));
        assert_eq!(assess(ProbeCase::Given, &Reaction::NotSupported, false), Assessment::NotSupported);
    }

    #[test]
    fn faults_that_the_server_did_not_cause_are_errors() {
        let handshake = |kind: io::ErrorKind| {
            Reaction::from_fault(ClientFault::Handshake(HandshakeFault::Io(kind.into())))
        };
        assert!(matches!(handshake(io::ErrorKind::UnexpectedEof), Ok(Reaction::Closed)));
        assert!(matches!(handshake(io::ErrorKind::ConnectionReset), Ok(Reaction::Closed)));
        assert!(handshake(io::ErrorKind::InvalidData).is_err(), "bytes that are not TLS");
        let body = ClientFault::Body { status: StatusCode::FORBIDDEN, why: "too long".into() };
        assert!(matches!(Reaction::from_fault(body), Ok(Reaction::Answered(StatusCode::FORBIDDEN))));
        let late = ClientFault::Deadline { what: "answer", after: std::time::Duration::from_secs(1) };
        assert!(Reaction::from_fault(late).is_err());
    }
}
