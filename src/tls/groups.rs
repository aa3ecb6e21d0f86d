//! Groups senders by equal trust, and finds the anchors that can matter for a certificate.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::anchors::Anchor;
use super::trust::{RelevantTrust, SenderTrust};
use crate::identity::{Fingerprint, Identity};
use crate::policy::{TrustError, Trusted};

/// The trust of all senders. Those with equal anchors, purpose and revocation lists form a group.
#[derive(Debug, PartialEq)]
pub(super) struct TrustGroups {
    groups: Vec<SenderTrust>,
    /// The anchors with each subject, in RFC 4514 notation.
    by_subject: HashMap<String, Vec<Place>>,
    by_digest: HashMap<Fingerprint, Vec<Place>>,
}

/// The index of a group, and of one of its anchors.
type Place = (usize, usize);

/// The result for one group, shared by its senders.
pub(super) type SharedTrust = Result<Arc<Trusted>, Arc<TrustError>>;

impl TrustGroups {
    /// Forms the groups, and returns the index of each sender's group.
    pub(super) fn new(senders: impl Iterator<Item = SenderTrust>) -> (Self, Vec<usize>) {
        let mut indexes = HashMap::new();
        let group_of = |trust| {
            let next = indexes.len();
            *indexes.entry(trust).or_insert(next)
        };
        let group_of_senders = senders.map(group_of).collect();
        let mut groups: Vec<(SenderTrust, usize)> = indexes.into_iter().collect();
        groups.sort_by_key(|(_, index)| *index);
        let groups: Vec<_> = groups.into_iter().map(|(trust, _)| trust).collect();
        let (mut by_subject, mut by_digest) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for (index, group) in groups.iter().enumerate() {
            for (position, Anchor { identity, .. }) in group.anchors.iter().enumerate() {
                by_subject.entry(identity.subject.to_string()).or_default().push((index, position));
                by_digest.entry(identity.sha256).or_default().push((index, position));
            }
        }
        (Self { groups, by_subject, by_digest }, group_of_senders)
    }

    /// The trust of a group.
    pub(super) fn trust(&self, group: usize) -> Option<&SenderTrust> {
        self.groups.get(group)
    }

    /// All anchors of all groups.
    pub(super) fn anchors(&self) -> impl Iterator<Item = &Anchor> {
        self.groups.iter().flat_map(|group| &group.anchors)
    }

    /// The anchors that are the certificate, or have the name of the issuer of a certificate of its chain. No other
    /// anchor influences a result.
    pub(super) fn relevant_to<'i>(
        &self,
        end_entity: &'i Identity,
        sent: impl Iterator<Item = &'i Identity>,
    ) -> RelevantAnchors<'_> {
        let issuers: HashSet<_> =
            std::iter::once(end_entity).chain(sent).map(|identity| identity.issuer.as_str()).collect();
        let named = issuers.into_iter().filter_map(|issuer| self.by_subject.get(issuer));
        let found = named.chain(self.by_digest.get(&end_entity.sha256));
        let mut places: Vec<_> = found.flatten().copied().collect();
        places.sort();
        places.dedup();
        RelevantAnchors { all: self, places }
    }
}

/// The anchors that can matter for one certificate.
pub(super) struct RelevantAnchors<'a> {
    all: &'a TrustGroups,
    /// Sorted, without duplicates.
    places: Vec<Place>,
}

impl<'a> RelevantAnchors<'a> {
    /// The anchors that can issue certificates, without those that have the name and key of an earlier one.
    pub(super) fn issuers(&self) -> Vec<&'a Anchor> {
        let mut known = HashSet::new();
        let anchors = self.places.iter().map(|(group, position)| &self.all.groups[*group].anchors[*position]);
        anchors
            .filter(|anchor| anchor.never_issues().is_none())
            .filter(|Anchor { identity, .. }| known.insert((identity.subject.as_str(), identity.spki_sha256)))
            .collect()
    }

    /// The result of `verify` for each group. It is called once for all groups whose relevant part is equal.
    pub(super) fn each_group(
        &self,
        mut verify: impl FnMut(&RelevantTrust<'a>) -> Result<Trusted, TrustError>,
    ) -> Vec<SharedTrust> {
        let mut shared = |trust: &RelevantTrust<'a>| verify(trust).map(Arc::new).map_err(Arc::new);
        let mut known: HashMap<RelevantTrust<'a>, SharedTrust> = HashMap::new();
        let mut results = vec![None; self.all.groups.len()];
        for places in self.places.chunk_by(|a, b| a.0 == b.0) {
            let group = places[0].0;
            let trust = self.all.groups[group].relevant(places.iter().map(|(_, position)| *position));
            results[group] = Some(known.entry(trust).or_insert_with_key(&mut shared).clone());
        }
        // Without a relevant anchor, the result depends on neither the purpose nor the lists.
        let mut unrelated = None;
        let mut of_unrelated = || unrelated.get_or_insert_with(|| shared(&RelevantTrust::default())).clone();
        results.into_iter().map(|result| result.unwrap_or_else(&mut of_unrelated)).collect()
    }
}
