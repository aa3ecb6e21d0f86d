//! The matchers of a `[[sender]]`: the requirements on its certificate.

use std::fmt::Display;
use std::str::FromStr;

use crate::config::text::{Reader, Reported, Text};
use crate::escape::toml_string;
use crate::hostname::ascii_form;
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
        matcher(sender, "san_dns", dns_name, Matcher::SanDns),
        matcher(sender, "san_uri", uri, Matcher::SanUri),
        matcher(sender, "san_ip", ip, Matcher::SanIp),
        matcher(sender, "san_email", mailbox, Matcher::SanEmail),
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
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(at.error(
            "no certificate matches this: a common name is not empty and contains no control characters, such as NUL",
            COMMON_NAME_HINT,
        ));
    }
    let length = text.chars().count();
    if length > COMMON_NAME_CHARS_MAX {
        at.warning(
            format!("no valid certificate contains this: a common name has at most {COMMON_NAME_CHARS_MAX} characters, not {length}"),
            COMMON_NAME_HINT,
        );
    }
    Ok(exact(named))
}

/// ub-common-name (RFC 5280, appendix A.1).
const COMMON_NAME_CHARS_MAX: usize = 64;
const COMMON_NAME_HINT: &str =
    "write 1 to 64 characters, exactly as in the certificate; `hookspool certs show FILE` prints them";

/// A value of `san_dns`.
fn dns_name(named: Text<'_>) -> Result<String, Reported> {
    if is_host(named.text) {
        return Ok(exact(named));
    }
    let hint = ascii_form(named.text).map_or_else(
        || {
            "write labels of 1 to 63 letters, digits, `-` and `_`, separated by dots, as in `webhook.bank.example`"
                .to_owned()
        },
        |ascii| format!("write the name as certificates contain it: `{ascii}`"),
    );
    Err(named.at.error(not_valid(named.text, "a DNS name"), hint))
}

/// A value of `san_uri`: a scheme, a colon and characters of RFC 3986.
fn uri(named: Text<'_>) -> Result<String, Reported> {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    let is_rest =
        |rest: &str| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_graphic() && !"<>\"".contains(c));
    if named.text.split_once(':').is_some_and(|(scheme, rest)| is_scheme(scheme) && is_rest(rest)) {
        return Ok(exact(named));
    }
    Err(named.at.error(
        not_valid(named.text, "a URI"),
        "write a scheme, `:` and ASCII characters without spaces, as in `spiffe://bank.example/pix` or `urn:bank:pix`",
    ))
}

/// A value of `san_email`: a mailbox, `@` and a host (RFC 5280, 4.2.1.6).
fn mailbox(named: Text<'_>) -> Result<String, Reported> {
    // A local part in quotation marks may contain spaces.
    let is_local = |local: &str| {
        let is_quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
        !local.is_empty() && local.chars().all(|c| c.is_ascii_graphic() || is_quoted && c == ' ')
    };
    if named.text.rsplit_once('@').is_some_and(|(local, host)| is_local(local) && is_host(host)) {
        return Ok(exact(named));
    }
    Err(named.at.error(
        not_valid(named.text, "an e-mail address"),
        "write a mailbox, `@` and a host in ASCII, as in `pix@bank.example`",
    ))
}

fn not_valid(text: &str, what: &str) -> String {
    format!("`{text}` is not {what}, so no valid certificate contains it")
}

/// Whether the text is a DNS name, also with `_` or a wildcard (RFC 5280, 4.2.1.6).
fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_valid = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'*');
        (1..=63).contains(&label.len()) && label.bytes().all(is_valid)
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

/// A value that is compared as text. A warning is reported if that is probably not intended.
fn exact(Text { text, at }: Text<'_>) -> String {
    if text.contains('*') {
        let message = format!("`{text}` is compared exactly, and `*` is not a wildcard");
        at.warning(message, "write each name in full");
    } else if text.trim() != text {
        let message = format!("`{text}` begins or ends with a space, which is part of the name");
        at.warning(message, "remove it, unless the certificate contains it");
    }
    text.to_owned()
}
