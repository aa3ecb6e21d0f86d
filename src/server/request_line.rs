//! Finds a fragment in the URL of an HTTP/1 request.
//!
//! The HTTP library removes a fragment silently, so the request line is searched for one as it is read. A client
//! that sends a request before it has the response to the previous one (pipelining) is not checked.

use http::{Method, Uri};

/// The request line that is being read, as far as it is needed.
#[derive(Debug, Default)]
pub(super) struct RequestLine {
    /// Empty if the line was read at once and contains no `#`.
    text: Vec<u8>,
    is_complete: bool,
}

impl RequestLine {
    /// Searches bytes that were read while no request was in flight.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        if self.is_complete {
            return;
        }
        // The library skips empty lines before a request.
        while let ([b'\r' | b'\n', rest @ ..], true) = (bytes, self.text.is_empty()) {
            bytes = rest;
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let line = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        self.is_complete = end.is_some();
        if !self.is_complete || !self.text.is_empty() || line.contains(&b'#') {
            self.text.extend_from_slice(line);
        }
    }

    /// Whether the URL of the request that the library parsed had a fragment. If the line is not that request's, as when
    /// requests are pipelined, it had none.
    pub(super) fn has_fragment(&self, method: &Method, uri: &Uri) -> bool {
        let mut parts = self.text.splitn(2, |byte| *byte == b' ');
        let (Some(name), Some(target)) = (parts.next(), parts.next()) else { return false };
        let Some(end) = target.iter().position(|byte| matches!(byte, b'#' | b' ')) else { return false };
        let (target, rest) = target.split_at(end);
        // The library adds the path if it is missing (`https://host#fragment`).
        let parsed = uri.path_and_query().map_or("/", |target| target.as_str());
        let is_its_target = parsed == "/" || target.ends_with(parsed.as_bytes());
        rest.starts_with(b"#") && name == method.as_str().as_bytes() && is_its_target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_fragment(pieces: &[&str], target: &str) -> bool {
        let mut line = RequestLine::default();
        for piece in pieces {
            line.read(piece.as_bytes());
        }
        line.has_fragment(&Method::POST, &target.parse().expect("a URL"))
    }

    #[test]
    fn only_a_fragment_of_the_request_line_is_found() {
        assert!(has_fragment(&["POST /a#b HTTP/1.1\r\n"], "/a"));
        assert!(has_fragment(&["\r\nPO", "ST /a?b", "#", "c HTTP/1.1\r\n"], "/a?b"));
        assert!(has_fragment(&["POST https://a#b HTTP/1.1\n"], "https://a"));
        assert!(!has_fragment(&["POST /a HTTP/1.1\r\nReferer: /a#b\r\n"], "/a"));
        assert!(!has_fragment(&["PO", "ST /a HTTP/1.1\r\n", "Referer: /a#b\r\n"], "/a"));
        // The rest of a head whose beginning was not searched.
        assert!(!has_fragment(&["Referer: https://a/a#b\r\n"], "/a"));
        assert!(!has_fragment(&["P#T /a HTTP/1.1\r\n"], "/a"));
        assert!(!has_fragment(&[], "/a"));
    }
}
