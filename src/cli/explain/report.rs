//! What `explain` says, as data.

use jiff::Timestamp;
use serde::Serialize;

use crate::escape::Escaped;
use crate::identity::Identity;
use crate::policy::{Admission, Endpoint, Evaluation, Matcher, Policy, Refusal, Sender, TrustedBy};
use crate::refusals::{ClaimedCertificate, admit};
use crate::tls::verifier::Evaluations;

/// The whole answer. The names are a promise.
#[derive(Debug, Serialize)]
pub(super) struct Explanation {
    /// `admitted` or `refused`.
    #[serde(rename = "verdict")]
    pub(super) decision: &'static str,
    /// One of the words of `hookspool_refusals_total`; null when admitted.
    pub(super) reason: Option<&'static str>,
    /// The reason in a sentence.
    pub(super) detail: Option<String>,
    /// The senders that it can be.
    pub(super) senders: Vec<String>,
    /// No request is taken later than this, RFC 3339.
    pub(super) not_after: Option<String>,
    /// The lines of webhooks.toml that would admit it; only where a sender's own CA vouches.
    pub(super) admit: Option<String>,
    /// Whether it may deliver to the endpoint that was asked for.
    pub(super) endpoint: Option<EndpointAnswer>,
    /// What it says; null where it cannot be read.
    pub(super) certificate: Option<ClaimedCertificate>,
    /// What each sender makes of it, in the order of webhooks.toml.
    #[serde(rename = "trials")]
    pub(super) evaluations: Vec<ShownEvaluation>,
}

#[derive(Debug, Serialize)]
pub(super) struct EndpointAnswer {
    pub(super) name: String,
    pub(super) allowed: bool,
    /// The sender of the delivery.
    pub(super) sender: Option<String>,
    pub(super) detail: Option<String>,
    /// What it asks of a request besides.
    pub(super) conditions: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ShownEvaluation {
    pub(super) sender: String,
    /// Whether what the sender trusts vouches for it.
    pub(super) vouched: bool,
    /// The subject of the CA that does, or `itself`.
    pub(super) by: Option<String>,
    /// Until when, RFC 3339.
    pub(super) until: Option<String>,
    /// Why nothing does.
    pub(super) doubt: Option<String>,
    /// Empty where no CA of the sender knows it.
    pub(super) matchers: Vec<ShownMatcher>,
}

#[derive(Debug, Serialize)]
pub(super) struct ShownMatcher {
    pub(super) matcher: &'static str,
    pub(super) holds: bool,
    pub(super) expected: Vec<String>,
    pub(super) presented: Vec<String>,
    pub(super) fault: Option<String>,
}

impl Explanation {
    pub(super) fn new(
        evaluations: Result<Evaluations, Refusal>,
        policy: &Policy,
        endpoint: Option<&Endpoint>,
        now: Timestamp,
    ) -> Self {
        let evaluated = match evaluations {
            Ok(evaluations) => evaluations,
            Err(refusal) => return Self::refused(&refusal, Vec::new(), endpoint),
        };
        let rows = evaluated.evaluations.iter().zip(policy.senders());
        let evaluations = rows
            .map(|(evaluation, sender)| ShownEvaluation::new(evaluation, sender, &evaluated.identity))
            .collect();
        match evaluated.decide() {
            Ok(admitted) => {
                let names = policy.names(&admitted.admission);
                Self {
                    decision: "admitted",
                    reason: None,
                    detail: None,
                    senders: names.iter().map(ToString::to_string).collect(),
                    not_after: Some(admitted.admission.not_after().to_string()),
                    admit: None,
                    endpoint: endpoint.map(|it| EndpointAnswer::new(it, policy, &admitted.admission, now)),
                    certificate: Some(ClaimedCertificate::of(&admitted.identity)),
                    evaluations,
                }
            }
            Err(refusal) => Self::refused(&refusal, evaluations, endpoint),
        }
    }

    fn refused(refusal: &Refusal, evaluations: Vec<ShownEvaluation>, endpoint: Option<&Endpoint>) -> Self {
        Self {
            decision: "refused",
            reason: Some(refusal.reason.word()),
            detail: Some(refusal.detail()),
            senders: Vec::new(),
            not_after: None,
            admit: admit(refusal),
            endpoint: endpoint.map(EndpointAnswer::unreached),
            certificate: refusal.claimed.as_deref().map(ClaimedCertificate::of),
            evaluations,
        }
    }

    pub(super) fn is_yes(&self) -> bool {
        self.reason.is_none() && self.endpoint.as_ref().is_none_or(|endpoint| endpoint.allowed)
    }
}

impl EndpointAnswer {
    fn new(endpoint: &Endpoint, policy: &Policy, admission: &Admission, now: Timestamp) -> Self {
        let answer = policy.sender_at(endpoint, admission, now);
        Self {
            name: endpoint.name.to_string(),
            allowed: answer.is_ok(),
            sender: answer.as_ref().ok().map(ToString::to_string),
            detail: answer.err().map(|denial| denial.to_string()),
            conditions: conditions(endpoint),
        }
    }

    fn unreached(endpoint: &Endpoint) -> Self {
        Self {
            name: endpoint.name.to_string(),
            allowed: false,
            sender: None,
            detail: Some("the handshake is refused, so no request gets there".to_owned()),
            conditions: conditions(endpoint),
        }
    }
}

/// What a certificate alone does not settle.
fn conditions(endpoint: &Endpoint) -> Vec<String> {
    let networks: Vec<_> = endpoint.from.iter().map(ToString::to_string).collect();
    let from = (!networks.is_empty()).then(|| format!("requests come from {}", networks.join(" or ")));
    let secret = endpoint.secret.as_ref().map(|it| format!("the query carries the secret `{}`", it.name()));
    from.into_iter().chain(secret).collect()
}

impl ShownEvaluation {
    fn new(evaluation: &Evaluation, sender: &Sender, identity: &Identity) -> Self {
        let vouched = evaluation.trust.as_ref();
        let looked_at = if evaluation.is_ca_known() { sender.rule.matchers() } else { &[] };
        Self {
            sender: evaluation.sender.to_string(),
            vouched: vouched.is_ok(),
            by: vouched.ok().map(|vouched| match &vouched.by {
                TrustedBy::Itself => "itself".to_owned(),
                TrustedBy::Anchor(subject) => Escaped(subject.as_str()).to_string(),
            }),
            until: vouched.ok().map(|vouched| vouched.not_after.to_string()),
            doubt: vouched.err().map(|doubt| Escaped(&doubt.detail).to_string()),
            matchers: looked_at.iter().map(|matcher| ShownMatcher::new(matcher, identity)).collect(),
        }
    }
}

impl ShownMatcher {
    fn new(matcher: &Matcher, identity: &Identity) -> Self {
        let mismatch = matcher.check(identity).err();
        let shown = |values: Vec<String>| values.iter().map(|value| Escaped(value).to_string()).collect();
        Self {
            matcher: matcher.key(),
            holds: mismatch.is_none(),
            expected: matcher.expected(),
            presented: shown(crate::policy::presented(matcher.key(), identity)),
            fault: mismatch.and_then(|mismatch| mismatch.fault),
        }
    }
}
