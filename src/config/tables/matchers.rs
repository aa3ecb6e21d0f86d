//! The matchers of a `[[sender]]`: the requirements on its certificate.

use std::fmt::Display;
use std::str::FromStr;

use crate::config::text::{Reader, Reported, Text};
use crate::escape::toml_string;
use crate::policy::{Matcher, Rule};

/// The sender's rule, which is required.
pub(crate) fn rule(sender: &Reader<'_>, shown: &str) -> Result<Rule, Reported> {
    let subject = |text| {
        parsed(
            text,
            "a distinguished name",
            "write it as in RFC 4514, the most specific part first, as in `CN=…,O=…`; `hookspool certs show FILE` prints it",
        )
    };
    let ip = |text| {
        parsed(
            text,
            "an IP address",
            "write one address, as in `192.0.2.1` or `2001:db8::1`; networks go into `from` of an endpoint",
        )
    };
    let hex = "write the 64 hex digits that `hookspool certs show FILE` prints";
    let matchers = [
        matcher(sender, "cn", common_name, Matcher::Cn),
        matcher(sender, "subject", subject, Matcher::Subject),
        matcher(sender, "san_dns", name, Matcher::SanDns),
        matcher(sender, "san_uri", name, Matcher::SanUri),
        matcher(sender, "san_ip", ip, Matcher::SanIp),
        matcher(sender, "san_email", name, Matcher::SanEmail),
        matcher(sender, "sha256", |text| parsed(text, "a fingerprint", hex), Matcher::Sha256),
        matcher(
            sender,
            "spki_sha256",
            |text| parsed(text, "the fingerprint of a key", hex),
            Matcher::SpkiSha256,
        ),
    ];
    let matchers = matchers.into_iter().flatten().collect::<Result<_, _>>()?;
    Rule::new(matchers).ok_or_else(|| {
        sender.at.missing(
            format!("{shown} has no rule, and its CA may have issued certificates to others"),
            "add `cn = [\"…\"]`, the common name in the sender's certificate; `hookspool certs show FILE` prints it",
        )
    })
}

/// The matcher of a key; `None` if the key is missing.
fn matcher<'a, T>(
    sender: &Reader<'a>,
    key: &str,
    parse: impl Fn(Text<'a>) -> Result<T, Reported>,
    kind: fn(Vec<T>) -> Matcher,
) -> Option<Result<Matcher, Reported>> {
    let texts = match sender.some_texts(key).transpose()? {
        Ok(texts) => texts,
        Err(reported) => return Some(Err(reported)),
    };
    // All values are parsed, so that the errors of all are reported.
    let values: Vec<_> = texts.into_iter().map(parse).collect();
    Some(values.into_iter().collect::<Result<_, _>>().map(kind))
}

/// A value that is not compared as text.
fn parsed<T: FromStr<Err: Display>>(
    Text { text, at }: Text<'_>,
    what: &str,
    hint: &str,
) -> Result<T, Reported> {
    text.parse().map_err(|fault| at.error(format!("`{text}` is not {what}: {fault}"), hint))
}

/// A value of `cn`. A warning is reported if it contains the type, as in a subject.
fn common_name(named: Text<'_>) -> Result<String, Reported> {
    let Text { text, at } = named;
    if let Some((kind, value)) = text.split_once('=')
        && kind.trim().eq_ignore_ascii_case("cn")
    {
        let hint = if value.contains(',') {
            format!("write `subject = [{}]` to compare the whole subject", toml_string(text))
        } else {
            format!("write `cn = [{}]`", toml_string(value.trim()))
        };
        at.warning(format!("`{text}` is compared with the value alone, without `CN=`"), hint);
    }
    name(named)
}

/// A value that is compared as text.
fn name(Text { text, at }: Text<'_>) -> Result<String, Reported> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(at.error(
            "no certificate has such a name: it is empty or contains control characters",
            "write the name exactly as in the certificate; `hookspool certs show FILE` prints it",
        ));
    }
    if text.contains('*') {
        let message = format!("`{text}` is compared exactly, and `*` is not a wildcard");
        at.warning(message, "write each name in full");
    } else if text.trim() != text {
        let message = format!("`{text}` begins or ends with a space, which is part of the name");
        at.warning(message, "remove it, unless the certificate contains it");
    }
    Ok(text.to_owned())
}
