//! Splits the bytes of one direction of an HTTP/2 connection into frames (RFC 9113, section 4.1).

/// Kinds of frames (section 6).
pub(super) const DATA: u8 = 0x0;
pub(super) const HEADERS: u8 = 0x1;
pub(super) const RST_STREAM: u8 = 0x3;
pub(super) const GOAWAY: u8 = 0x7;
pub(super) const CONTINUATION: u8 = 0x9;
/// Flags of DATA and HEADERS (sections 6.1 and 6.2).
pub(super) const END_STREAM: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
pub(super) const PADDED: u8 = 0x8;

/// The length of what a client sends before its first frame (section 3.4).
pub(super) const PREFACE_BYTES: usize = 24;
/// The length of a frame's header.
const HEADER_BYTES: usize = 9;
/// The bytes of a payload that are kept: padding, priority, two changes of the table's size and the start of a field.
const PAYLOAD_BYTES: usize = 24;

/// A frame, with the first bytes of its payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Frame<'a> {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    /// The length of the complete payload.
    pub(super) length: usize,
    pub(super) payload: &'a [u8],
}

/// What the last byte belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum FramePosition {
    /// What is ignored at the beginning.
    Preface,
    /// Nothing: it is the last one of a frame.
    Boundary,
    /// An incomplete frame; its kind, if that has been read.
    Frame(Option<u8>),
}

/// Finds the frames however the bytes are divided. It keeps the beginning of one frame.
#[derive(Debug)]
pub(super) struct FrameReader {
    head: [u8; HEADER_BYTES + PAYLOAD_BYTES],
    have: usize,
    /// The number of following bytes that are not kept.
    skip: usize,
}

impl FrameReader {
    /// A reader that ignores this many bytes first.
    pub(super) fn after(skip: usize) -> Self {
        Self { head: [0; HEADER_BYTES + PAYLOAD_BYTES], have: 0, skip }
    }

    /// Passes each frame that ends in these bytes to `found`.
    pub(super) fn read(&mut self, mut bytes: &[u8], mut found: impl FnMut(Frame<'_>)) {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            if self.skip == 0 && self.have == self.wanted() {
                found(self.frame());
                self.have = 0;
            }
            if bytes.is_empty() {
                return;
            }
            let (now, later) = bytes.split_at((self.wanted() - self.have).min(bytes.len()));
            if let Some(free) = self.head.get_mut(self.have..self.have + now.len()) {
                free.copy_from_slice(now);
            }
            self.have += now.len();
            bytes = later;
            if self.have == self.wanted() {
                self.skip = self.length().saturating_sub(PAYLOAD_BYTES);
            }
        }
    }

    pub(super) fn position(&self) -> FramePosition {
        match (self.have, self.skip) {
            (0, 0) => FramePosition::Boundary,
            (0, _) => FramePosition::Preface,
            (HEADER_BYTES.., _) => FramePosition::Frame(Some(self.head[3])),
            _ => FramePosition::Frame(None),
        }
    }

    /// The number of bytes of the current frame to keep, as far as it is known.
    fn wanted(&self) -> usize {
        if self.have < HEADER_BYTES { HEADER_BYTES } else { HEADER_BYTES + self.length().min(PAYLOAD_BYTES) }
    }

    fn length(&self) -> usize {
        let [a, b, c, ..] = self.head;
        usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX)
    }

    fn frame(&self) -> Frame<'_> {
        let [_, _, _, kind, flags, a, b, c, d, ..] = self.head;
        // The first bit of a stream's number is reserved.
        let stream = u32::from_be_bytes([a, b, c, d]) & 0x7fff_ffff;
        let payload = self.head.get(HEADER_BYTES..self.have).unwrap_or_default();
        Frame { kind, flags, stream, length: self.length(), payload }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes_of(kind: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).expect("a short payload");
        [&[0, 0, length, kind, 1, 0x80, 0, 0, stream], payload].concat()
    }

    fn found(skip: usize, bytes: &[u8], piece: usize) -> Vec<(u8, u32, Vec<u8>)> {
        let (mut reader, mut frames) = (FrameReader::after(skip), Vec::new());
        for piece in bytes.chunks(piece) {
            reader.read(piece, |frame| frames.push((frame.kind, frame.stream, frame.payload.to_vec())));
        }
        frames
    }

    #[test]
    fn frames_are_found_however_the_bytes_are_divided() {
        let payloads = [&[][..], &[7; 4], &[8; 23], &[9; 24], &[10; 25], &[11; 200], &[]];
        for skip in [0, 1, PREFACE_BYTES] {
            let (mut bytes, mut expected) = (vec![0; skip], Vec::new());
            for (stream, payload) in (1..).step_by(2).zip(payloads) {
                bytes.extend(bytes_of(stream + 1, stream, payload));
                let kept = payload.get(..payload.len().min(PAYLOAD_BYTES)).unwrap_or_default();
                expected.push((stream + 1, u32::from(stream), kept.to_vec()));
            }
            for piece in 1..bytes.len() {
                assert_eq!(found(skip, &bytes, piece), expected, "{skip} {piece}");
            }
            bytes.pop();
            let last = bytes.len();
            assert_eq!(found(skip, &bytes, last).len(), expected.len() - 1, "the last frame is incomplete");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), piece in 1..20_usize) {
            let _ = found(PREFACE_BYTES, &bytes, piece);
        }
    }
}
