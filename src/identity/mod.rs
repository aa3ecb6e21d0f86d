//! The contents of a certificate, without an evaluation.
//!
//! Everything here is derived from DER alone. The contents of a certificate are only
//! *claimed* until an anchor vouches for it and the handshake proves possession of its key.

mod fingerprint;
mod der;
mod relative_names;
mod distinguished_name;
mod rfc4514;
mod common_name;
mod alternative_names;
mod algorithm;
mod key;
mod issuer;
mod name_constraints;
mod purposes;
mod wrapper;
mod certificate;
mod readable_parts;
mod list_der;
mod revoked_serials;
mod revocation_list;

pub use algorithm::{key_name, signature_name};
pub use alternative_names::AlternativeNames;
pub(crate) use certificate::following;
pub use certificate::{Identity, UnreadableCertificate, Version};
pub use common_name::{CommonName, UnreadableCommonName};
pub use distinguished_name::DistinguishedName;
pub use fingerprint::{Fingerprint, NotADigest, Serial, SpkiPin};
pub use issuer::{CannotIssue, Issuing};
pub use key::{PublicKeyKind, UnusableKey};
pub(crate) use list_der::ListSignature;
pub use name_constraints::{NameConstraints, Subtree};
pub use purposes::Purposes;
pub use readable_parts::ReadableParts;
pub use relative_names::UnreadableName;
pub(crate) use revocation_list::algorithm_id;
pub use revocation_list::{ListFault, RevocationList};
pub use rfc4514::NameFault;
