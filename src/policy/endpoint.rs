//! One place a sender can deliver to.

use std::net::IpAddr;

use ipnet::IpNet;

use super::name::Name;
use super::secret::QuerySecret;
use super::sender::SenderIndex;

/// A path, who may deliver to it, and how deliveries are answered.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// What the operator calls it; also its folder in the spool.
    pub name: Name,
    /// The path as configured, byte for byte.
    pub path: String,
    /// Endings that are also accepted after the path, each beginning with `/`.
    pub suffixes: Vec<String>,
    /// Who may deliver, in order of preference.
    pub senders: Vec<SenderIndex>,
    /// The longest payload, in bytes.
    pub max_body: u64,
    /// What success looks like.
    pub response: ResponseRule,
    /// What the URL must carry, if anything.
    pub secret: Option<QuerySecret>,
    /// The networks that deliveries may come from; empty for all.
    pub from: Vec<IpNet>,
}

/// The answer to a delivery that is safely stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResponseRule {
    /// 200, 201, 202 or 204.
    pub status: u16,
    /// Request headers that are sent back, in lower case.
    pub echo_headers: Vec<String>,
}

impl Default for ResponseRule {
    fn default() -> Self {
        Self { status: 200, echo_headers: Vec::new() }
    }
}

impl Endpoint {
    /// Every path this endpoint answers to, each with the place of its suffix in
    /// [`Endpoint::suffixes`]: `path`, `path/`, `path` + suffix, `path/` + suffix.
    pub fn paths(&self) -> impl Iterator<Item = (String, Option<usize>)> + '_ {
        let base = self.path.strip_suffix('/').unwrap_or(&self.path);
        let bare = [base.to_owned(), format!("{base}/")].into_iter().filter(|path| !path.is_empty());
        let with_suffix = self.suffixes.iter().enumerate().flat_map(move |(index, suffix)| {
            [format!("{base}{suffix}"), format!("{base}/{suffix}")].map(|path| (path, Some(index)))
        });
        bare.map(|path| (path, None)).chain(with_suffix)
    }

    /// Whether a query carries what this endpoint asks for.
    pub fn is_addressed_by(&self, query: Option<&str>) -> bool {
        self.secret.as_ref().is_none_or(|secret| secret.is_in(query, &self.suffixes))
    }

    /// Whether deliveries may come from there.
    pub fn may_come_from(&self, address: IpAddr) -> bool {
        self.from.is_empty() || self.from.iter().any(|network| network.contains(&address.to_canonical()))
    }

    /// The event that a request target names: the suffix, without its slash, that its query ends
    /// with, else the one its path ended with.
    pub fn event(&self, path_suffix: Option<usize>, query: Option<&str>) -> Option<&str> {
        let in_query = query.and_then(|query| {
            self.suffixes.iter().filter(|suffix| query.ends_with(suffix.as_str())).max_by_key(|s| s.len())
        });
        let suffix = in_query.or_else(|| path_suffix.map(|index| &self.suffixes[index]))?;
        Some(suffix.strip_prefix('/').unwrap_or(suffix))
    }
}
