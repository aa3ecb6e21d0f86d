//! What a visit came to, and whether that is as it has to be.

use http::StatusCode;

use super::visitor::Visitor;
use crate::client::ClientFault;
use crate::tls::client::HandshakeFault;

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
            ClientFault::Handshake(HandshakeFault::Io(_)) | ClientFault::Http(_) => Ok(Self::Closed),
            ClientFault::Handshake(HandshakeFault::Server(_) | HandshakeFault::NoHttp2)
            | ClientFault::Connect { .. }
            | ClientFault::Request(_)
            | ClientFault::Body(_)
            | ClientFault::Deadline { .. } => Err(fault),
        }
    }
}

/// How a visit is to be taken.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Judgement {
    /// As it has to be.
    Held(String),
    /// Not as it has to be.
    Failed(String),
    /// Nothing can be said: this version is not spoken.
    NotSpoken,
}

/// Statuses with which a server turns away, in HTTP, whom it would not have; 495 and 496 are nginx's.
const TURNED_AWAY: &[u16] = &[400, 401, 403, 495, 496];

pub(super) fn judge(visitor: Visitor, seen: &Seen) -> Judgement {
    match (visitor, seen) {
        (_, Seen::NotSpoken) => Judgement::NotSpoken,
        (Visitor::Given, Seen::Answered(status)) if status.is_success() => {
            Judgement::Held(format!("answered {status}"))
        }
        (Visitor::Given, Seen::Answered(status)) => {
            Judgement::Failed(format!("answered {status}{}", why(*status)))
        }
        (Visitor::Given, Seen::Refused(words)) => Judgement::Failed(format!("refused: {words}")),
        (Visitor::Given, Seen::Closed) => {
            Judgement::Failed("closed the connection without an answer".to_owned())
        }
        (Visitor::Nobody | Visitor::Stranger, Seen::Refused(words)) => {
            Judgement::Held(format!("refused: {words}"))
        }
        (Visitor::Nobody | Visitor::Stranger, Seen::Closed) => {
            Judgement::Held("refused: closed the connection without an answer".to_owned())
        }
        (Visitor::Nobody | Visitor::Stranger, Seen::Answered(status))
            if TURNED_AWAY.contains(&status.as_u16()) =>
        {
            Judgement::Held(format!("refused, in HTTP: {status}"))
        }
        (Visitor::Nobody, Seen::Answered(status)) => Judgement::Failed(format!(
            "answered {status}: it does not insist on a certificate, so anybody's request gets through"
        )),
        (Visitor::Stranger, Seen::Answered(status)) => Judgement::Failed(format!(
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
    use super::*;

    fn holds(visitor: Visitor, seen: &Seen) -> bool {
        matches!(judge(visitor, seen), Judgement::Held(_))
    }

    fn answered(status: u16) -> Seen {
        Seen::Answered(StatusCode::from_u16(status).expect("a status"))
    }

    #[test]
    fn whoever_has_no_right_certificate_is_turned_away() {
        for visitor in [Visitor::Nobody, Visitor::Stranger] {
            for status in [400, 401, 403, 495, 496] {
                assert!(holds(visitor, &answered(status)), "{status}");
            }
            for status in [200, 204, 302, 404, 405, 500, 503] {
                assert!(!holds(visitor, &answered(status)), "{status}");
            }
            assert!(holds(visitor, &Seen::Closed) && holds(visitor, &Seen::Refused("no".to_owned())));
        }
    }

    #[test]
    fn the_right_certificate_gets_success_and_nothing_else() {
        for status in [200, 201, 202, 204] {
            assert!(holds(Visitor::Given, &answered(status)), "{status}");
        }
        for status in [302, 400, 403, 404, 503] {
            assert!(!holds(Visitor::Given, &answered(status)), "{status}");
        }
        assert!(!holds(Visitor::Given, &Seen::Closed));
        assert_eq!(judge(Visitor::Given, &Seen::NotSpoken), Judgement::NotSpoken);
    }
}
