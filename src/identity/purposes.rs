//! The purposes for which a certificate is marked (RFC 5280, 4.2.1.12).

use x509_parser::certificate::X509Certificate;

/// The extended key usage, as far as it matters for a client's certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purposes {
    /// There is none: the certificate may be used for any purpose.
    Unmarked,
    /// It includes clientAuth, possibly with others.
    Clients,
    /// It includes only other purposes; anyExtendedKeyUsage is treated as one of them.
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
            // An extension that cannot be parsed does not include clientAuth.
            Ok(Some(_)) | Err(_) => Self::Others,
        }
    }
}
