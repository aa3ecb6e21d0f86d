//! From a path to an endpoint, and from a peer to a permit.

use std::collections::HashMap;
use std::sync::Arc;

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

/// A known sender at an endpoint that does not list it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the endpoint lists none of the senders this certificate can be")]
pub struct Denial {
    /// The senders this certificate can be.
    pub presented: Vec<Name>,
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

    /// Whether this peer may deliver here, and as whom: the first sender on the endpoint's list
    /// whose certificate this can be.
    ///
    /// # Errors
    /// When the endpoint lists none of the senders that the peer can be.
    pub fn authorize(&self, peer: &Peer, endpoint: &Arc<Endpoint>) -> Result<Permit, Denial> {
        match endpoint.senders.iter().find(|sender| peer.admission.is_for(**sender)) {
            Some(&sender) => {
                Ok(Permit { sender: self.senders[sender].name.clone(), endpoint: Arc::clone(endpoint) })
            }
            None => Err(Denial { presented: self.names(peer) }),
        }
    }

    /// The senders this peer can be.
    pub fn names(&self, peer: &Peer) -> Vec<Name> {
        peer.admission.senders().iter().map(|sender| self.senders[*sender].name.clone()).collect()
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
    /// As whom the peer delivers.
    pub fn sender(&self) -> &Name {
        &self.sender
    }

    /// Where to.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }
}
