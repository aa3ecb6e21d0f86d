//! What a certificate is marked for (RFC 5280, 4.2.1.12).

use x509_parser::certificate::X509Certificate;

/// The extended key usage, as far as it matters to a client's certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purposes {
    /// It says nothing, and may be used for anything.
    Unmarked,
    /// It names clientAuth, perhaps among others.
    Clients,
    /// It names other purposes; anyExtendedKeyUsage is one of them, as it names none.
    Others,
}

impl Purposes {
    /// Whether TLS clients are among the purposes.
    pub fn include_clients(self) -> bool {
        match self {
            Self::Unmarked | Self::Clients => true,
            Self::Others => false,
        }
    }

    pub(super) fn of(certificate: &X509Certificate<'_>) -> Self {
        match certificate.extended_key_usage() {
            Ok(None) => Self::Unmarked,
            Ok(Some(extension)) if extension.value.client_auth => Self::Clients,
            // What cannot be read is not what was asked for.
            Ok(Some(_)) | Err(_) => Self::Others,
        }
    }
}
