//! Checks that concern several senders or endpoints.

use super::endpoints::EndpointDraft;
use super::senders::SenderDraft;
use crate::config::text::Span;
use crate::policy::{Endpoint, Matcher, PathConflict, Policy, Sender};
use crate::tls::verifier::TrustedSender;

/// The policy; `None` if an endpoint is invalid or two endpoints have the same path, which is reported.
pub(crate) fn policy(senders: Vec<Sender>, drafts: &[EndpointDraft<'_>]) -> Option<Policy> {
    let whole: Vec<_> = drafts.iter().filter_map(|draft| Some((draft, draft.endpoint.clone()?))).collect();
    let (drafts_of, endpoints): (Vec<&EndpointDraft<'_>>, Vec<Endpoint>) = whole.into_iter().unzip();
    let complete = endpoints.len() == drafts.len();
    match Policy::new(senders, endpoints) {
        Ok(policy) => complete.then_some(policy),
        Err(conflicts) => {
            let mut reported: Vec<&Span> = Vec::new();
            for conflict in &conflicts {
                report(conflict, &drafts_of, &mut reported);
            }
            None
        }
    }
}

/// Reports a conflict. A value that causes several conflicts is reported once.
fn report<'a>(conflict: &PathConflict, drafts: &[&EndpointDraft<'a>], reported: &mut Vec<&'a Span>) {
    let (first, second) = (drafts[conflict.endpoints.0], drafts[conflict.endpoints.1]);
    let (Some(name), Some(first_path), Some(second_path)) = (first.name, first.path, second.path) else {
        return;
    };
    let suffix = second
        .endpoint
        .as_ref()
        .and_then(|endpoint| endpoint.paths().filter(|(path, _)| *path == conflict.path).last())
        .and_then(|(_, suffix)| second.suffixes.get(suffix?));
    let at = suffix.map_or(second_path.at, |suffix| suffix.at);
    // If the paths themselves conflict, so do all of their suffixes.
    if reported.contains(&at.span) || reported.contains(&second_path.at.span) {
        return;
    }
    reported.push(at.span);
    let (name, path, line) = (name.text, &conflict.path, first_path.at.line());
    if conflict.endpoints.0 == conflict.endpoints.1 {
        at.error(
            format!("endpoint `{name}` already accepts `{path}` without this suffix"),
            "remove it; a trailing or double slash is accepted anyway",
        );
        return;
    }
    let message = if first_path.text == path {
        format!("`{path}` is already the path of endpoint `{name}` (line {line})")
    } else {
        format!("`{path}` is already accepted by endpoint `{name}` (line {line})")
    };
    at.error(message, "give each endpoint its own path, or list both senders under one endpoint");
}

/// Reports senders that no endpoint lists, and senders of one endpoint that one certificate could match.
pub(crate) fn check_senders(senders: &[SenderDraft<'_>], endpoints: &[EndpointDraft<'_>]) {
    for endpoint in endpoints {
        report_indistinguishable(endpoint, senders);
    }
    if endpoints.is_empty() || endpoints.iter().any(|endpoint| !endpoint.senders_are_known) {
        return;
    }
    for (index, sender) in senders.iter().enumerate() {
        let lists_it = |endpoint: &EndpointDraft<'_>| endpoint.senders.iter().any(|(at, _)| *at == index);
        if let (Some(name), Some(_), false) = (sender.name, &sender.sender, endpoints.iter().any(lists_it)) {
            name.at.warning(
                format!("no endpoint lists sender `{}`, so all its deliveries get 403", name.text),
                "add it to the `senders` of an endpoint, or remove it",
            );
        }
    }
}

fn report_indistinguishable(endpoint: &EndpointDraft<'_>, senders: &[SenderDraft<'_>]) {
    for (place, (later, at)) in endpoint.senders.iter().enumerate() {
        let Some(second) = senders[*later].sender.as_ref() else { continue };
        for (earlier, _) in &endpoint.senders[..place] {
            let Some(first) = senders[*earlier].sender.as_ref() else { continue };
            if let Some(value) = common(first, second) {
                let (first, second) = (&first.sender.name, &second.sender.name);
                at.warning(
                    format!("a certificate with {value} matches `{first}` and `{second}`; this endpoint attributes it to `{first}`, which comes first"),
                    "give the two senders different names or different CAs, or list only one of them",
                );
            }
        }
    }
}

/// A value of a certificate that could match both senders; `None` if the rules exclude such a certificate. A
/// certificate has one CN, subject and key, but may have many alternative names.
fn common(first: &TrustedSender, second: &TrustedSender) -> Option<String> {
    let pairs = || {
        let theirs = &second.trust.anchors;
        first.trust.anchors.iter().flat_map(move |anchor| theirs.iter().map(move |other| (anchor, other)))
    };
    if !pairs().any(|(anchor, other)| anchor.may_overlap(other)) {
        return None;
    }
    let mut shared = None;
    for matcher in first.sender.rule.matchers() {
        let same_kind = second.sender.rule.matchers().iter().find(|other| other.key() == matcher.key());
        let Some(other) = same_kind.map(Matcher::expected) else { continue };
        let both = matcher.expected().into_iter().find(|value| other.contains(value));
        match both {
            Some(value) if shared.is_none() => {
                let kind = if matcher.key() == "cn" { "CN" } else { matcher.key() };
                shared = Some(format!("{kind} `{value}`"));
            }
            None if !matcher.key().starts_with("san_") => return None,
            Some(_) | None => {}
        }
    }
    // Signatures are verified only for the few pairs that are left.
    shared.filter(|_| pairs().any(|(anchor, other)| anchor.overlaps(other)))
}
