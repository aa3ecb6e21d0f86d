//! A refused handshake, with a reason that an operator can act on.

use std::collections::BTreeSet;

use super::evaluation::{Evaluation, TrustErrorKind};
use super::matcher::{MATCHERS, Matcher, presented};
use super::name::Name;
use crate::escape::{Escaped, SHOWN_CHARS_MAX, joined, not_ascii, toml_string};
use crate::identity::{Fingerprint, Identity, ReadableParts};
use crate::metrics::RefusalReason;

/// A refused handshake. In one that a handshake returns, evaluations of senders whose CA issued the certificate mean that
/// the peer has proven its key. All other certificates are only *claimed*.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The label of the reason.
    pub reason: RefusalReason,
    /// What could not be parsed, or which limit was exceeded.
    pub fault: Option<String>,
    /// The contents of the certificate, if it could be parsed.
    pub claimed: Option<Box<Identity>>,
    /// What could be read of the certificate, if it could not be parsed.
    pub readable: Option<Box<ReadableParts>>,
    /// The certificate in PEM, if its key is proven and adding it to `ca` would make the sender trust it.
    pub pem: Option<String>,
    /// The evaluation for each sender, in the policy's order.
    pub evaluations: Vec<Evaluation>,
}

/// The groups of refusals that never displace or suppress those of another group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RefusalGroup<'a> {
    /// The key is proven, and a CA of this sender issued the certificate.
    Sender(&'a Name),
    /// A CA of a sender issued the certificate, but the peer did not prove its key.
    Unproven,
    /// No CA of a sender issued the certificate, or it cannot be evaluated.
    Stranger,
}

impl From<TrustErrorKind> for RefusalReason {
    fn from(kind: TrustErrorKind) -> Self {
        match kind {
            TrustErrorKind::NotIssued | TrustErrorKind::BadPath | TrustErrorKind::NameConstraints => {
                Self::UnknownCa
            }
            TrustErrorKind::Unreadable => Self::Unreadable,
            TrustErrorKind::Unsupported | TrustErrorKind::Key => Self::Unsupported,
            TrustErrorKind::Purpose => Self::Purpose,
            TrustErrorKind::NotYetValid => Self::NotYetValid,
            TrustErrorKind::Expired => Self::Expired,
            TrustErrorKind::RevocationUnknown => Self::RevocationUnknown,
            TrustErrorKind::Revoked => Self::Revoked,
        }
    }
}

impl Refusal {
    /// Creates a refusal without evaluations.
    fn without_evaluations(
        reason: RefusalReason,
        fault: Option<String>,
        claimed: Option<Box<Identity>>,
    ) -> Self {
        Self { reason, fault, claimed, readable: None, pem: None, evaluations: Vec::new() }
    }

    /// Creates the refusal of a peer that presented no certificate.
    pub fn no_certificate() -> Self {
        Self::without_evaluations(RefusalReason::NoCertificate, None, None)
    }

    /// Creates the refusal of a certificate that cannot be parsed, or of a chain that is too large.
    pub fn unreadable(fault: impl Into<String>, claimed: Option<Box<Identity>>) -> Self {
        Self::without_evaluations(RefusalReason::Unreadable, Some(fault.into()), claimed)
    }

    /// Creates the refusal of a peer with a certificate that a CA of a sender issued, which did not prove possession of
    /// its key (RFC 8446, section 4.4.3).
    pub fn unproven(claimed: Box<Identity>) -> Self {
        let fault =
            "the key is not proven: the peer presented this certificate without a valid signature by its key";
        Self::without_evaluations(RefusalReason::Unproven, Some(fault.to_owned()), Some(claimed))
    }

    /// Adds what can be read of the certificate, if it could not be parsed.
    #[must_use]
    pub fn with_readable(mut self, der: &[u8]) -> Self {
        if self.claimed.is_none() {
            self.readable = Some(Box::new(ReadableParts::of(der)));
        }
        self
    }

    /// The digest of the refused certificate.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        let readable = self.readable.as_ref().map(|parts| parts.sha256);
        self.claimed.as_ref().map(|identity| identity.sha256).or(readable)
    }

    /// The group of the refusal. Of several senders whose CA issued the certificate, the one whose rule is closest to a
    /// match counts, then the first.
    pub fn group(&self) -> RefusalGroup<'_> {
        let vouching = self.evaluations.iter().filter(|evaluation| evaluation.is_ca_known());
        match vouching.min_by_key(|evaluation| evaluation.mismatches) {
            Some(closest) => RefusalGroup::Sender(&closest.sender.name),
            None if self.reason == RefusalReason::Unproven => RefusalGroup::Unproven,
            None => RefusalGroup::Stranger,
        }
    }

    /// Whether the sender could trust the certificate itself, which is that of a CA.
    pub fn is_of_a_ca(&self) -> bool {
        let is_ca = self.claimed.as_ref().is_some_and(|claimed| claimed.issuing.is_ca);
        is_ca && self.reason == RefusalReason::Purpose
    }

    /// The senders whose CA issued the certificate, even if a later check failed.
    pub fn vouched(&self) -> Vec<&Name> {
        self.evaluations
            .iter()
            .filter(|evaluation| evaluation.is_ca_known())
            .map(|evaluation| &evaluation.sender.name)
            .collect()
    }

    /// The reason as text, escaped, with a sentence for each sender that it applies to.
    pub fn detail(&self) -> String {
        if let Some(fault) = &self.fault {
            return Escaped(fault).to_string();
        }
        let sentences = || {
            let concerned = self.closest_first().filter(|it| self.concerns(it));
            joined(concerned, "; ", |evaluation| self.sentence(evaluation))
        };
        match self.reason {
            RefusalReason::NoCertificate => {
                "no client certificate was presented; banks do this when a webhook is registered, to test that it is refused"
                    .to_owned()
            }
            RefusalReason::UnknownCa => self.closest(),
            RefusalReason::Unreadable => {
                let errors = self.evaluations.iter().filter_map(|evaluation| evaluation.trust.as_ref().err());
                let first = errors.max_by_key(|error| error.kind);
                first.map(|error| Escaped(&error.detail).to_string()).unwrap_or_default()
            }
            RefusalReason::Expired
            | RefusalReason::NotYetValid
            | RefusalReason::Purpose
            | RefusalReason::RevocationUnknown
            | RefusalReason::Revoked
            | RefusalReason::Rule
            | RefusalReason::Unproven
            | RefusalReason::Unsupported => sentences(),
        }
    }

    /// A sentence with the trust error of the sender for which most of the verification succeeded.
    fn closest(&self) -> String {
        const UNKNOWN: &str =
            "not issued by any configured CA; compare this fingerprint with the bank before trusting it";
        let errors =
            self.evaluations.iter().filter_map(|it| Some((&it.sender.name, it.trust.as_ref().err()?)));
        // `max_by_key` returns the last maximum; the first sender is wanted.
        let Some((sender, error)) = errors.rev().max_by_key(|(_, error)| error.kind) else {
            return UNKNOWN.to_owned();
        };
        let is_constrained = error.kind == TrustErrorKind::NameConstraints;
        let begin = if is_constrained { "not allowed by the name constraints of its CA" } else { UNKNOWN };
        format!("{begin} (sender `{sender}`: {})", Escaped(&error.detail))
    }

    /// Whether the reason applies to the sender.
    fn concerns(&self, evaluation: &Evaluation) -> bool {
        match &evaluation.trust {
            Ok(_) => self.reason == RefusalReason::Rule,
            Err(error) => self.reason == error.kind.into(),
        }
    }

    /// The reason as a sentence about one sender.
    fn sentence(&self, evaluation: &Evaluation) -> String {
        let sender = &evaluation.sender.name;
        match &evaluation.trust {
            Ok(_) => {
                let identity = self.claimed.as_deref();
                let all = identity.into_iter().flat_map(|identity| {
                    evaluation.mismatching(identity).map(move |matcher| mismatch(matcher, identity))
                });
                let all: Vec<_> = all.collect();
                format!("sender `{sender}` trusts the certificate, but {}", all.join(", and "))
            }
            Err(error) => format!("sender `{sender}`: {}", Escaped(&error.detail)),
        }
    }

    /// The evaluations, those with the fewest mismatches first: a text shows only the first of many.
    fn closest_first(&self) -> impl Iterator<Item = &Evaluation> {
        let mut evaluations: Vec<_> = self.evaluations.iter().collect();
        evaluations.sort_by_key(|evaluation| evaluation.mismatches);
        evaluations.into_iter()
    }

    /// Each matcher that did not match, for senders whose CA issued the certificate, with the certificate.
    pub fn mismatches(&self) -> impl Iterator<Item = (&Name, &Matcher, &Identity)> {
        self.claimed.as_deref().into_iter().flat_map(|identity| {
            self.closest_first().flat_map(move |it| {
                it.mismatching(identity).map(move |matcher| (&it.sender.name, matcher, identity))
            })
        })
    }

    /// For each sender that trusts the certificate, or would with another `eku`: the lines of webhooks.toml that would
    /// admit it. For the certificate of an unknown CA there is no advice, because an attacker could have made it.
    pub fn admitting(&self) -> impl Iterator<Item = Advice<'_>> {
        self.claimed.as_deref().into_iter().flat_map(|identity| {
            // Few kinds of values, but many senders.
            let is_shown = |value: &String| value.chars().count() <= SHOWN_CHARS_MAX;
            let can_match = |key: &&str| presented(key, identity).first().is_some_and(is_shown);
            let usable: Vec<_> = MATCHERS.iter().copied().filter(can_match).collect();
            self.closest_first().filter_map(move |it| Advice::new(it, identity, &usable))
        })
    }

    /// The lines of [`Refusal::admitting`] as one line that ends with a comment of TOML; `None` if there are none.
    pub fn advice_line(&self) -> Option<String> {
        let lines = joined(self.admitting(), "; ", |advice| {
            format!("sender `{}`: {}", advice.sender(), advice.lines().join(" and "))
        });
        let identity = self.claimed.as_deref()?;
        let keys: BTreeSet<_> = self.mismatches().map(|(_, matcher, _)| matcher.key()).collect();
        let values: Vec<_> =
            keys.into_iter().filter_map(|key| presented(key, identity).into_iter().next()).collect();
        let remark = not_ascii(values.iter().map(String::as_str)).map(|remark| format!("; {remark}"));
        (!lines.is_empty()).then(|| format!("{lines}  # {CAUTION}{}", remark.unwrap_or_default()))
    }
}

/// What an operator must know before pasting advice.
const CAUTION: &str = "this CA also issues for others: ask the bank";

/// Lines to add to one sender's table.
#[derive(Clone, Copy, Debug)]
pub struct Advice<'a> {
    evaluation: &'a Evaluation,
    identity: &'a Identity,
}

impl<'a> Advice<'a> {
    /// `None` if no line with one of the usable keys admits the certificate; none admits that of a CA that is marked for
    /// another purpose.
    fn new(evaluation: &'a Evaluation, identity: &'a Identity, usable: &[&str]) -> Option<Self> {
        let is_useful = match &evaluation.trust {
            Ok(_) => evaluation.mismatches > 0,
            Err(error) => error.kind == TrustErrorKind::Purpose && !identity.issuing.is_ca,
        };
        let can_match = |matcher: &Matcher| usable.contains(&matcher.key());
        (is_useful && evaluation.mismatching(identity).all(can_match))
            .then_some(Self { evaluation, identity })
    }

    /// The sender.
    pub fn sender(self) -> &'a Name {
        &self.evaluation.sender.name
    }

    /// TOML, one key and value each.
    pub fn lines(self) -> Vec<String> {
        let eku = self.evaluation.trust.is_err().then(|| "eku = 'any'".to_owned());
        let mismatching = self.evaluation.mismatching(self.identity);
        eku.into_iter().chain(mismatching.map(|matcher| line(matcher, self.identity))).collect()
    }
}

/// The line that also accepts the presented value. It keeps the existing values, because the old certificate may
/// still be in use.
fn line(matcher: &Matcher, identity: &Identity) -> String {
    let values = matcher.expected().into_iter().chain(presented(matcher.key(), identity).into_iter().take(1));
    let values: Vec<_> = values.map(|value| toml_string(&value)).collect();
    format!("{} = [{}]", matcher.key(), values.join(", "))
}

fn mismatch(matcher: &Matcher, identity: &Identity) -> String {
    let expected = quoted(&matcher.expected(), " or ");
    let actual = match (presented(matcher.key(), identity).as_slice(), matcher.fault(identity)) {
        (_, Some(fault)) => Escaped(&fault).to_string(),
        ([], None) => "the certificate has none".to_owned(),
        (values, None) => format!("the certificate has {}", quoted(values, ", ")),
    };
    format!("its {} must be {expected}: {actual}", matcher.key())
}

/// The first values, escaped and in backticks.
pub fn quoted(values: &[String], between: &str) -> String {
    joined(values, between, |value| format!("`{}`", Escaped(value)))
}
