//! The refused and failed handshakes.

use maud::{Markup, html};

use super::frame::{Page, PageKind, facts, peer_text};
use crate::admin::Status;
use crate::escape::Escaped;
use crate::refusals::HandshakeRecord;
use crate::view::overview::Overview;

pub(in crate::view) fn refused(page: &Page<'_>, overview: &Overview) -> Markup {
    let words = page.words();
    let content = match &overview.daemon {
        Err(why) => html! { p.message.warn { strong { (words.no_daemon) } ": " (Escaped(why)) } },
        Ok(status) if status.refusals.is_empty() => html! { p { (words.no_refusals) } },
        Ok(status) => {
            html! { @for (number, it) in latest_refusals(status).into_iter().enumerate() { (refusal(page, number, it)) } }
        }
    };
    page.framed(PageKind::Refused, None, content)
}

/// The refusals of a status, the latest first.
pub(super) fn latest_refusals(status: &Status) -> Vec<&HandshakeRecord> {
    let mut latest: Vec<_> = status.refusals.iter().collect();
    latest.sort_by(|a, b| b.last_at.cmp(&a.last_at));
    latest
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
            @if let Some(admit) = &it.admit {
                @let (sender, line) = key_of_one_sender(admit);
                (copied(page, words.to_admit, sender, &format!("admit-{number}"), line))
            }
            @if let Some(pem) = &it.pem {
                (copied(page, words.to_admit_certificate, None, &format!("pem-{number}"), pem))
            }
        }
    }
}

/// The name of the sender and the line for its table, which can be pasted; no name and the whole text if it is about
/// several senders.
fn key_of_one_sender(admit: &str) -> (Option<&str>, &str) {
    let parts = admit.strip_prefix("sender `").and_then(|rest| rest.split_once("`: "));
    match parts.filter(|(_, line)| !line.contains("; sender `")) {
        Some((sender, line)) => (Some(sender), line),
        None => (None, admit),
    }
}

/// Lines to be copied. The button works only with scripts, so it is hidden without.
fn copied(page: &Page<'_>, title: &str, sender: Option<&str>, id: &str, lines: &str) -> Markup {
    let words = page.words();
    html! {
        p { (title) @if let Some(sender) = sender { " [[sender]] " code { "name = \"" (Escaped(sender)) "\"" } } }
        pre.copied tabindex="0" { code id=(id) { @for line in lines.lines() { (peer_text(line)) "\n" } } }
        button.copy type="button" data-copy=(id) data-done=(words.copied) hidden { (words.copy) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_one_sender_can_be_pasted() {
        let line = "cn = ['a', 'b; sender']  # this CA also issues for others: ask the bank";
        assert_eq!(key_of_one_sender(&format!("sender `efi`: {line}")), (Some("efi"), line));
        let several = "sender `efi`: cn = 'a'; sender `inter`: cn = 'b'  # ask the bank";
        assert_eq!(key_of_one_sender(several), (None, several));
        assert_eq!(key_of_one_sender("other"), (None, "other"));
    }
}
