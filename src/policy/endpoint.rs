//! One endpoint.

use std::net::IpAddr;

use http::StatusCode;
use ipnet::IpNet;

use super::name::Name;
use super::secret::QuerySecret;
use crate::quantity::ByteSize;

/// A path, the senders that may deliver to it, and the response to their deliveries.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The name from webhooks.toml; also the endpoint's directory in the spool.
    pub name: Name,
    /// The path as configured, byte for byte.
    pub path: String,
    /// Suffixes that are accepted after the path. Each begins with `/`.
    pub suffixes: Vec<String>,
    /// The senders that may deliver, in order of preference.
    pub senders: Vec<Name>,
    /// The size limit of a payload, in bytes.
    pub max_body: u64,
    /// The limit on the bytes of the entries in `new` and `taken`, if any.
    pub max_spool: Option<ByteSize>,
    /// The response to a stored delivery.
    pub response: ResponseRule,
    /// The secret that the query must contain, if any.
    pub secret: Option<QuerySecret>,
    /// The networks that deliveries are accepted from; empty for all.
    pub from: Vec<IpNet>,
}

/// The response to a delivery that has been stored durably.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResponseRule {
    /// 200, 201, 202 or 204.
    pub status: StatusCode,
    /// Request headers that are copied to the response, in lower case.
    pub echo_headers: Vec<String>,
}

impl Default for ResponseRule {
    fn default() -> Self {
        Self { status: StatusCode::OK, echo_headers: Vec::new() }
    }
}

impl Endpoint {
    /// Every path of the endpoint, with the index of its suffix in [`Endpoint::suffixes`]: `path`, `path/`,
    /// `path` + suffix and `path/` + suffix.
    pub fn paths(&self) -> impl Iterator<Item = (String, Option<usize>)> + '_ {
        let base = self.path.strip_suffix('/').unwrap_or(&self.path);
        let bare = [base.to_owned(), format!("{base}/")].into_iter().filter(|path| !path.is_empty());
        let with_suffix = self.suffixes.iter().enumerate().flat_map(move |(index, suffix)| {
            [format!("{base}{suffix}"), format!("{base}/{suffix}")].map(|path| (path, Some(index)))
        });
        bare.map(|path| (path, None)).chain(with_suffix)
    }

    /// Whether a query contains the endpoint's secret; always true if it has none.
    pub fn has_secret_in(&self, query: Option<&str>) -> bool {
        self.secret.as_ref().is_none_or(|secret| secret.is_in(query, &self.suffixes))
    }

    /// Whether deliveries are accepted from an address.
    pub fn allows_address(&self, address: IpAddr) -> bool {
        self.from.is_empty() || self.from.iter().any(|network| network.contains(&address))
    }

    /// The event of a request: the suffix, without its slash, that the query ends with, else the one that the path
    /// ends with.
    pub fn event(&self, path_suffix: Option<usize>, query: Option<&str>) -> Option<&str> {
        let in_query = query.and_then(|query| {
            self.suffixes.iter().filter(|suffix| query.ends_with(suffix.as_str())).max_by_key(|s| s.len())
        });
        let suffix = in_query.or_else(|| path_suffix.map(|index| &self.suffixes[index]))?;
        Some(suffix.strip_prefix('/').unwrap_or(suffix))
    }
}
