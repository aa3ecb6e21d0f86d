//! The cases of a probe: what each presents.

use crate::cli::exit::Failure;
use crate::clock::Clock;
use crate::devpki::{CreateError, Issued, KeyKind, Root};
use crate::tls::key_pair::KeyPair;
use crate::tls::pem::private_keys;

/// A client of the probe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ProbeCase {
    /// A client without a certificate.
    Nobody,
    /// A client with the right name, issued by an unknown CA.
    Stranger,
    /// A client with the certificate of the command line.
    Given,
}

/// In the order in which they connect.
pub(super) const VISITORS: [ProbeCase; 3] = [ProbeCase::Nobody, ProbeCase::Stranger, ProbeCase::Given];

impl ProbeCase {
    /// For programs.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Nobody => "none",
            Self::Stranger => "stranger",
            Self::Given => "given",
        }
    }

    /// For people.
    pub(super) fn shows(self) -> &'static str {
        match self {
            Self::Nobody => "no certificate",
            Self::Stranger => "certificate of a CA made up",
            Self::Given => "the given certificate",
        }
    }

    /// What has to become of the visit.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Nobody | Self::Stranger => "refused",
            Self::Given => "2xx",
        }
    }
}

/// What the visitors show.
pub(super) struct Credentials {
    given: KeyPair,
    stranger: KeyPair,
}

impl Credentials {
    /// Makes a CA on the spot, and a certificate with the name of the given one.
    pub(super) fn new(given: KeyPair) -> Result<Self, Failure> {
        let name = given.identity.common_name.one().unwrap_or("probe");
        let stranger = made_up(name).or_else(|_| made_up("probe")).map_err(|why| Failure::Io {
            what: "cannot make a certificate to be refused with".to_owned(),
            why: std::io::Error::other(why),
        })?;
        let keys = private_keys(stranger.key_pem.as_bytes());
        let pair = keys.ok().and_then(|keys| KeyPair::new(vec![stranger.certificate], &keys).ok());
        match pair {
            Some(stranger) => Ok(Self { given, stranger }),
            None => Err(Failure::Io {
                what: "cannot make a certificate to be refused with".to_owned(),
                why: std::io::Error::other("its key cannot be used"),
            }),
        }
    }

    pub(super) fn of(&self, case: ProbeCase) -> Option<KeyPair> {
        match case {
            ProbeCase::Nobody => None,
            ProbeCase::Stranger => Some(self.stranger.clone()),
            ProbeCase::Given => Some(self.given.clone()),
        }
    }
}

fn made_up(name: &str) -> Result<Issued, CreateError> {
    Root::new(KeyKind::EcdsaP256, Clock::System.now())?.client(name)
}
