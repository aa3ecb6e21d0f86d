//! Placeholders in the path of a URL and in a subject: `{endpoint}`, `{event}`, `{sender}`, `{suffix}`,
//! `{params.NAME}`.

use std::fmt::Write as _;

use crate::spool::EnvelopeFacts;

/// The text for an event that is null.
const NONE: &str = "none";

/// A text with placeholders.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Text(String),
    Endpoint,
    Event,
    Sender,
    Suffix,
    Param(String),
}

/// Why a text is not a template.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TemplateFault {
    /// A placeholder has no end.
    #[error("`{{` without `}}`")]
    Open,
    /// There is no such placeholder.
    #[error(
        "`{{{0}}}` is not a placeholder: there are {{endpoint}}, {{event}}, {{sender}}, {{suffix}} and {{params.NAME}}"
    )]
    Unknown(String),
}

impl Template {
    /// Parses a text.
    ///
    /// # Errors
    /// If a placeholder has no end or is unknown.
    pub fn parse(text: &str) -> Result<Self, TemplateFault> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or(TemplateFault::Open)?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(match name {
                "endpoint" => Part::Endpoint,
                "event" => Part::Event,
                "sender" => Part::Sender,
                "suffix" => Part::Suffix,
                _ => match name.strip_prefix("params.") {
                    Some(param) => Part::Param(param.to_owned()),
                    None => return Err(TemplateFault::Unknown(name.to_owned())),
                },
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// The names of `{params.NAME}`.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Param(name) => Some(name.as_str()),
            Part::Text(_) | Part::Endpoint | Part::Event | Part::Sender | Part::Suffix => None,
        })
    }

    /// The text with one value in place of every placeholder.
    pub fn filled(&self, value: &str) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Endpoint | Part::Event | Part::Sender | Part::Suffix | Part::Param(_) => value.to_owned(),
        };
        self.0.iter().map(part).collect()
    }

    /// The path and query of a URL for an entry: values are percent-encoded (RFC 3986, section 2.1). A value never
    /// becomes a segment `.` or `..`.
    pub fn path(&self, facts: &EnvelopeFacts) -> String {
        let mut path = String::new();
        self.expand(facts, |part| match part {
            Expanded::Text(text) => path.push_str(text),
            Expanded::Suffix(event) => {
                for segment in event.split('/') {
                    path.push('/');
                    percent_encode(segment, &mut path);
                }
            }
            Expanded::Value(value) => percent_encode(value, &mut path),
            Expanded::NoSuffix => {}
        });
        path
    }

    /// The subject of a message for an entry: other bytes than `[A-Za-z0-9_-]` in values become `_`, as does an empty
    /// value. A suffix is `none` if there is no event, because no token of a subject may be empty.
    pub fn subject(&self, facts: &EnvelopeFacts) -> String {
        let mut subject = String::new();
        self.expand(facts, |part| match part {
            Expanded::Text(text) => subject.push_str(text),
            Expanded::Value(value) | Expanded::Suffix(value) => {
                let value = if value.is_empty() { "_" } else { value };
                subject.extend(value.bytes().map(|byte| if is_token(byte) { char::from(byte) } else { '_' }));
            }
            Expanded::NoSuffix => subject.push_str(NONE),
        });
        subject
    }

    /// The subjects of all entries, as one subject with wildcards: `a.b-{event}` is `a.*`. Values contain no dots, so
    /// a placeholder is part of exactly one token.
    pub fn subjects(&self) -> String {
        let marked = self.0.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Endpoint | Part::Event | Part::Sender | Part::Suffix | Part::Param(_) => "*",
        });
        let marked = marked.collect::<String>();
        let tokens = marked.split('.').map(|token| if token.contains('*') { "*" } else { token });
        tokens.collect::<Vec<_>>().join(".")
    }

    fn expand<'a>(&'a self, facts: &'a EnvelopeFacts, mut add: impl FnMut(Expanded<'a>)) {
        for part in &self.0 {
            match part {
                Part::Text(text) => add(Expanded::Text(text)),
                Part::Endpoint => add(Expanded::Value(&facts.endpoint)),
                Part::Event => add(Expanded::Value(facts.event.as_deref().unwrap_or(NONE))),
                Part::Sender => add(Expanded::Value(&facts.sender)),
                Part::Suffix => add(facts.event.as_deref().map_or(Expanded::NoSuffix, Expanded::Suffix)),
                Part::Param(name) => add(Expanded::Value(facts.params.get(name).map_or("", String::as_str))),
            }
        }
    }
}

enum Expanded<'a> {
    Text(&'a str),
    Value(&'a str),
    Suffix(&'a str),
    NoSuffix,
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Dots are encoded in a value of dots only, which could be or complete a segment `.` or `..`.
fn percent_encode(value: &str, out: &mut String) {
    let only_dots = value.bytes().all(|byte| byte == b'.');
    for byte in value.bytes() {
        if is_token(byte) || byte == b'~' || byte == b'.' && !only_dots {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts(event: Option<&str>, customer: &str) -> EnvelopeFacts {
        let facts = serde_json::json!({
            "id": "", "received_at": "", "endpoint": "pix", "sender": "efi", "event": event,
            "params": { "customer": customer }, "payload": { "length": 0, "sha256": "", "content_type": null },
        });
        serde_json::from_value(facts).expect("the keys of an envelope")
    }

    fn path(text: &str, event: Option<&str>, customer: &str) -> String {
        Template::parse(text).expect("a template").path(&facts(event, customer))
    }

    fn subject(text: &str, event: Option<&str>, customer: &str) -> String {
        Template::parse(text).expect("a template").subject(&facts(event, customer))
    }

    #[test]
    fn values_in_a_path_are_percent_encoded() {
        assert_eq!(path("/a/{endpoint}/{sender}?e={event}", Some("rec"), ""), "/a/pix/efi?e=rec");
        assert_eq!(path("/{params.customer}", None, "a/b c%?#é~"), "/a%2Fb%20c%25%3F%23%C3%A9~");
        assert_eq!(path("/{params.other}x", None, "1"), "/x");
    }

    #[test]
    fn null_event_is_none_and_its_suffix_is_empty_in_a_path() {
        assert_eq!(path("/a{suffix}?e={event}", None, ""), "/a?e=none");
        assert_eq!(path("/a{suffix}", Some("pix/new one"), ""), "/a/pix/new%20one");
        assert_eq!(subject("a.{event}.{suffix}", None, ""), "a.none.none");
    }

    #[test]
    fn values_in_a_subject_are_tokens() {
        assert_eq!(subject("w.{endpoint}.{params.customer}", None, "a.b *>é"), "w.pix.a_b_____");
        assert_eq!(subject("w.{params.customer}", None, ""), "w._");
        assert_eq!(subject("w.{suffix}", Some("pix/x"), ""), "w.pix_x");
    }

    #[test]
    fn value_of_dots_is_encoded() {
        for (value, encoded) in [(".", "%2E"), ("..", "%2E%2E"), ("..a", "..a"), ("v1.2", "v1.2")] {
            assert_eq!(path("/a/{params.customer}/b", None, value), format!("/a/{encoded}/b"));
        }
        assert_eq!(path("/a{suffix}", Some("../x"), ""), "/a/%2E%2E/x");
    }

    #[test]
    fn faults_name_the_placeholder() {
        assert_eq!(Template::parse("/a{b"), Err(TemplateFault::Open));
        for text in ["", "param.x", "Endpoint", "url"] {
            assert_eq!(
                Template::parse(&format!("/{{{text}}}")),
                Err(TemplateFault::Unknown(text.to_owned()))
            );
        }
        let params: Vec<_> = Template::parse("/{params.a}/{event}/{params.b}")
            .expect("a template")
            .params()
            .map(str::to_owned)
            .collect();
        assert_eq!(params, ["a", "b"]);
    }

    proptest! {
        #[test]
        fn no_value_adds_a_segment_of_dots_or_another_part_of_a_url(
            event in proptest::option::of(".{0,4}|\\.{0,3}"),
            customer in ".{0,4}|\\.{0,3}",
        ) {
            let path = path("/a/{params.customer}/{params.customer}{event}/{event}{suffix}/b", event.as_deref(), &customer);
            prop_assert!(path.split('/').all(|segment| segment != "." && segment != ".."), "{}", path);
            prop_assert!(path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#{}".contains(&byte)), "{}", path);
        }

        #[test]
        fn no_value_adds_a_token_or_a_wildcard_to_a_subject(
            event in proptest::option::of(".{0,6}"),
            customer in ".{0,6}",
        ) {
            let subject = subject("w.{event}.{params.customer}.{suffix}", event.as_deref(), &customer);
            let tokens: Vec<_> = subject.split('.').collect();
            prop_assert_eq!(tokens.len(), 4);
            prop_assert!(tokens.iter().all(|token| !token.is_empty() && token.bytes().all(is_token)), "{}", subject);
        }
    }
}
