//! The structure of a certificate: its fields, and what surrounds those that are signed (RFC 5280, 4.1).
//!
//! The TLS library checks this only for version 3, and not for certificates that are in `ca`.

use super::der::{self, BIT_STRING, DerValue, INTEGER, SEQUENCE};

/// The tags of the version, the unique identifiers and the extensions.
const VERSION: u8 = 0xa0;
const UNIQUE_IDENTIFIERS: [u8; 2] = [0x81, 0x82];
const EXTENSIONS: u8 = 0xa3;

/// Why the structure of a certificate is not valid.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum WrapperFault {
    /// A field is missing, has another type, or is followed by one that does not belong there.
    #[error("its DER is damaged")]
    Structure,
    /// The algorithm outside must be the one that was signed over (RFC 5280, 4.1.1.2).
    #[error("it names another signature algorithm outside of the signed part than inside")]
    Algorithm,
    /// The signature is not a whole number of bytes.
    #[error("its signature has unused bits")]
    UnusedBits,
    /// Version 1 has no unique identifiers.
    #[error("it has version 1, but also a unique identifier, which version 1 does not allow")]
    UniqueIdentifier,
}

/// Checks the structure of a certificate in DER.
pub(super) fn check(der: &[u8]) -> Result<(), WrapperFault> {
    let (signed, outer_algorithm, signature) = parts(der).ok_or(WrapperFault::Structure)?;
    let (version, rest) = match signed.split_first() {
        Some((DerValue { tag: VERSION, content: [INTEGER, 1, version], .. }, rest)) => (*version, rest),
        _ => (0, signed.as_slice()),
    };
    let [serial, algorithm, issuer, validity, subject, key, optional @ ..] = rest else {
        return Err(WrapperFault::Structure);
    };
    let sequences = [algorithm, issuer, validity, subject, key];
    if serial.tag != INTEGER || sequences.iter().any(|field| field.tag != SEQUENCE) || !is_optional(optional)
    {
        return Err(WrapperFault::Structure);
    }
    // The parser ignores what follows the key, which is part of the SubjectPublicKeyInfo and so of its digest.
    let key: Vec<_> = der::all(key.content).into_iter().flatten().map(|field| field.tag).collect();
    if key != [SEQUENCE, BIT_STRING] {
        return Err(WrapperFault::Structure);
    }
    if algorithm.content != outer_algorithm {
        return Err(WrapperFault::Algorithm);
    }
    if signature.first() != Some(&0) {
        return Err(WrapperFault::UnusedBits);
    }
    if version == 0 && optional.iter().any(|field| UNIQUE_IDENTIFIERS.contains(&field.tag)) {
        return Err(WrapperFault::UniqueIdentifier);
    }
    Ok(())
}

/// The fields of the signed part, the algorithm and the signature.
fn parts(der: &[u8]) -> Option<(Vec<DerValue<'_>>, &[u8], &[u8])> {
    let parts = der::all(der::one(der)?.tagged(SEQUENCE)?)?;
    let [signed, algorithm, signature] = parts.as_slice() else { return None };
    Some((der::all(signed.tagged(SEQUENCE)?)?, algorithm.tagged(SEQUENCE)?, signature.tagged(BIT_STRING)?))
}

/// Whether these are the unique identifiers and the extensions, each at most once and in this order.
fn is_optional(fields: &[DerValue<'_>]) -> bool {
    let tags: Vec<_> = fields.iter().map(|field| field.tag).collect();
    tags.iter().all(|tag| UNIQUE_IDENTIFIERS.contains(tag) || *tag == EXTENSIONS)
        && tags.is_sorted_by(|earlier, later| earlier < later)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_after_the_key_is_damage() {
        assert_eq!(check(include_bytes!("../../fuzz/corpus/certificate/rsa")), Ok(()));
        let damaged = include_bytes!("../../fuzz/corpus/certificate/data-after-key");
        assert_eq!(check(damaged), Err(WrapperFault::Structure));
    }
}
