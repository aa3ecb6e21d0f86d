//! Reads DER strictly (X.690). The parser of certificates ignores the class of a tag, accepts redundant bytes, and
//! stops silently at data that it does not expect.

/// Tags, with their class and the bit for constructed values.
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// The bits of a tag that contain its class; universal is 0.
const CLASS: u8 = 0xc0;
const CONSTRUCTED: u8 = 0x20;
/// The number that begins the long form of a tag, which no field of a certificate has.
const LONG_TAG: u8 = 0x1f;

/// A value with its tag.
#[derive(Clone, Copy)]
pub(super) struct DerValue<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// The tag, the length and the content.
    pub(super) whole: &'a [u8],
}

impl<'a> DerValue<'a> {
    /// The content, if the value has this tag.
    pub(super) fn tagged(self, tag: u8) -> Option<&'a [u8]> {
        (self.tag == tag).then_some(self.content)
    }

    /// Whether this may be the value of an attribute: a universal type that is not constructed, or a SEQUENCE. DER
    /// does not divide strings into parts.
    pub(super) fn is_attribute_value(self) -> bool {
        let is_collection = [SEQUENCE, SET].contains(&(self.tag | CONSTRUCTED));
        self.tag == SEQUENCE || self.tag & (CLASS | CONSTRUCTED) == 0 && !is_collection
    }

    /// Whether this is an OBJECT IDENTIFIER of complete numbers without redundant bytes (X.690, 8.19).
    pub(super) fn is_oid(self) -> bool {
        let ends = self.content.last().is_some_and(|last| last & 0x80 == 0);
        let mut numbers = self.content.split_inclusive(|byte| byte & 0x80 == 0);
        self.tag == OBJECT_IDENTIFIER && ends && numbers.all(|number| number[0] != 0x80)
    }
}

/// The first value and the bytes after it; `None` if there is no valid one.
fn first(bytes: &[u8]) -> Option<(DerValue<'_>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&short, rest) = rest.split_first()?;
    let (length, rest) = match short {
        0..0x80 => (usize::from(short), rest),
        // The indefinite form, and lengths that no certificate has.
        0x80 | 0x85.. => return None,
        long => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            let length = digits
                .iter()
                .try_fold(0_usize, |sum, digit| Some(sum.checked_mul(0x100)? | usize::from(*digit)))?;
            let is_minimal = digits[0] != 0 && length >= 0x80;
            (is_minimal.then_some(length)?, rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    let whole = &bytes[..bytes.len() - rest.len()];
    (tag & LONG_TAG != LONG_TAG).then_some((DerValue { tag, content, whole }, rest))
}

/// The single value that the bytes contain.
pub(super) fn one(bytes: &[u8]) -> Option<DerValue<'_>> {
    first(bytes).filter(|(_, rest)| rest.is_empty()).map(|(value, _)| value)
}

/// All values, one after another.
pub(super) fn all(mut bytes: &[u8]) -> Option<Vec<DerValue<'_>>> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        let (value, rest) = first(bytes)?;
        values.push(value);
        bytes = rest;
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_minimal_definite_lengths_are_read() {
        let of = |head: &[u8], length: usize| [head, &vec![0; length]].concat();
        for good in
            [of(&[4, 0], 0), of(&[4, 0x7f], 0x7f), of(&[4, 0x81, 0x80], 0x80), of(&[4, 0x82, 1, 0], 0x100)]
        {
            assert_eq!(one(&good).map(|value| value.whole), Some(good.as_slice()));
        }
        for bad in [
            of(&[], 0),
            of(&[4], 0),
            of(&[4, 1], 0),
            of(&[4, 0], 1),
            of(&[4, 0x80], 2),
            of(&[4, 0x81, 0x7f], 0x7f),
            of(&[4, 0x82, 0, 0x80], 0x80),
            of(&[4, 0x85, 0, 0, 0, 0, 1], 1),
            of(&[0x1f, 4, 0], 0),
            [4, 0xff].to_vec(),
        ] {
            assert!(one(&bad).is_none(), "{bad:02x?}");
        }
    }

    #[test]
    fn object_identifiers_have_no_redundant_or_missing_bytes() {
        let is_oid = |tag: u8, content: &[u8]| DerValue { tag, content, whole: &[] }.is_oid();
        assert!(is_oid(6, &[0x55, 4, 3]) && is_oid(6, &[0x2a, 0x86, 0x48]) && is_oid(6, &[0x55, 0x81, 0]));
        for (tag, content) in [
            (6, &[][..]),
            (6, &[0x55, 4, 0x80, 3]),
            (6, &[0x55, 4, 0x83]),
            (6, &[0x80, 0x55]),
            (0x86, &[0x55, 4, 3]),
        ] {
            assert!(!is_oid(tag, content), "{content:02x?}");
        }
    }
}
