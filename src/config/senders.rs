//! `[[sender]]`: who we know, and who vouches for them.

use jiff::Timestamp;

use super::certificates::{Look, anchors};
use super::findings::Findings;
use super::keys::{At, Keys};
use super::raw::{Section, Span};
use crate::clock::distance;
use crate::policy::{Name, NameError, Rule, Sender};
use crate::tls::anchors::Anchor;
use crate::tls::expiry::CertificateFact;
use crate::tls::verifier::TrustedSender;

/// Matchers that come later. Ignoring one would let in whom it was to keep out.
const NOT_YET: &[&str] = &["subject", "san_dns", "san_uri", "san_ip", "san_email", "sha256", "spki_sha256"];

/// A sender, and where it stands.
pub(super) struct ReadSender {
    /// Missing where the name itself has a finding.
    pub(super) name: Option<Name>,
    /// The name as it was written, good or not.
    pub(super) written: Option<String>,
    pub(super) span: Span,
    pub(super) trusted: Option<TrustedSender>,
    pub(super) facts: Vec<CertificateFact>,
    /// Why nobody can get in as this sender right now.
    pub(super) degraded: Option<String>,
}

/// All `[[sender]]` tables, in their order.
pub(super) fn senders(sections: &[&Section], look: &Look<'_>) -> Vec<ReadSender> {
    let mut read: Vec<ReadSender> = Vec::new();
    for section in sections {
        let sender = sender(section, look);
        let twin = read.iter().find(|other| other.name.is_some() && other.name == sender.name);
        if let (Some(twin), Some(name)) = (twin, &sender.name) {
            look.findings.error(
                &sender.span,
                format!(
                    "`{name}` is already the name of another sender (line {})",
                    look.findings.line(&twin.span)
                ),
                "give each sender its own name, or put the CAs and names of both into one",
            );
        }
        read.push(sender);
    }
    read
}

fn sender(section: &Section, look: &Look<'_>) -> ReadSender {
    let findings = look.findings;
    let mut keys = Keys::new("[[sender]]", section, findings);
    let Named { name, written, span } = named(&mut keys, "sender", findings);
    for key in NOT_YET {
        keys.not_yet(key, "only `cn` is compared yet");
    }
    keys.not_yet("eku", "a certificate marked for another purpose than TLS clients is refused");
    for key in ["crl", "crl_policy"] {
        keys.not_yet(
            key,
            "revocation lists are not read yet, and an ignored one would let a revoked sender in",
        );
    }
    let shown = name.as_ref().map_or("?", Name::as_str);
    let ca = keys.texts("ca");
    let cn = keys.texts("cn");
    if ca.as_ref().is_none_or(Vec::is_empty) && !(ca.is_none() && keys.entry("ca").is_some()) {
        findings.error(
            &span,
            format!("sender `{shown}` has no CA"),
            "name the sender's own: ca = [\"certs/bank-ca.pem\"]",
        );
    }
    if cn.as_ref().is_none_or(Vec::is_empty) && !(cn.is_none() && keys.entry("cn").is_some()) {
        findings.error(
            &span,
            format!("sender `{shown}` has no rule: everyone its CA vouches for would get in"),
            "say which common name its certificate has: cn = [\"webhook.bank.example\"]",
        );
    }
    keys.close();
    let cn: Vec<_> = cn.iter().flatten().filter_map(|cn| common_name(cn, findings)).collect();
    let files = ca.unwrap_or_default();
    let read: Vec<_> = files.iter().map(|file| anchors(shown, file, look)).collect();
    let all_read = read.iter().all(Option::is_some);
    let (anchors, facts): (Vec<_>, Vec<_>) = read.into_iter().flatten().flatten().unzip();
    let first = files.first().filter(|_| all_read);
    let degraded = first.and_then(|first| nobody_vouches(shown, &first.span, &anchors, look));
    let trusted = name
        .clone()
        .filter(|_| !cn.is_empty() && !anchors.is_empty())
        .map(|name| TrustedSender { sender: Sender { name, rule: Rule { cn } }, anchors });
    ReadSender { name, written: written.map(str::to_owned), span, trusted, facts, degraded }
}

/// A name as it was written, what it means, and where it stands: the table, where it is missing.
pub(super) struct Named<'a> {
    pub(super) name: Option<Name>,
    pub(super) written: Option<&'a str>,
    pub(super) span: Span,
}

/// The `name` of a sender or an endpoint.
pub(super) fn named<'a>(keys: &mut Keys<'a>, what: &str, findings: &Findings) -> Named<'a> {
    let Some(entry) = keys.entry("name") else {
        findings.error(keys.span(), format!("this {what} has no name"), "give it one: name = \"efi\"");
        return Named { name: None, written: None, span: keys.span().clone() };
    };
    let span = entry.item.span.clone();
    let written = keys.text("name").map(|text| text.value);
    let name = written.and_then(|written| match written.parse() {
        Ok(name) => Some(name),
        Err(error) => {
            let error: NameError = error;
            findings.error(&span, error.to_string(), "as in \"efi\" or \"banco-do-brasil\"");
            None
        }
    });
    Named { name, written, span }
}

fn common_name(cn: &At<&str>, findings: &Findings) -> Option<String> {
    let fault = if cn.value.is_empty() {
        Some("a common name cannot be empty")
    } else if cn.value.chars().any(char::is_control) {
        Some("a common name cannot hold control characters")
    } else {
        None
    };
    if let Some(fault) = fault {
        findings.error(
            &cn.span,
            fault,
            "write it exactly as the certificate has it; `hookspool certs show FILE` tells",
        );
        return None;
    }
    if cn.value.contains('*') {
        findings.warning(
            &cn.span,
            format!("`{}` holds a `*`, which matches only a `*`", cn.value),
            "names are compared exactly: list each of them",
        );
    } else if cn.value.trim() != cn.value {
        findings.warning(
            &cn.span,
            "this common name begins or ends with a blank",
            "names are compared exactly: is the blank in the certificate?",
        );
    }
    Some(cn.value.to_owned())
}

/// Says why no certificate can be this sender's right now, if so.
fn nobody_vouches(sender: &str, span: &Span, anchors: &[Anchor], look: &Look<'_>) -> Option<String> {
    if anchors.is_empty() {
        look.findings.error(
            span,
            format!("sender `{sender}` has no CA that can vouch for it"),
            "see to the files in its `ca`; `hookspool certs show FILE` tells what is in one",
        );
        return None;
    }
    if anchors.iter().any(|anchor| anchor.identity.is_valid_at(look.now)) {
        return None;
    }
    Some(format!("sender `{sender}` is refused: {}", why_none_is_valid(anchors, look.now)))
}

fn why_none_is_valid(anchors: &[Anchor], now: Timestamp) -> String {
    let last = anchors.iter().map(|anchor| anchor.identity.not_after).max().filter(|last| *last < now);
    match last {
        Some(last) => format!("the last of its CAs expired {last}, {}", distance(now, last)),
        None => "none of its CAs is valid now".to_owned(),
    }
}
