//! An entry that is complete in memory and not on disk yet.

use crate::envelope::{EntryId, Envelope};
use crate::policy::{Name, Payload};

/// The bytes of one entry: the envelope, which is one line of JSON, then the payload, byte for byte.
///
/// ```text
/// {"version":1,"id":"…",…,"payload":{"length":919,"sha256":"…","content_type":"…"}}\n
/// <919 bytes of payload>
/// ```
///
/// There is no end mark: the length and digest in the envelope show whether the payload is intact.
#[derive(Debug)]
pub struct Draft {
    endpoint: Name,
    sender: Name,
    id: EntryId,
    envelope: Vec<u8>,
    payload: Vec<u8>,
}

impl Draft {
    /// Serializes the envelope, which describes this payload. JSON escapes every control character, so the result is one
    /// line.
    pub fn new(envelope: &Envelope<'_>, payload: Payload) -> Self {
        debug_assert_eq!(envelope.endpoint, payload.permit().endpoint().name.as_str());
        debug_assert_eq!(envelope.sender, payload.permit().sender().as_str());
        debug_assert_eq!(envelope.payload.sha256, payload.facts(None).sha256);
        #[expect(clippy::expect_used, reason = "an envelope's keys are text and its numbers whole")]
        let mut line = serde_json::to_vec(envelope).expect("an envelope is JSON");
        line.push(b'\n');
        let endpoint = payload.permit().endpoint().name.clone();
        let sender = payload.permit().sender().clone();
        Self { endpoint, sender, id: envelope.id, envelope: line, payload: payload.into_bytes() }
    }

    /// The endpoint it was delivered to.
    pub fn endpoint(&self) -> &Name {
        &self.endpoint
    }

    /// The sender that delivered it.
    pub fn sender(&self) -> &Name {
        &self.sender
    }

    /// The ID, which is also the name of the entry's file.
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// The length of the envelope and the payload, in bytes.
    pub(super) fn len(&self) -> usize {
        self.envelope.len() + self.payload.len()
    }

    /// The pieces, in the order in which they are written.
    pub(crate) fn pieces(&self) -> [&[u8]; 2] {
        [&self.envelope, &self.payload]
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::envelope::{ENVELOPE_VERSION, PeerFacts, RequestFacts};
    use crate::policy::{PartialPayload, Permit};

    /// Returns a draft with this payload for an endpoint.
    pub(crate) fn draft(endpoint: &str, payload: &[u8]) -> Draft {
        let request = RequestFacts {
            method: "POST",
            path: "/".into(),
            query: None,
            http_version: "HTTP/1.1".into(),
            headers: Vec::new(),
        };
        let peer = PeerFacts {
            address: String::new(),
            proxy: None,
            subject: String::new(),
            issuer: String::new(),
            common_name: None,
            serial: String::new(),
            sha256: String::new(),
            spki_sha256: String::new(),
            not_before: String::new(),
            not_after: String::new(),
            tls_version: "",
            cipher_suite: String::new(),
        };
        let mut partial = PartialPayload::new(Permit::for_tests(endpoint, u64::MAX));
        partial.append(payload).unwrap();
        let payload = partial.finish();
        let envelope = Envelope {
            version: ENVELOPE_VERSION,
            id: EntryId::fresh(),
            received_at: String::new(),
            endpoint,
            sender: "efi",
            event: None,
            request,
            peer: &peer,
            generation: 1,
            payload: payload.facts(None),
            duplicate_of: None,
        };
        Draft::new(&envelope, payload)
    }
}
