//! The elements of DER, as far as mutations need them.

/// One element: its tag, and its content.
pub type Element<'a> = (u8, &'a [u8]);

/// The elements at the beginning of `bytes`, and the bytes after them.
pub fn elements(mut bytes: &[u8]) -> (Vec<Element<'_>>, &[u8]) {
    let mut found = Vec::new();
    while let Some((element, rest)) = element(bytes) {
        found.push(element);
        bytes = rest;
    }
    (found, bytes)
}

fn element(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some(((tag, content), rest))
}

/// Encodes an element with the shortest length.
pub fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1)..];
    let mut out = vec![tag];
    if content.len() >= 0x80 {
        out.push(0x80 | u8::try_from(significant.len()).unwrap());
    }
    out.extend_from_slice(significant);
    out.extend_from_slice(content);
    out
}
