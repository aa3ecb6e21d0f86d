//! The refused and failed handshakes.

use maud::{Markup, html};

use super::frame::{Page, PageKind, facts, peer_text};
use crate::escape::Escaped;
use crate::refusals::HandshakeRecord;
use crate::view::overview::Overview;

pub(in crate::view) fn refused(page: &Page<'_>, overview: &Overview) -> Markup {
    let words = page.words();
    let content = match &overview.daemon {
        Err(why) => html! { p.message.warn { strong { (words.no_daemon) } ": " (Escaped(why)) } },
        Ok(status) if status.refusals.is_empty() => html! { p { (words.no_refusals) } },
        Ok(status) => {
            let mut latest: Vec<_> = status.refusals.iter().collect();
            latest.sort_by(|a, b| b.last_at.cmp(&a.last_at));
            html! { @for (number, it) in latest.into_iter().enumerate() { (refusal(page, number, it)) } }
        }
    };
    page.framed(PageKind::Refused, None, content)
}

fn refusal(page: &Page<'_>, number: usize, it: &HandshakeRecord) -> Markup {
    let words = page.words();
    let subject = it.claimed.as_ref().map(|claimed| claimed.subject.as_str()).unwrap_or_default();
    let issuer = it.claimed.as_ref().map(|claimed| claimed.issuer.as_str()).unwrap_or_default();
    let optional = |text: &Option<String>| peer_text(text.as_deref().unwrap_or_default());
    html! {
        article.refusal aria-labelledby={ "refusal-" (number) } {
            h2 id={ "refusal-" (number) } {
                (Escaped(&it.reason)) @if !subject.is_empty() { ": " (Escaped(subject)) }
            }
            p { (peer_text(&it.detail)) }
            (facts([
                (words.last, html! {
                    (page.time(&it.last_at)) @if it.count > 1 { ", " (it.count) " " (words.times) }
                }),
                (words.address, peer_text(&it.address)),
                (words.subject, peer_text(subject)),
                (words.issuer, peer_text(issuer)),
                (words.expected, optional(&it.expected)),
                (words.presented, optional(&it.presented)),
                (words.offered, optional(&it.offered)),
                (words.issued_by_ca_of, html! { (Escaped(&it.vouched_names().unwrap_or_default())) }),
            ]))
            // The daemon suggests lines only if a CA of a sender issued the certificate, and its key was proven.
            @if let Some(lines) = &it.admit { (copied(page, words.to_admit, &format!("admit-{number}"), lines)) }
            @if let Some(pem) = &it.pem { (copied(page, words.to_admit_certificate, &format!("pem-{number}"), pem)) }
        }
    }
}

/// Lines to be copied. The button works only with scripts, so it is hidden without.
fn copied(page: &Page<'_>, title: &str, id: &str, lines: &str) -> Markup {
    let words = page.words();
    html! {
        p { (title) }
        pre.copied tabindex="0" { code id=(id) { @for line in lines.lines() { (peer_text(line)) "\n" } } }
        button.copy type="button" data-copy=(id) data-done=(words.copied) hidden { (words.copy) }
    }
}
