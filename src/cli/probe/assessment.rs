//! What a visit came to, and whether that is as it has to be.

use http::StatusCode;

use super::cases::ProbeCase;
use crate::client::ClientFault;
use crate::tls::client::{HandshakeFault, is_disconnect};

/// What was seen.
#[derive(Debug)]
pub(super) enum Seen {
    /// An answer in HTTP.
    Answered(StatusCode),
    /// The server hung up and said nothing.
    Closed,
    /// The server does not speak this version of TLS.
    NotSpoken,
    /// The server said no, in TLS, in these words.
    Refused(String),
}

impl Seen {
    /// What a fault says of the server; an error, if it says more of us or of the way there.
    pub(super) fn from_fault(fault: ClientFault) -> Result<Self, ClientFault> {
        match fault {
            ClientFault::Handshake(fault) if fault.is_about_the_version() => Ok(Self::NotSpoken),
            ClientFault::Handshake(HandshakeFault::Alert(alert))
            | ClientFault::Refused(alert)
            | ClientFault::Alert(alert) => Ok(Self::Refused(alert.to_string())),
            ClientFault::Handshake(HandshakeFault::Io(ref error)) if is_disconnect(error) => Ok(Self::Closed),
            // What cannot be read as HTTP is no answer, and no hang-up either.
            ClientFault::Http(ref error) if !error.is_parse() => Ok(Self::Closed),
            // The status is all that is looked at.
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

    /// Whether a delivery was taken.
    pub(super) fn is_success(&self) -> bool {
        matches!(self, Self::Answered(status) if status.is_success())
    }
}

/// How a visit is to be taken.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Assessment {
    /// As it has to be.
    Held(String),
    /// Not as it has to be.
    Failed(String),
    /// Nothing can be said: this version is not spoken.
    NotSpoken,
}

/// Statuses with which a server refuses a client in HTTP; 495 and 496 are nginx's.
const TURNED_AWAY: &[u16] = &[400, 401, 403, 495, 496];

/// `lets_in` says whether the given certificate got in over this version: only then does a hang-up
/// without a word say anything about the others.
pub(super) fn judge(case: ProbeCase, seen: &Seen, lets_in: bool) -> Assessment {
    match (case, seen) {
        (_, Seen::NotSpoken) => Assessment::NotSpoken,
        (ProbeCase::Given, Seen::Answered(status)) if status.is_success() => {
            Assessment::Held(format!("answered {status}"))
        }
        (ProbeCase::Given, Seen::Answered(status)) => {
            Assessment::Failed(format!("answered {status}{}", why(*status)))
        }
        (ProbeCase::Given, Seen::Refused(words)) => Assessment::Failed(format!("refused: {words}")),
        (ProbeCase::Given, Seen::Closed) => {
            Assessment::Failed("closed the connection without an answer".to_owned())
        }
        (ProbeCase::Nobody | ProbeCase::Stranger, Seen::Refused(words)) => {
            Assessment::Held(format!("refused: {words}"))
        }
        (ProbeCase::Nobody | ProbeCase::Stranger, Seen::Closed) if lets_in => {
            Assessment::Held("refused: closed the connection without an answer".to_owned())
        }
        (ProbeCase::Nobody | ProbeCase::Stranger, Seen::Closed) => Assessment::Failed(
            "closed the connection without an answer, as it did to the given certificate: that is no refusal"
                .to_owned(),
        ),
        (ProbeCase::Nobody | ProbeCase::Stranger, Seen::Answered(status))
            if TURNED_AWAY.contains(&status.as_u16()) =>
        {
            Assessment::Held(format!("refused, in HTTP: {status}"))
        }
        (ProbeCase::Nobody, Seen::Answered(status)) => Assessment::Failed(format!(
            "answered {status}: it does not insist on a certificate, so anybody's request gets through"
        )),
        (ProbeCase::Stranger, Seen::Answered(status)) => Assessment::Failed(format!(
            "answered {status}: it takes a certificate of any CA, so anybody can make one that gets through"
        )),
    }
}

/// What a bank would make of an answer to the right certificate.
fn why(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..400 => ": banks do not follow redirects",
        403 => ": the certificate is known, and this URL is not for it",
        404 => ": there is no endpoint of this URL",
        503 => ": the server cannot take deliveries right now",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn holds(case: ProbeCase, seen: &Seen) -> bool {
        matches!(judge(case, seen, true), Assessment::Held(_))
    }

    fn answered(status: u16) -> Seen {
        Seen::Answered(StatusCode::from_u16(status).expect("a status"))
    }

    #[test]
    fn whoever_has_no_right_certificate_is_turned_away() {
        for case in [ProbeCase::Nobody, ProbeCase::Stranger] {
            for status in [400, 401, 403, 495, 496] {
                assert!(holds(case, &answered(status)), "{status}");
            }
            for status in [200, 204, 302, 404, 405, 500, 503] {
                assert!(!holds(case, &answered(status)), "{status}");
            }
            assert!(holds(case, &Seen::Closed) && holds(case, &Seen::Refused("no".to_owned())));
            assert!(matches!(judge(case, &Seen::Closed, false), Assessment::Failed(_)));
            assert!(matches!(judge(case, &Seen::Refused("no".to_owned()), false), Assessment::Held(_)));
        }
    }

    #[test]
    fn the_right_certificate_gets_success_and_nothing_else() {
        for status in [200, 201, 202, 204] {
            assert!(holds(ProbeCase::Given, &answered(status)), "{status}");
        }
        for status in [302, 400, 403, 404, 503] {
            assert!(!holds(ProbeCase::Given, &answered(status)), "{status}");
        }
        assert!(!holds(ProbeCase::Given, &Seen::Closed));
        assert_eq!(judge(ProbeCase::Given, &Seen::NotSpoken, false), Assessment::NotSpoken);
    }

    #[test]
    fn a_fault_is_a_hang_up_an_answer_or_none_of_the_servers_words() {
        let handshake =
            |kind: io::ErrorKind| Seen::from_fault(ClientFault::Handshake(HandshakeFault::Io(kind.into())));
        assert!(matches!(handshake(io::ErrorKind::UnexpectedEof), Ok(Seen::Closed)));
        assert!(matches!(handshake(io::ErrorKind::ConnectionReset), Ok(Seen::Closed)));
        assert!(handshake(io::ErrorKind::InvalidData).is_err(), "bytes that are not TLS");
        let body = ClientFault::Body { status: StatusCode::FORBIDDEN, why: "too long".into() };
        assert!(matches!(Seen::from_fault(body), Ok(Seen::Answered(StatusCode::FORBIDDEN))));
        let late = ClientFault::Deadline { what: "answer", after: std::time::Duration::from_secs(1) };
        assert!(Seen::from_fault(late).is_err());
    }
}
