//! `[[sender]]`: a sender's name, CAs, rule and revocation lists.

use super::anchors::{AnchorPurpose, anchors};
use super::matchers::rule;
use super::names::name;
use super::revocation::revocation;
use crate::config::context::{Facts, ValidationContext};
use crate::config::text::{Reader, Text};
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
    tables: &[Reader<'a>],
    context: &mut ValidationContext,
    facts: &mut Facts<'_>,
    beyond_loopback: bool,
) -> Vec<SenderDraft<'a>> {
    let mut drafts: Vec<SenderDraft<'a>> = Vec::new();
    for table in tables {
        let (text, name) = name(table, "sender", drafts.iter().filter_map(|draft| draft.name));
        let shown = text.map_or_else(|| "sender".to_owned(), |text| format!("sender `{}`", text.text));
        let eku = table.word("eku", &[("client", Eku::Client), ("any", Eku::Any)]);
        let rule = rule(table, &shown);
        let label = text.map_or("", |text| text.text);
        let purpose = AnchorPurpose { shown: &shown, name: label, rule: rule.as_ref().ok(), eku };
        let anchors = anchors(table, &purpose, context, facts, beyond_loopback);
        let known = anchors.as_deref().unwrap_or_default();
        let revocation = revocation(table, &purpose, known, context, facts);
        let sender = match (name, rule, anchors, revocation) {
            (Ok(name), Ok(rule), Ok(anchors), Ok(revocation)) => {
                let trust = SenderTrust { anchors, eku, revocation };
                Some(TrustedSender { sender: Sender { name, rule }, trust })
            }
            (_, _, _, _) => None,
        };
        drafts.push(SenderDraft { name: text, sender });
    }
    drafts
}
