//! Placeholders in the path of a URL and in a subject: `{endpoint}`, `{event}`, `{sender}`, `{suffix}`,
//! `{params.NAME}`.

use std::fmt::Write as _;

use crate::spool::EnvelopeFacts;

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

    /// The path and query of a URL for an entry: values are percent-encoded (RFC 3986, section 2.1).
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
        });
        path
    }

    /// The subject of a message for an entry: other bytes than `[A-Za-z0-9_-]` in values become `_`.
    pub fn subject(&self, facts: &EnvelopeFacts) -> String {
        let mut subject = String::new();
        self.expand(facts, |part| match part {
            Expanded::Text(text) => subject.push_str(text),
            Expanded::Value(value) | Expanded::Suffix(value) => {
                subject.extend(value.bytes().map(|byte| if is_token(byte) { char::from(byte) } else { '_' }));
            }
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
                Part::Event => add(Expanded::Value(facts.event.as_deref().unwrap_or("none"))),
                Part::Sender => add(Expanded::Value(&facts.sender)),
                Part::Suffix => {
                    if let Some(event) = &facts.event {
                        add(Expanded::Suffix(event));
                    }
                }
                Part::Param(name) => add(Expanded::Value(facts.params.get(name).map_or("", String::as_str))),
            }
        }
    }
}

enum Expanded<'a> {
    Text(&'a str),
    Value(&'a str),
    Suffix(&'a str),
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn percent_encode(value: &str, out: &mut String) {
    for byte in value.bytes() {
        if is_token(byte) || matches!(byte, b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}
