//! The labels of metrics. Each is an enum, whose words are part of the interface for programs.

use serde::{Deserialize, Serialize};

/// A label with a closed set of values.
pub trait MetricLabel: Copy + 'static {
    /// All values, sorted by word.
    const ALL: &'static [Self];

    /// The value as it is written.
    fn word(self) -> &'static str;
}

/// Declares a label: its values with their words.
macro_rules! label {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $value:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum $name { $($(#[$doc])* $value,)+ }

        impl $name {
            /// All values, sorted by word.
            pub const ALL: &'static [Self] = &[$(Self::$value,)+];

            /// The value as it is written.
            pub fn word(self) -> &'static str {
                match self { $(Self::$value => $word,)+ }
            }

            /// The value that is written as `word`.
            pub fn named(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.word() == word)
            }
        }

        impl MetricLabel for $name {
            const ALL: &'static [Self] = Self::ALL;

            fn word(self) -> &'static str {
                self.word()
            }
        }
    };
}

label! {
    /// The outcome of an attempt of `forward` for one entry.
    pub enum AttemptOutcome {
        /// It is repeated later.
        Again = "again",
        /// The target has the entry.
        Done = "done",
        /// The entry was given up.
        Failed = "failed",
    }
}

label! {
    /// What a certificate or revocation list is used for.
    pub enum CertificateRole {
        /// An anchor of a sender.
        Anchor = "anchor",
        /// The last certificate that a sender presented.
        Client = "client",
        /// A revocation list; its end is its next update.
        Crl = "crl",
        /// The daemon's own certificate.
        Server = "server",
    }
}

label! {
    /// Why a connection was refused.
    pub enum ConnectionRefusalReason {
        /// Its address has too many connections.
        Address = "address",
        /// Too many connections are open.
        Connections = "connections",
        /// Too many handshakes are running.
        Handshakes = "handshakes",
        /// A trusted proxy sent no PROXY protocol header, or an invalid one.
        Proxy = "proxy",
        /// Its sender has more than its share of the connections.
        Share = "share",
    }
}

label! {
    /// The outcome of a delivery. The response of the intake to an error contains the same word.
    pub enum DeliveryOutcome {
        /// The sender disconnected before its body was complete.
        Aborted = "aborted",
        /// The request is not valid HTTP.
        BadRequest = "bad_request",
        /// The endpoint does not list the sender, or its address.
        Forbidden = "forbidden",
        /// The request line and the headers are larger than the documented limit.
        HeadersTooLarge = "headers_too_large",
        /// The method is not POST.
        MethodNotAllowed = "method_not_allowed",
        /// The URL is not that of an endpoint.
        NotFound = "not_found",
        /// The body has a transfer coding other than chunked.
        NotImplemented = "not_implemented",
        /// The entry is durable.
        Stored = "stored",
        /// The body stalled or never ended.
        Timeout = "timeout",
        /// The body is longer than the endpoint accepts.
        TooLarge = "too_large",
        /// A temporary fault of the receiver, or authorization that ended while the connection was open.
        Unavailable = "unavailable",
    }
}

label! {
    /// The outcome of a TLS handshake.
    pub enum HandshakeOutcome {
        /// The certificate is that of a sender.
        Accepted = "accepted",
        /// It failed for a reason other than the client's certificate.
        Failed = "failed",
        /// The client's certificate was refused.
        Refused = "refused",
        /// It was not complete in time.
        Timeout = "timeout",
    }
}

label! {
    /// Why a handshake failed, other than for the client's certificate.
    pub enum HandshakeFailureReason {
        /// The name in the server_name extension is not a DNS name (RFC 6066, 3).
        BadServerName = "bad_server_name",
        /// The peer closed the connection.
        Closed = "closed",
        /// No protocol of the ALPN list is served (RFC 7301).
        NoApplicationProtocol = "no_application_protocol",
        /// No cipher suite, group or signature scheme is in common.
        NoCommonCipher = "no_common_cipher",
        /// No version of TLS is in common.
        NoCommonProtocol = "no_common_protocol",
        /// The peer sent data that is not TLS.
        NotTls = "not_tls",
        /// Anything else.
        Other = "other",
    }
}

label! {
    /// Why the server ended an HTTP/2 connection with GOAWAY.
    pub enum GoAwayReason {
        /// It accepts no further requests: the daemon stops, or the connection's age or authorization has ended.
        Drain = "drain",
        /// A header section is far larger than the limit.
        Headers = "headers",
        /// Another violation that the HTTP library detected.
        Library = "library",
        /// Too many frames that do no work.
        Rate = "rate",
    }
}

label! {
    /// A queue of an endpoint; also the name of its directory.
    pub enum Queue {
        /// Processed.
        Done = "done",
        /// Given up by its consumer.
        Failed = "failed",
        /// Waiting for a consumer.
        New = "new",
        /// Claimed by a consumer.
        Taken = "taken",
    }
}

label! {
    /// Why a peer was refused in its handshake.
    pub enum RefusalReason {
        /// The certificate, or one above it, has expired.
        Expired = "expired",
        /// No certificate was presented.
        NoCertificate = "no_certificate",
        /// The certificate, or one above it, is not valid yet.
        NotYetValid = "not_yet_valid",
        /// The extended key usage does not include TLS clients.
        Purpose = "purpose",
        /// A sender requires a current revocation list, and there is none.
        RevocationUnknown = "revocation_unknown",
        /// A revocation list of the sender contains the certificate, or one above it.
        Revoked = "revoked",
        /// The certificate is trusted for a sender, but does not match the sender's rule.
        Rule = "rule",
        /// No anchor of any sender issued the certificate.
        UnknownCa = "unknown_ca",
        /// The peer did not prove possession of the certificate's key.
        Unproven = "unproven",
        /// The certificate cannot be parsed, or the chain is too large.
        Unreadable = "unreadable",
        /// The algorithm of a signature or key is not supported.
        Unsupported = "unsupported",
    }
}

label! {
    /// What a peer did not complete in time.
    pub enum StallKind {
        /// The connection was not closed after it accepted no further requests.
        Age = "age",
        /// The body of a request.
        Body = "body",
        /// The TLS handshake.
        Handshake = "handshake",
        /// The headers of a request, or a frame of HTTP/2 other than DATA.
        Header = "header",
        /// The next request.
        Idle = "idle",
        /// The preface of HTTP/2.
        Preface = "preface",
        /// Reading the responses.
        Response = "response",
    }
}

label! {
    /// The outcome of a reload.
    #[derive(Default, Deserialize, Serialize)]
    #[serde(rename_all = "lowercase")]
    pub enum ReloadOutcome {
        /// A new snapshot is in force.
        Applied = "applied",
        /// The configuration or a file is not valid; the previous snapshot stays in force.
        Rejected = "rejected",
        /// The configuration and the files are those in force.
        #[default]
        Unchanged = "unchanged",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<L: MetricLabel + std::fmt::Debug>() {
        let words: Vec<_> = L::ALL.iter().map(|value| value.word()).collect();
        assert!(words.windows(2).all(|pair| pair[0] < pair[1]), "{words:?} are sorted and differ");
    }

    #[test]
    fn words_are_sorted_and_differ() {
        check::<CertificateRole>();
        check::<ConnectionRefusalReason>();
        check::<DeliveryOutcome>();
        check::<HandshakeOutcome>();
        check::<HandshakeFailureReason>();
        check::<GoAwayReason>();
        check::<Queue>();
        check::<RefusalReason>();
        check::<ReloadOutcome>();
        check::<StallKind>();
    }
}
