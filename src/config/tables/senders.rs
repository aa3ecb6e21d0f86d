//! `[[sender]]`: a sender's name, CAs, rule and revocation lists.

use super::anchors::{AnchorPurpose, anchors};
use super::matchers::rule;
use super::names::name;
use super::revocation::revocation;
use crate::config::context::{Facts, ValidationContext};
use crate::config::schema;
use crate::config::text::findings::Findings;
use crate::config::text::raw::{Span, Table};
use crate::config::text::reader::{Reader, Text};
use crate::policy::{Name, Sender};
use crate::tls::trust::{Eku, SenderTrust};
use crate::tls::verifier::TrustedSender;

/// A sender as configured, with or without errors.
pub(crate) struct SenderDraft<'a> {
    /// The name in the text; `None` if it is missing.
    pub(crate) name: Option<Text<'a>>,
    /// The sender, if it has no errors.
    pub(crate) sender: Option<TrustedSender>,
}

impl SenderDraft<'_> {
    /// The name of the sender, if it can be used.
    pub(crate) fn name(&self) -> Option<Name> {
        self.sender.as_ref().map(|trusted| trusted.sender.name.clone())
    }
}

pub(crate) fn senders<'a>(
    tables: &[(&'a Table, &'a Span)],
    context: &mut ValidationContext,
    findings: &mut Findings,
    facts: &mut Facts,
    beyond_loopback: bool,
) -> Vec<SenderDraft<'a>> {
    let mut drafts: Vec<SenderDraft<'a>> = Vec::new();
    for (table, span) in tables {
        let reader = Reader::new(table, span, &schema::SENDER, findings);
        let (text, name) = name(&reader, "sender", drafts.iter().map(|draft| draft.name), findings);
        let shown = text.map_or_else(|| "sender".to_owned(), |text| format!("sender `{}`", text.text));
        let words = [("client", Eku::Client), ("any", Eku::Any)];
        let eku = reader.word("eku", &words, findings);
        let rule = rule(&reader, &shown, findings);
        let label = text.map_or("", |text| text.text);
        let purpose = AnchorPurpose { shown: &shown, name: label, rule: rule.as_ref(), eku };
        let anchors = anchors(&reader, &purpose, context, findings, facts, beyond_loopback);
        let known = anchors.as_deref().unwrap_or_default();
        let revocation = revocation(&reader, &purpose, known, context, findings, facts);
        let sender = match (name, rule, anchors, revocation) {
            (Some(name), Some(rule), Some(anchors), Ok(revocation)) => {
                let trust = SenderTrust { anchors, eku, revocation };
                Some(TrustedSender { sender: Sender { name, rule }, trust })
            }
            (_, _, _, _) => None,
        };
        drafts.push(SenderDraft { name: text, sender });
    }
    drafts
}
