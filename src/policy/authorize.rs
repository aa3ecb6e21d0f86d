//! From a path to an endpoint, and from a peer to a permit.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use super::admission::Admission;
use super::endpoint::Endpoint;
use super::name::Name;
use super::peer::Peer;
use super::sender::Sender;

/// All senders and endpoints, with the table of paths between them. Immutable: a change of the
/// configuration makes another one.
#[derive(Debug)]
pub struct Policy {
    senders: Vec<Sender>,
    endpoints: Vec<Arc<Endpoint>>,
    routes: HashMap<String, Route>,
}

/// Where a path leads.
#[derive(Clone, Debug)]
pub struct Route {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// Which of its suffixes the path ended with.
    pub suffix: Option<usize>,
}

/// Two endpoints that answer to the same path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PathConflict {
    /// The path in question.
    pub path: String,
    /// Places of the two in the table of endpoints; the same twice, if one endpoint's own suffixes clash.
    pub endpoints: (usize, usize),
}

/// "This peer, as this sender, may deliver here." Made only by [`Policy::authorize`].
#[derive(Clone, Debug)]
pub struct Permit {
    sender: Name,
    endpoint: Arc<Endpoint>,
}

/// A known sender that may not deliver here.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Denial {
    /// The endpoint has other senders.
    #[error("the endpoint lists none of the senders this certificate can be")]
    NotListed {
        /// The senders this certificate can be.
        presented: Vec<Name>,
    },
    /// The certificate is no longer valid for a sender that the endpoint lists.
    #[error("what vouched for the certificate is no longer valid")]
    Expired,
    /// It comes from elsewhere.
    #[error("{address} is in none of the networks of the endpoint's `from`")]
    Network {
        /// Where it comes from.
        address: IpAddr,
    },
}

impl Policy {
    /// Puts senders and endpoints together. `Endpoint::senders` point into `senders`.
    ///
    /// # Errors
    /// All paths that more than one endpoint would answer to.
    pub fn new(senders: Vec<Sender>, endpoints: Vec<Endpoint>) -> Result<Self, Vec<PathConflict>> {
        let endpoints: Vec<_> = endpoints.into_iter().map(Arc::new).collect();
        let mut owner: HashMap<String, usize> = HashMap::new();
        let mut routes = HashMap::new();
        let mut conflicts = Vec::new();
        for (index, endpoint) in endpoints.iter().enumerate() {
            for (path, suffix) in endpoint.paths() {
                if let Some(first) = owner.insert(path.clone(), index) {
                    conflicts.push(PathConflict { path, endpoints: (first, index) });
                    continue;
                }
                routes.insert(path, Route { endpoint: Arc::clone(endpoint), suffix });
            }
        }
        if conflicts.is_empty() { Ok(Self { senders, endpoints, routes }) } else { Err(conflicts) }
    }

    /// Where a request's path leads, compared byte for byte and undecoded.
    pub fn route(&self, path: &str) -> Option<&Route> {
        self.routes.get(path)
    }

    /// Whether this peer may deliver here, and as which sender: the first one on the endpoint's list
    /// whose certificate this can be.
    ///
    /// # Errors
    /// When the endpoint lists none of the senders that the peer can be at `now`, or not the peer's
    /// network.
    pub fn authorize(&self, peer: &Peer, endpoint: &Arc<Endpoint>, now: Timestamp) -> Result<Permit, Denial> {
        let sender = self.sender_at(endpoint, &peer.admission, now)?.clone();
        if !endpoint.may_come_from(peer.address.ip()) {
            return Err(Denial::Network { address: peer.address.ip() });
        }
        Ok(Permit { sender, endpoint: Arc::clone(endpoint) })
    }

    /// The sender as which an endpoint would accept a certificate from any address: the first of its list.
    ///
    /// # Errors
    /// When the endpoint lists none of the senders that it can be, or can be at `now`.
    pub fn sender_at(
        &self,
        endpoint: &Endpoint,
        admission: &Admission,
        now: Timestamp,
    ) -> Result<&Name, Denial> {
        let mut listed = endpoint
            .senders
            .iter()
            .filter_map(|sender| Some((*sender, admission.until(*sender)?)))
            .peekable();
        if listed.peek().is_none() {
            return Err(Denial::NotListed { presented: self.names(admission) });
        }
        let valid = listed.find(|(_, not_after)| now <= *not_after);
        valid.map(|(sender, _)| &self.senders[sender].name).ok_or(Denial::Expired)
    }

    /// The senders that a certificate can be.
    pub fn names(&self, admission: &Admission) -> Vec<Name> {
        admission.senders().map(|sender| self.senders[sender].name.clone()).collect()
    }

    /// The senders that an endpoint lists, in its order.
    pub fn listed(&self, endpoint: &Endpoint) -> impl Iterator<Item = &Name> {
        endpoint.senders.iter().map(|sender| &self.senders[*sender].name)
    }

    /// All senders, in the order of the configuration.
    pub fn senders(&self) -> &[Sender] {
        &self.senders
    }

    /// All endpoints, in the order of the configuration.
    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }
}

impl Permit {
    /// The sender as which the peer delivers.
    pub fn sender(&self) -> &Name {
        &self.sender
    }

    /// Where to.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Matcher, ResponseRule, Rule};

    fn sender(name: &str) -> Sender {
        let rule = Rule::new(vec![Matcher::Cn(vec![name.to_owned()])]).expect("a rule");
        Sender { name: name.parse().expect("a name"), rule }
    }

    fn endpoint(name: &str, path: &str, suffixes: &[&str]) -> Endpoint {
        Endpoint {
            name: name.parse().expect("a name"),
            path: path.to_owned(),
            suffixes: suffixes.iter().map(|&suffix| suffix.to_owned()).collect(),
            senders: vec![0],
            max_body: 1,
            response: ResponseRule::default(),
            secret: None,
            from: Vec::new(),
        }
    }

    fn policy(endpoints: Vec<Endpoint>) -> Policy {
        Policy::new(vec![sender("efi")], endpoints).expect("no conflicts")
    }

    #[test]
    fn a_path_is_compared_byte_for_byte_with_one_slash_to_spare() {
        let policy = policy(vec![endpoint("pix", "/webhooks/pix", &["/pix", "/rec"])]);
        let suffix = |path: &str| policy.route(path).map(|route| route.suffix);
        assert_eq!(suffix("/webhooks/pix"), Some(None));
        assert_eq!(suffix("/webhooks/pix/"), Some(None));
        assert_eq!(suffix("/webhooks/pix/pix"), Some(Some(0)));
        assert_eq!(suffix("/webhooks/pix//pix"), Some(Some(0)));
        assert_eq!(suffix("/webhooks/pix/rec"), Some(Some(1)));
        for stranger in [
            "/webhooks/pix//",
            "/webhooks//pix",
            "//webhooks/pix",
            "/webhooks/pix///pix",
            "/webhooks/pix/pix/",
            "/webhooks/PIX",
            "/webhooks/pi%78",
            "/webhooks/pix/../pix",
            "/webhooks/pixx",
            "/",
            "",
        ] {
            assert_eq!(suffix(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn the_root_and_a_trailing_slash_are_paths_like_others() {
        let root = policy(vec![endpoint("root", "/", &["/pix"])]);
        for path in ["/", "/pix", "//pix"] {
            assert!(root.route(path).is_some(), "{path}");
        }
        let slashed = policy(vec![endpoint("a", "/a/", &["/pix"])]);
        for path in ["/a", "/a/", "/a/pix", "/a//pix"] {
            assert!(slashed.route(path).is_some(), "{path}");
        }
    }

    #[test]
    fn no_two_endpoints_answer_to_one_path() {
        let clash = |endpoints| Policy::new(vec![sender("efi")], endpoints).expect_err("a conflict");
        let both = clash(vec![endpoint("a", "/hooks", &["/pix"]), endpoint("b", "/hooks/pix", &[])]);
        assert_eq!(both[0], PathConflict { path: "/hooks/pix".to_owned(), endpoints: (0, 1) });
        let itself = clash(vec![endpoint("a", "/hooks", &["/pix", "/pix"])]);
        assert_eq!(itself[0].endpoints, (0, 0));
    }

    #[test]
    fn the_event_is_what_the_target_ends_with() {
        let endpoint = endpoint("pix", "/p", &["/pix", "/x/pix"]);
        assert_eq!(endpoint.event(None, None), None);
        assert_eq!(endpoint.event(Some(0), None), Some("pix"));
        assert_eq!(endpoint.event(None, Some("x=1&ignorar=/pix")), Some("pix"));
        assert_eq!(endpoint.event(None, Some("a=/x/pix")), Some("x/pix"), "the longest wins");
        assert_eq!(endpoint.event(Some(0), Some("hmac=1")), Some("pix"));
        assert_eq!(endpoint.event(None, Some("a=pix")), None);
    }
}
