//! The output of `explain` as data.

use jiff::Timestamp;
use serde::Serialize;

use crate::escape::Escaped;
use crate::identity::Identity;
use crate::policy::{Admission, Endpoint, Evaluation, Matcher, Refusal, TrustedBy, valid_sender};
use crate::refusals::ClaimedCertificate;
use crate::tls::verifier::Evaluations;

/// The document that `--json` prints. The names of the keys must not change.
#[derive(Debug, Serialize)]
pub(super) struct Explanation {
    /// `admitted` or `refused`.
    #[serde(rename = "verdict")]
    pub(super) decision: &'static str,
    /// A reason of `hookspool_refusals_total`; null if admitted.
    pub(super) reason: Option<&'static str>,
    /// The reason as a sentence.
    pub(super) detail: Option<String>,
    /// The senders that the certificate is accepted for.
    pub(super) senders: Vec<String>,
    /// Requests after this time are rejected, RFC 3339.
    pub(super) not_after: Option<String>,
    /// The lines of webhooks.toml that would admit it; null unless a sender's own CA issued it.
    pub(super) admit: Option<String>,
    /// Whether it may deliver to the endpoint of `--endpoint`.
    pub(super) endpoint: Option<EndpointDecision>,
    /// The contents of the certificate; null if it cannot be parsed.
    pub(super) certificate: Option<ClaimedCertificate>,
    /// The evaluation for each sender, in the order of webhooks.toml.
    #[serde(rename = "trials")]
    pub(super) evaluations: Vec<ShownEvaluation>,
}

#[derive(Debug, Serialize)]
pub(super) struct EndpointDecision {
    pub(super) name: String,
    pub(super) allowed: bool,
    /// The sender that a delivery would be attributed to.
    pub(super) sender: Option<String>,
    pub(super) detail: Option<String>,
    /// Further requirements on a request.
    pub(super) conditions: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ShownEvaluation {
    pub(super) sender: String,
    /// Whether the sender trusts the certificate.
    pub(super) vouched: bool,
    /// The subject of the CA that issued it, or `itself`.
    pub(super) by: Option<String>,
    /// The last moment at which it is trusted, RFC 3339.
    pub(super) until: Option<String>,
    /// Why it is not trusted.
    pub(super) doubt: Option<String>,
    /// Empty if no CA of the sender issued it.
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
        endpoint: Option<&Endpoint>,
        now: Timestamp,
    ) -> Self {
        let evaluated = match evaluations {
            Ok(evaluations) => evaluations,
            Err(refusal) => return Self::refused(&refusal, Vec::new(), endpoint),
        };
        let rows = evaluated.evaluations.iter();
        let evaluations = rows.map(|it| ShownEvaluation::new(it, &evaluated.identity)).collect();
        match evaluated.decide() {
            Ok(admitted) => Self {
                decision: "admitted",
                reason: None,
                detail: None,
                senders: admitted.admission.senders().map(ToString::to_string).collect(),
                not_after: Some(admitted.admission.not_after().to_string()),
                admit: None,
                endpoint: endpoint.map(|it| EndpointDecision::new(it, &admitted.admission, now)),
                certificate: Some(ClaimedCertificate::of(&admitted.identity)),
                evaluations,
            },
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
            admit: refusal.advice_line(),
            endpoint: endpoint.map(EndpointDecision::unreachable),
            certificate: ClaimedCertificate::of_refusal(refusal),
            evaluations,
        }
    }

    pub(super) fn is_yes(&self) -> bool {
        self.reason.is_none() && self.endpoint.as_ref().is_none_or(|endpoint| endpoint.allowed)
    }
}

impl EndpointDecision {
    fn new(endpoint: &Endpoint, admission: &Admission, now: Timestamp) -> Self {
        let answer = valid_sender(endpoint, admission, now);
        Self {
            name: endpoint.name.to_string(),
            allowed: answer.is_ok(),
            sender: answer.as_ref().ok().map(ToString::to_string),
            detail: answer.err().map(|denial| denial.to_string()),
            conditions: conditions(endpoint),
        }
    }

    fn unreachable(endpoint: &Endpoint) -> Self {
        Self {
            name: endpoint.name.to_string(),
            allowed: false,
            sender: None,
            detail: Some("the handshake is refused, so no request reaches the endpoint".to_owned()),
            conditions: conditions(endpoint),
        }
    }
}

/// The requirements of an endpoint that do not concern the certificate.
fn conditions(endpoint: &Endpoint) -> Vec<String> {
    let networks: Vec<_> = endpoint.from.iter().map(ToString::to_string).collect();
    let from = (!networks.is_empty()).then(|| format!("the request comes from {}", networks.join(" or ")));
    let secret = endpoint.secret.as_ref().map(|it| format!("the query contains the secret `{}`", it.name()));
    from.into_iter().chain(secret).collect()
}

impl ShownEvaluation {
    fn new(evaluation: &Evaluation, identity: &Identity) -> Self {
        let trusted = evaluation.trust.as_ref();
        let evaluated_matchers =
            if evaluation.is_ca_known() { evaluation.sender.rule.matchers() } else { &[] };
        Self {
            sender: evaluation.sender.name.to_string(),
            vouched: trusted.is_ok(),
            by: trusted.ok().map(|trusted| match &trusted.by {
                TrustedBy::Itself => "itself".to_owned(),
                TrustedBy::Anchor(subject) => Escaped(subject.as_str()).to_string(),
            }),
            until: trusted.ok().map(|trusted| trusted.not_after.to_string()),
            doubt: trusted.err().map(|error| Escaped(&error.detail).to_string()),
            matchers: evaluated_matchers.iter().map(|matcher| ShownMatcher::new(matcher, identity)).collect(),
        }
    }
}

impl ShownMatcher {
    fn new(matcher: &Matcher, identity: &Identity) -> Self {
        let holds = matcher.matches(identity);
        let shown = |values: Vec<String>| values.iter().map(|value| Escaped(value).to_string()).collect();
        Self {
            matcher: matcher.key(),
            holds,
            expected: matcher.expected(),
            presented: shown(crate::policy::presented(matcher.key(), identity)),
            fault: if holds { None } else { matcher.fault(identity) },
        }
    }
}
