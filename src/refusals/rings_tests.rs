//! Tests of the rings: they are bounded whatever is refused, and do not affect each other.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::identity::{Fingerprint, ReadableParts};
use crate::metrics::RefusalReason;
use crate::policy::{Evaluation, Matcher, Rule, Sender, TrustError, TrustErrorKind, Trusted, TrustedBy};

const SENDERS: usize = 3;

/// The cause of a refusal in these tests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Cause {
    /// Senders up to this one vouch, and the rule of this one is closest.
    Proven(usize),
    Unproven,
    Stranger,
    NoCertificate,
}

fn refusal(cause: Cause, number: u32) -> Refusal {
    let readable = ReadableParts::of(&number.to_be_bytes());
    let rule = Rule::new(vec![Matcher::Cn(Vec::new())]).expect("a matcher");
    let evaluation = |index: usize| Evaluation {
        sender: Arc::new(Sender { name: format!("s{index}").parse().expect("a name"), rule: rule.clone() }),
        trust: match cause {
            Cause::Proven(last) if index <= last => {
                Ok(Arc::new(Trusted { by: TrustedBy::Itself, not_after: Timestamp::MAX }))
            }
            Cause::Proven(_) | Cause::Unproven | Cause::Stranger | Cause::NoCertificate => {
                Err(Arc::new(TrustError::new(TrustErrorKind::NotIssued, "")))
            }
        },
        mismatches: match cause {
            Cause::Proven(last) if index <= last => 1 + last - index,
            Cause::Proven(_) | Cause::Unproven | Cause::Stranger | Cause::NoCertificate => 0,
        },
    };
    let evaluated = Refusal {
        readable: Some(Box::new(readable)),
        evaluations: (0..SENDERS).map(evaluation).collect(),
        ..Refusal::no_certificate()
    };
    match cause {
        Cause::Proven(_) => Refusal { reason: RefusalReason::Rule, ..evaluated },
        Cause::Unproven => Refusal { reason: RefusalReason::Unproven, evaluations: Vec::new(), ..evaluated },
        Cause::Stranger => Refusal { reason: RefusalReason::UnknownCa, ..evaluated },
        Cause::NoCertificate => Refusal::no_certificate(),
    }
}

/// Records a refusal at this second; returns whether it is logged.
fn record(refusals: &Refusals, begin: Instant, second: u64, cause: Cause, number: u32) -> bool {
    let refusal = refusal(cause, number);
    let at: Timestamp = "2026-11-23T12:00:00Z".parse().expect("a time");
    let at = at + Duration::from_secs(second);
    let address = ([192, 0, 2, 1], 1).into();
    let record = HandshakeRecord::new(at, address, None, &refusal);
    refusals.record_refusal(&refusal, record, begin + Duration::from_secs(second))
}

fn record_all(refusals: &Refusals, begin: Instant, second: u64, cause: Cause, numbers: Range<u32>) {
    for number in numbers {
        let _ = record(refusals, begin, second, cause, number);
    }
}

/// The fingerprints in `/status` of refusals with a reason.
fn kept(refusals: &Refusals, reason: &str) -> Vec<String> {
    let of = |record: HandshakeRecord| record.claimed.map(|claimed| claimed.sha256).unwrap_or_default();
    refusals.all().into_iter().filter(|it| it.reason == reason).map(of).collect()
}

fn hex(number: u32) -> String {
    Fingerprint::of_certificate(&number.to_be_bytes()).to_string()
}

#[test]
fn a_flood_of_any_group_leaves_the_others() {
    let causes = [Cause::Proven(0), Cause::Proven(1), Cause::Unproven, Cause::Stranger, Cause::NoCertificate];
    for flooding in causes {
        let (refusals, begin) = (Refusals::default(), Instant::now());
        record_all(&refusals, begin, 0, flooding, 0..10_000);
        for (number, cause) in (20_000..).zip(causes) {
            if cause != flooding {
                assert!(record(&refusals, begin, 1, cause, number), "{cause:?} in a flood of {flooding:?}");
            }
        }
        record_all(&refusals, begin, 2, flooding, 30_000..40_000);
        assert_eq!(refusals.all().len(), PLACES_MAX + causes.len() - 1, "{flooding:?}");
    }
}

#[test]
fn a_refusal_belongs_to_the_sender_whose_rule_is_closest() {
    let group = |cause| match refusal(cause, 1).group() {
        RefusalGroup::Sender(sender) => sender.to_string(),
        other @ (RefusalGroup::Unproven | RefusalGroup::Stranger) => format!("{other:?}"),
    };
    assert_eq!(group(Cause::Proven(0)), "s0");
    assert_eq!(group(Cause::Proven(2)), "s2");
    assert_eq!(group(Cause::Unproven), "Unproven");
    assert_eq!(group(Cause::Stranger), "Stranger");
}

#[test]
fn suppressed_events_are_counted_by_reason() {
    let (refusals, begin) = (Refusals::default(), Instant::now());
    record_all(&refusals, begin, 0, Cause::Stranger, 0..80);
    (0..3).for_each(|_| record_all(&refusals, begin, 0, Cause::Proven(0), 1..2));
    let sender: Name = "s0".parse().expect("a name");
    let logged = (0..60).filter(|_| refusals.may_log("forbidden", Some(&sender), begin)).count();
    assert_eq!(logged, 50);
    assert!(refusals.may_log("forbidden", Some(&"s1".parse().expect("a name")), begin));
    assert!(refusals.may_log("not_found", Some(&sender), begin));
    assert_eq!(refusals.take_unlogged(), [("forbidden", 10), ("rule", 2), ("unknown_ca", 30)].into());
    assert!(refusals.take_unlogged().is_empty());
}

fn cause() -> impl Strategy<Value = Cause> {
    prop_oneof![
        (0..SENDERS).prop_map(Cause::Proven),
        Just(Cause::Unproven),
        Just(Cause::Stranger),
        Just(Cause::NoCertificate),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// What one ring keeps and logs is the same with and without the events of all others.
    #[test]
    fn no_ring_affects_another(
        events in prop::collection::vec((cause(), 0..300_u32, 0..3_u64), 1..1_000),
        alone in cause(),
    ) {
        let begin = Instant::now();
        let (all, one) = (Refusals::default(), Refusals::default());
        let mut second = 0;
        for (cause, number, pause) in events {
            second += pause / 2;
            let logged = record(&all, begin, second, cause, number);
            if cause == alone {
                prop_assert_eq!(record(&one, begin, second, cause, number), logged);
            }
        }
        let reason = refusal(alone, 0).reason.word();
        let of_one = kept(&one, reason);
        prop_assert!(of_one.len() <= PLACES_MAX);
        let of_all = kept(&all, reason);
        prop_assert!(of_one.iter().all(|it| of_all.contains(it)));
        prop_assert!(all.all().len() <= (3 + SENDERS) * PLACES_MAX);
    }

    /// The refusals of a ring's last fingerprints are kept with their counts.
    #[test]
    fn each_fingerprint_has_one_place(numbers in prop::collection::vec(0..150_u32, 1..600)) {
        let (refusals, begin) = (Refusals::default(), Instant::now());
        numbers.iter().for_each(|it| record_all(&refusals, begin, 0, Cause::Stranger, *it..it + 1));
        let mut latest: Vec<u32> = Vec::new();
        for number in numbers.iter().rev() {
            if !latest.contains(number) {
                latest.push(*number);
            }
        }
        let expected: Vec<_> = latest.iter().take(PLACES_MAX).rev().map(|number| hex(*number)).collect();
        prop_assert_eq!(kept(&refusals, "unknown_ca"), expected);
    }
}
