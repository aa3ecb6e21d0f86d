//! The cases of a probe, and the certificate that each presents.

use crate::cli::exit::Failure;
use crate::clock::Clock;
use crate::devpki::{CreateError, Issued, KeyKind, Root};
use crate::tls::key_pair::KeyPair;
use crate::tls::pem::private_keys;

/// A client of the probe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ProbeCase {
    /// A client without a certificate.
    NoCertificate,
    /// A client with the right name, issued by an unknown CA.
    UnknownCa,
    /// A client with the certificate of the command line.
    Given,
}

/// The cases in the order in which they connect.
pub(super) const CASES: [ProbeCase; 3] = [ProbeCase::NoCertificate, ProbeCase::UnknownCa, ProbeCase::Given];

impl ProbeCase {
    /// The name in the JSON document.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::NoCertificate => "none",
            Self::UnknownCa => "stranger",
            Self::Given => "given",
        }
    }

    /// The description in the table.
    pub(super) fn description(self) -> &'static str {
        match self {
            Self::NoCertificate => "no certificate",
            Self::UnknownCa => "an unknown CA's certificate",
            Self::Given => "the given certificate",
        }
    }

    /// The expected result.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::NoCertificate | Self::UnknownCa => "refused",
            Self::Given => "2xx",
        }
    }
}

/// The certificates that the cases present.
pub(super) struct Credentials {
    given: KeyPair,
    unknown_ca: KeyPair,
}

impl Credentials {
    /// Creates a CA, and a certificate with the name of the given one.
    pub(super) fn new(given: KeyPair) -> Result<Self, Failure> {
        let name = given.identity.common_name.one().unwrap_or("probe");
        let issued = certificate_of_unknown_ca(name)
            .or_else(|_| certificate_of_unknown_ca("probe"))
            .map_err(|why| Failure::Io {
                what: "cannot create a certificate of an unknown CA".to_owned(),
                why: std::io::Error::other(why),
            })?;
        let keys = private_keys(issued.key_pem.as_bytes());
        let pair = keys.ok().and_then(|keys| KeyPair::new(vec![issued.certificate], &keys).ok());
        match pair {
            Some(unknown_ca) => Ok(Self { given, unknown_ca }),
            None => Err(Failure::Io {
                what: "cannot create a certificate of an unknown CA".to_owned(),
                why: std::io::Error::other("its key cannot be used"),
            }),
        }
    }

    pub(super) fn of(&self, case: ProbeCase) -> Option<KeyPair> {
        match case {
            ProbeCase::NoCertificate => None,
            ProbeCase::UnknownCa => Some(self.unknown_ca.clone()),
            ProbeCase::Given => Some(self.given.clone()),
        }
    }
}

fn certificate_of_unknown_ca(name: &str) -> Result<Issued, CreateError> {
    Root::new(KeyKind::EcdsaP256, Clock::System.now())?.client(name)
}
