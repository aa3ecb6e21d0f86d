//! The matchers of a `[[sender]]`: what its certificate has to say.

use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

use super::findings::Findings;
use super::reader::{Field, Reader, Text};
use crate::policy::{MATCHERS, Matcher, Rule};

/// How to find out what a certificate says.
const LOOK: &str = "`hookspool certs show FILE` prints it";

/// The sender's rule; `None` if something is wrong with it, or there is none.
pub(super) fn rule(reader: &Reader<'_>, shown: &str, findings: &mut Findings) -> Option<Rule> {
    let mut matchers = Vec::new();
    let mut sound = true;
    for &key in MATCHERS {
        match reader.some_texts(key, findings) {
            Field::Missing => {}
            Field::Bad => sound = false,
            Field::Is((texts, _)) => match matcher(key, &texts, findings) {
                Some(matcher) => matchers.push(matcher),
                None => sound = false,
            },
        }
    }
    if !sound {
        return None;
    }
    let rule = Rule::new(matchers);
    if rule.is_none() {
        findings
            .missing(reader.span, format!("{shown} has no rule: its CA may have signed for others too"))
            .hint(format!("add `cn = [\"…\"]`, the common name in the sender's certificate; {LOOK}"));
    }
    rule
}

fn matcher(key: &str, texts: &[Text<'_>], findings: &mut Findings) -> Option<Matcher> {
    let digest = "write the 64 hex digits that `hookspool certs show FILE` prints";
    Some(match key {
        "cn" => Matcher::Cn(names(texts, findings)?),
        "subject" => Matcher::Subject(parsed(
            texts,
            "a distinguished name",
            "write it as RFC 4514 does, the most specific first, as in `CN=…,O=…`; `hookspool certs show FILE` prints it",
            findings,
        )?),
        "san_dns" => Matcher::SanDns(names(texts, findings)?),
        "san_uri" => Matcher::SanUri(names(texts, findings)?),
        "san_ip" => {
            let hint = "write one address, as in `192.0.2.1` or `2001:db8::1`; networks go into `from` of an endpoint";
            Matcher::SanIp(parsed::<IpAddr>(texts, "an IP address", hint, findings)?)
        }
        "san_email" => Matcher::SanEmail(names(texts, findings)?),
        "sha256" => Matcher::Sha256(parsed(texts, "a fingerprint", digest, findings)?),
        "spki_sha256" => Matcher::SpkiSha256(parsed(texts, "the fingerprint of a key", digest, findings)?),
        _ => return None,
    })
}

/// Values that would mean something else than themselves.
fn parsed<T: FromStr<Err: Display>>(
    texts: &[Text<'_>],
    what: &str,
    hint: &str,
    findings: &mut Findings,
) -> Option<Vec<T>> {
    let values: Vec<_> = texts
        .iter()
        .filter_map(|text| {
            let value = text.text.parse();
            if let Err(fault) = &value {
                findings.error(text.span, format!("`{}` is not {what}: {fault}", text.text)).hint(hint);
            }
            value.ok()
        })
        .collect();
    (values.len() == texts.len()).then_some(values)
}

/// Values that are compared as they stand.
fn names(texts: &[Text<'_>], findings: &mut Findings) -> Option<Vec<String>> {
    let mut sound = true;
    for text in texts {
        if text.text.is_empty() || text.text.chars().any(char::is_control) {
            findings
                .error(text.span, "no certificate has such a name: it is empty or holds control characters")
                .hint(format!("write the name exactly as in the certificate; {LOOK}"));
            sound = false;
        } else if text.text.contains('*') {
            findings
                .warning(text.span, format!("`{}` is compared exactly, and `*` is not a wildcard", text.text))
                .hint("write each name in full");
        } else if text.text.trim() != text.text {
            findings
                .warning(text.span, format!("`{}` begins or ends with a blank, which counts", text.text))
                .hint("remove it, unless the certificate has it too");
        }
    }
    sound.then(|| texts.iter().map(|text| text.text.to_owned()).collect())
}
