//! What only shows when senders and endpoints are looked at together.

use super::endpoints::Draft;
use super::judge::Judge;
use super::raw::Span;
use super::senders::Draft as SenderDraft;
use crate::policy::{Endpoint, PathConflict, Policy, Sender};

/// The policy, if there is one: every endpoint whole, and no path answered twice.
pub(super) fn policy(senders: Vec<Sender>, drafts: &[Draft<'_>], judge: &mut Judge) -> Option<Policy> {
    let whole: Vec<_> = drafts.iter().filter_map(|draft| Some((draft, draft.endpoint.clone()?))).collect();
    let (drafts_of, endpoints): (Vec<&Draft<'_>>, Vec<Endpoint>) = whole.into_iter().unzip();
    let complete = endpoints.len() == drafts.len();
    match Policy::new(senders, endpoints) {
        Ok(policy) => complete.then_some(policy),
        Err(conflicts) => {
            let mut said: Vec<&Span> = Vec::new();
            for conflict in &conflicts {
                say(conflict, &drafts_of, &mut said, judge);
            }
            None
        }
    }
}

/// One finding for each value that clashes, though it may clash in several paths.
fn say<'a>(conflict: &PathConflict, drafts: &[&Draft<'a>], said: &mut Vec<&'a Span>, judge: &mut Judge) {
    let (first, second) = (drafts[conflict.endpoints.0], drafts[conflict.endpoints.1]);
    let suffix = second
        .endpoint
        .as_ref()
        .and_then(|endpoint| endpoint.paths().filter(|(path, _)| *path == conflict.path).last())
        .and_then(|(_, suffix)| second.suffixes.get(suffix?));
    let bare = second.path.map(|path| path.span);
    let Some(span) = suffix.map(|suffix| suffix.span).or(bare) else { return };
    // Where the paths themselves clash, so does everything below them.
    if said.contains(&span) || bare.is_some_and(|bare| said.contains(&bare)) {
        return;
    }
    said.push(span);
    let (name, line) = match (first.name, first.path) {
        (Some(name), Some(path)) => (name.text, judge.findings.line(path.span)),
        (_, _) => return,
    };
    if conflict.endpoints.0 == conflict.endpoints.1 {
        judge
            .findings
            .error(
                span,
                format!("endpoint `{name}` already answers to `{}` without this suffix", conflict.path),
            )
            .hint("remove it: a trailing or doubled slash is accepted anyway");
        return;
    }
    let message = if first.path.is_some_and(|path| path.text == conflict.path) {
        format!("`{}` is already the path of endpoint `{name}` (line {line})", conflict.path)
    } else {
        format!("`{}` is already answered by endpoint `{name}` (line {line})", conflict.path)
    };
    judge
        .findings
        .error(span, message)
        .hint("give each endpoint its own path, or list both senders under one endpoint");
}

/// Senders that nobody lists, and senders that no certificate could tell apart.
pub(super) fn look_at(senders: &[SenderDraft<'_>], endpoints: &[Draft<'_>], judge: &mut Judge) {
    for endpoint in endpoints {
        indistinguishable(endpoint, senders, judge);
    }
    if endpoints.iter().any(|endpoint| !endpoint.senders_are_known) {
        return;
    }
    for (index, sender) in senders.iter().enumerate() {
        let used =
            endpoints.iter().any(|endpoint| endpoint.senders.iter().any(|(listed, _)| *listed == index));
        if let (Some(name), Some(_), false) = (sender.name, &sender.sender, used) {
            judge
                .findings
                .warning(
                    name.span,
                    format!("no endpoint lists sender `{}`, so all it can get is a 403", name.text),
                )
                .hint("add it to the `senders` of an endpoint, or remove it");
        }
    }
}

fn indistinguishable(endpoint: &Draft<'_>, senders: &[SenderDraft<'_>], judge: &mut Judge) {
    for (place, (later, span)) in endpoint.senders.iter().enumerate() {
        let Some(second) = senders[*later].sender.as_ref() else { continue };
        for (earlier, _) in &endpoint.senders[..place] {
            let Some(first) = senders[*earlier].sender.as_ref() else { continue };
            let anchor = first
                .anchors
                .iter()
                .any(|one| second.anchors.iter().any(|other| one.identity.sha256 == other.identity.sha256));
            let cn = first.sender.rule.cn.iter().find(|cn| second.sender.rule.cn.contains(cn));
            let (true, Some(cn)) = (anchor, cn) else { continue };
            let (first, second) = (&first.sender.name, &second.sender.name);
            judge
                .findings
                .warning(span, format!("a certificate with CN `{cn}` can be `{first}` as well as `{second}`; here it counts as `{first}`, which comes first"))
                .hint("give the two different common names or different CAs, or list one of them");
        }
    }
}
