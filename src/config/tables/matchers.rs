//! The matchers of a `[[sender]]`: the requirements on its certificate.

use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

use crate::config::text::findings::Findings;
use crate::config::text::reader::{Field, Reader, Text};
use crate::policy::{MATCHERS, Matcher, Rule};

/// How to print the names in a certificate.
const HOW_TO_SHOW: &str = "`hookspool certs show FILE` prints it";

/// The sender's rule; `None`, with a finding, if it is invalid or missing.
pub(crate) fn rule(reader: &Reader<'_>, shown: &str, findings: &mut Findings) -> Option<Rule> {
    let mut matchers = Vec::new();
    let mut is_valid = true;
    for &key in MATCHERS {
        match reader.some_texts(key, findings) {
            Field::Missing => {}
            Field::Bad => is_valid = false,
            Field::Is((texts, _)) => match matcher(key, &texts, findings) {
                Some(matcher) => matchers.push(matcher),
                None => is_valid = false,
            },
        }
    }
    if !is_valid {
        return None;
    }
    let rule = Rule::new(matchers);
    if rule.is_none() {
        findings
            .missing(
                reader.span,
                format!("{shown} has no rule, and its CA may have issued certificates to others"),
            )
            .hint(format!("add `cn = [\"…\"]`, the common name in the sender's certificate; {HOW_TO_SHOW}"));
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
            "write it as in RFC 4514, the most specific part first, as in `CN=…,O=…`; `hookspool certs show FILE` prints it",
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

/// Parses values that are not compared as text.
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

/// Checks values that are compared as text.
fn names(texts: &[Text<'_>], findings: &mut Findings) -> Option<Vec<String>> {
    let mut is_valid = true;
    for text in texts {
        if text.text.is_empty() || text.text.chars().any(char::is_control) {
            findings
                .error(
                    text.span,
                    "no certificate has such a name: it is empty or contains control characters",
                )
                .hint(format!("write the name exactly as in the certificate; {HOW_TO_SHOW}"));
            is_valid = false;
        } else if text.text.contains('*') {
            findings
                .warning(text.span, format!("`{}` is compared exactly, and `*` is not a wildcard", text.text))
                .hint("write each name in full");
        } else if text.text.trim() != text.text {
            findings
                .warning(
                    text.span,
                    format!("`{}` begins or ends with a space, which is part of the name", text.text),
                )
                .hint("remove it, unless the certificate contains it");
        }
    }
    is_valid.then(|| texts.iter().map(|text| text.text.to_owned()).collect())
}
