//! `[[sender]]`: who we know, by which certificates, under whose signature.

use std::str::FromStr;

use super::certificates::{Dates, dates, fact, pem_hint};
use super::judge::Judge;
use super::keys;
use super::raw::{Span, Table};
use super::reader::{Field, Reader, Text};
use crate::devpki::is_development;
use crate::policy::{Name, NameError, Rule, Sender};
use crate::tls::anchors::{Anchor, AnchorFault};
use crate::tls::expiry::Role;
use crate::tls::pem;
use crate::tls::verifier::TrustedSender;

/// What is known of a sender, whether it can be used or not.
pub(super) struct Draft<'a> {
    /// As it was written; `None` where it is missing.
    pub(super) name: Option<Text<'a>>,
    /// Whole, if nothing is wrong with it.
    pub(super) sender: Option<TrustedSender>,
}

pub(super) fn senders<'a>(tables: &[(&'a Table, &'a Span)], judge: &mut Judge) -> Vec<Draft<'a>> {
    let mut drafts: Vec<Draft<'a>> = Vec::new();
    for (table, span) in tables {
        let reader = Reader::new(table, span, &keys::SENDER, &mut judge.findings);
        let (text, name) = name(&reader, "sender", drafts.iter().map(|draft| draft.name), judge);
        let shown = text.map_or_else(|| "sender".to_owned(), |text| format!("sender `{}`", text.text));
        let cn = common_names(&reader, &shown, judge);
        let anchors = anchors(&reader, &shown, text, judge);
        let sender = match (name, cn, anchors) {
            (Some(name), Some(cn), Some(anchors)) => {
                Some(TrustedSender { sender: Sender { name, rule: Rule { cn } }, anchors })
            }
            (_, _, _) => None,
        };
        drafts.push(Draft { name: text, sender });
    }
    drafts
}

/// The name of a sender or an endpoint: there, well formed, and not another one's.
pub(super) fn name<'a>(
    reader: &Reader<'a>,
    what: &str,
    others: impl Iterator<Item = Option<Text<'a>>>,
    judge: &mut Judge,
) -> (Option<Text<'a>>, Option<Name>) {
    let text = match reader.text("name", &mut judge.findings) {
        Field::Is(text) => text,
        Field::Bad => return (None, None),
        Field::Missing => {
            judge
                .findings
                .missing(reader.span, format!("this {what} has no `name`"))
                .hint(format!("add one, as in `name = {}`", reader.example("name")));
            return (None, None);
        }
    };
    if let Some(first) = others.flatten().find(|other| other.text == text.text) {
        let line = judge.findings.line(first.span);
        judge
            .findings
            .error(text.span, format!("`{}` is already the name of another {what} (line {line})", text.text))
            .hint(format!("give each {what} its own name"));
        return (Some(text), None);
    }
    match Name::from_str(text.text) {
        Ok(name) => (Some(text), Some(name)),
        Err(fault) => {
            let hint = match fault {
                NameError::Form(_) => {
                    "names become folders and labels, so they are kept plain, as in `banco-do-brasil`"
                }
                NameError::Reserved(_) => "take another name",
            };
            judge.findings.error(text.span, fault.to_string()).hint(hint);
            (Some(text), None)
        }
    }
}

fn common_names(reader: &Reader<'_>, shown: &str, judge: &mut Judge) -> Option<Vec<String>> {
    let texts = match reader.some_texts("cn", &mut judge.findings) {
        Field::Is((texts, _)) => texts,
        Field::Bad => return None,
        Field::Missing => {
            // A rule of another kind was meant, and has been refused as such.
            if !keys::SENDER
                .keys
                .iter()
                .any(|key| key.name.starts_with("s") && reader.node(key.name).is_some())
            {
                judge
                    .findings
                    .missing(reader.span, format!("{shown} has no rule: its CA may have signed for others too"))
                    .hint("add `cn = [\"…\"]`, the common name in the sender's certificate; `hookspool certs show FILE` prints it");
            }
            return None;
        }
    };
    let mut sound = true;
    for text in &texts {
        if text.text.is_empty() || text.text.chars().any(char::is_control) {
            judge
                .findings
                .error(text.span, "no certificate has such a common name: it is empty or holds control characters")
                .hint("write the name exactly as it stands in the certificate; `hookspool certs show FILE` prints it");
            sound = false;
        } else if text.text.contains('*') {
            judge
                .findings
                .warning(
                    text.span,
                    format!("`{}` is compared as it stands, and `*` means nothing but itself", text.text),
                )
                .hint("write each common name in full");
        } else if text.text.trim() != text.text {
            judge
                .findings
                .warning(text.span, format!("`{}` begins or ends with a blank, which counts", text.text))
                .hint("remove it, unless the certificate has it too");
        }
    }
    sound.then(|| texts.iter().map(|text| text.text.to_owned()).collect())
}

/// An anchor that may issue, where it is named, and how it stands to the time.
struct Candidate<'a> {
    at: Text<'a>,
    anchor: Anchor,
    what: String,
    dates: Dates,
}

fn anchors(
    reader: &Reader<'_>,
    shown: &str,
    name: Option<Text<'_>>,
    judge: &mut Judge,
) -> Option<Vec<Anchor>> {
    let (files, span) = match reader.some_texts("ca", &mut judge.findings) {
        Field::Is(found) => found,
        Field::Bad => return None,
        Field::Missing => {
            judge
                .findings
                .missing(reader.span, format!("{shown} has no `ca`: nothing vouches for its certificate"))
                .hint("add `ca = [\"…\"]`, the certificate of the CA that signed the sender's");
            return None;
        }
    };
    let mut candidates = Vec::new();
    let mut faults = Vec::new();
    let mut sound = true;
    for at in files {
        sound &= read_anchors(at, shown, &mut candidates, &mut faults, judge);
    }
    let some = !candidates.is_empty();
    for (at, message, hint) in faults {
        // While another anchor is left this is untidy; without one nobody gets in.
        if some {
            judge.findings.warning(at.span, message).hint(hint);
        } else {
            judge.findings.error(at.span, format!("{message}; {shown} has no CA that can vouch")).hint(hint);
            sound = false;
        }
    }
    by_time(&candidates, shown, judge);
    development(&candidates, shown, span, judge);
    for candidate in &candidates {
        let file = judge.files.resolve(candidate.at.text);
        let name = name.map_or("", |name| name.text);
        judge.certificates.push(fact(Role::Anchor, name, &file, &candidate.anchor.identity));
    }
    (sound && some).then(|| candidates.into_iter().map(|candidate| candidate.anchor).collect())
}

type Fault<'a> = (Text<'a>, String, &'static str);

/// `false` when an error has been said.
fn read_anchors<'a>(
    at: Text<'a>,
    shown: &str,
    candidates: &mut Vec<Candidate<'a>>,
    faults: &mut Vec<Fault<'a>>,
    judge: &mut Judge,
) -> bool {
    let Some(contents) = judge.files.open(at, shown, &mut judge.findings) else { return false };
    let file = contents.path.display();
    let certificates = match pem::certificates(&contents.bytes) {
        Ok(certificates) => certificates,
        Err(fault) => {
            judge.findings.error(at.span, format!("{shown}: `{file}`: {fault}")).hint(pem_hint(&fault));
            return false;
        }
    };
    let mut sound = true;
    for der in certificates {
        match Anchor::new(der) {
            // The same one in two files is how a bundle is renewed.
            Ok(anchor)
                if candidates.iter().any(|known| known.anchor.identity.sha256 == anchor.identity.sha256) => {}
            Ok(anchor) => {
                let what = format!("{shown}: `{file}`: the CA `{}`", anchor.identity.subject);
                let dates = dates(
                    &anchor.identity,
                    &what,
                    at.span,
                    "ask the sender for its new CA and name both here",
                    judge,
                );
                candidates.push(Candidate { at, anchor, what, dates });
            }
            Err(AnchorFault::Unreadable(fault)) => {
                judge
                    .findings
                    .error(at.span, format!("{shown}: `{file}`: {fault}"))
                    .hint("copy the file again, or ask the sender for its CA in PEM");
                sound = false;
            }
            Err(fault @ AnchorFault::CannotIssue { .. }) => faults.push((
                at,
                format!("{shown}: `{file}`: {fault}"),
                "name the CA that signed the sender's certificate, not that certificate itself",
            )),
        }
    }
    sound
}

fn by_time(candidates: &[Candidate<'_>], shown: &str, judge: &mut Judge) {
    let left = candidates.iter().any(|candidate| candidate.dates == Dates::Valid);
    let mut reasons = Vec::new();
    for candidate in candidates {
        let Dates::Invalid(why) = &candidate.dates else { continue };
        judge.findings.error(candidate.at.span, format!("{} {why}", candidate.what)).by_time().hint(
            if left {
                "remove it; the other CAs of this sender stay in force".to_owned()
            } else {
                format!("{shown} is refused until it has a valid CA: ask it for its current one")
            },
        );
        reasons.push(format!("`{}` {why}", candidate.anchor.identity.subject));
    }
    if !left && !reasons.is_empty() {
        judge.degraded.push(format!("{shown}: no valid CA: {}", reasons.join(", ")));
    }
}

fn development(candidates: &[Candidate<'_>], shown: &str, span: &Span, judge: &mut Judge) {
    let Some(toy) = candidates.iter().find(|candidate| is_development(&candidate.anchor.identity)) else {
        return;
    };
    let subject = &toy.anchor.identity.subject;
    if judge.beyond_loopback {
        judge
            .findings
            .warning(span, format!("{shown} is vouched for by a DEVELOPMENT CA (`{subject}`) while `[server]` listens beyond loopback: whoever has `root-ca.key` can deliver as this sender"))
            .hint("name the sender's real CA before the world can reach this port");
    } else {
        judge
            .findings
            .warning(span, format!("{shown} is vouched for by a development CA (`{subject}`)"))
            .hint("fine for trying things out; name the sender's real CA for real deliveries");
    }
}
