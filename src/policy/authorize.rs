//! Finds the endpoint of a path, and authorizes a peer to deliver to it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use super::admission::Admission;
use super::endpoint::Endpoint;
use super::name::Name;
use super::peer::Peer;
use super::sender::Sender;

/// All senders, endpoints and paths. Immutable: a reload creates another one.
#[derive(Debug)]
pub struct Policy {
    senders: Vec<Sender>,
    endpoints: Vec<Arc<Endpoint>>,
    routes: HashMap<String, Route>,
}

/// The endpoint that a path belongs to.
#[derive(Clone, Debug)]
pub struct Route {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// The index of the suffix that the path ends with, in [`Endpoint::suffixes`].
    pub suffix: Option<usize>,
}

/// Two endpoints that accept the same path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PathConflict {
    /// The path.
    pub path: String,
    /// The indexes of the two endpoints; equal if the paths of one endpoint conflict.
    pub endpoints: (usize, usize),
}

/// Proof that a peer may deliver to an endpoint as a sender. Created only by [`Policy::authorize`].
#[derive(Clone, Debug)]
pub struct Permit {
    sender: Name,
    endpoint: Arc<Endpoint>,
}

/// Why an accepted peer may not deliver to an endpoint.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Denial {
    /// The endpoint lists other senders only.
    #[error("the endpoint lists none of the senders that this certificate is accepted for")]
    NotListed {
        /// The senders that the certificate is accepted for.
        accepted_for: Vec<Name>,
    },
    /// The certificate is no longer valid for a sender that the endpoint lists.
    #[error("the certificate, its CA or a revocation list is no longer valid")]
    Expired,
    /// The peer's address is in none of the endpoint's networks.
    #[error("{address} is in none of the networks of the endpoint's `from`")]
    Network {
        /// The peer's address.
        address: IpAddr,
    },
}

impl Policy {
    /// Creates a policy. [`Endpoint::senders`] are names of `senders`.
    ///
    /// # Errors
    /// All paths that belong to more than one endpoint, or to one endpoint twice.
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

    /// The endpoint of a request's path. The path is compared byte for byte, without percent-decoding.
    pub fn route(&self, path: &str) -> Option<&Route> {
        self.routes.get(path)
    }

    /// Authorizes a peer to deliver to an endpoint, as the first of the endpoint's senders that its certificate is
    /// valid for.
    ///
    /// # Errors
    /// If the certificate is valid at `now` for none of the endpoint's senders, or the peer's address is in none of
    /// the endpoint's networks.
    pub fn authorize(&self, peer: &Peer, endpoint: &Arc<Endpoint>, now: Timestamp) -> Result<Permit, Denial> {
        let sender = valid_sender(endpoint, &peer.admission, now)?.clone();
        if !endpoint.allows_address(peer.address.ip()) {
            return Err(Denial::Network { address: peer.address.ip() });
        }
        Ok(Permit { sender, endpoint: Arc::clone(endpoint) })
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

/// The first of an endpoint's senders that a certificate is valid for, regardless of the peer's address.
///
/// # Errors
/// If the certificate is valid at `now` for none of the endpoint's senders.
pub fn valid_sender<'a>(
    endpoint: &'a Endpoint,
    admission: &Admission,
    now: Timestamp,
) -> Result<&'a Name, Denial> {
    let listed = endpoint.senders.iter();
    let mut accepted = listed.filter_map(|sender| Some((sender, admission.until(sender)?))).peekable();
    if accepted.peek().is_none() {
        return Err(Denial::NotListed { accepted_for: admission.senders().cloned().collect() });
    }
    let valid = accepted.find(|(_, not_after)| now <= *not_after);
    valid.map(|(sender, _)| sender).ok_or(Denial::Expired)
}

impl Permit {
    /// The sender that the delivery is attributed to.
    pub fn sender(&self) -> &Name {
        &self.sender
    }

    /// The endpoint that the peer may deliver to.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// A permit of sender `efi` for an endpoint with this name and size limit.
    #[cfg(test)]
    pub(crate) fn for_tests(endpoint: &str, max_body: u64) -> Self {
        let endpoint = Endpoint { max_body, ..tests::endpoint(endpoint, "/", &[]) };
        Self { sender: tests::sender("efi").name, endpoint: Arc::new(endpoint) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Matcher, ResponseRule, Rule};

    pub(super) fn sender(name: &str) -> Sender {
        let rule = Rule::new(vec![Matcher::Cn(vec![name.to_owned()])]).expect("a rule");
        Sender { name: name.parse().expect("a name"), rule }
    }

    pub(super) fn endpoint(name: &str, path: &str, suffixes: &[&str]) -> Endpoint {
        Endpoint {
            name: name.parse().expect("a name"),
            path: path.to_owned(),
            suffixes: suffixes.iter().map(|&suffix| suffix.to_owned()).collect(),
            senders: vec!["efi".parse().expect("a name")],
            max_body: 1,
            max_spool: None,
            response: ResponseRule::default(),
            secret: None,
            from: Vec::new(),
        }
    }

    fn policy(endpoints: Vec<Endpoint>) -> Policy {
        Policy::new(vec![sender("efi")], endpoints).expect("no conflicts")
    }

    #[test]
    fn paths_are_compared_byte_for_byte_and_one_extra_slash_is_accepted() {
        let policy = policy(vec![endpoint("pix", "/webhooks/pix", &["/pix", "/rec"])]);
        let suffix = |path: &str| policy.route(path).map(|route| route.suffix);
        assert_eq!(suffix("/webhooks/pix"), Some(None));
        assert_eq!(suffix("/webhooks/pix/"), Some(None));
        assert_eq!(suffix("/webhooks/pix/pix"), Some(Some(0)));
        assert_eq!(suffix("/webhooks/pix//pix"), Some(Some(0)));
        assert_eq!(suffix("/webhooks/pix/rec"), Some(Some(1)));
        for unknown in [
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
            assert_eq!(suffix(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn paths_may_be_the_root_or_end_with_a_slash() {
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
    fn two_endpoints_with_the_same_path_are_a_conflict() {
        let conflict = |endpoints| Policy::new(vec![sender("efi")], endpoints).expect_err("a conflict");
        let both = conflict(vec![endpoint("a", "/hooks", &["/pix"]), endpoint("b", "/hooks/pix", &[])]);
        assert_eq!(both[0], PathConflict { path: "/hooks/pix".to_owned(), endpoints: (0, 1) });
        let itself = conflict(vec![endpoint("a", "/hooks", &["/pix", "/pix"])]);
        assert_eq!(itself[0].endpoints, (0, 0));
    }

    #[test]
    fn the_suffix_at_the_end_of_the_target_is_the_event() {
        let endpoint = endpoint("pix", "/p", &["/pix", "/x/pix"]);
        assert_eq!(endpoint.event(None, None), None);
        assert_eq!(endpoint.event(Some(0), None), Some("pix"));
        assert_eq!(endpoint.event(None, Some("x=1&ignorar=/pix")), Some("pix"));
        assert_eq!(endpoint.event(None, Some("a=/x/pix")), Some("x/pix"), "the longest wins");
        assert_eq!(endpoint.event(Some(0), Some("hmac=1")), Some("pix"));
        assert_eq!(endpoint.event(None, Some("a=pix")), None);
    }
}
