//! The language of the pages.

use super::words::{ENGLISH, PORTUGUESE, Words};

/// A language of the pages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Language {
    English,
    Portuguese,
}

impl Language {
    pub(super) const ALL: [Self; 2] = [Self::English, Self::Portuguese];

    /// The code of RFC 5646.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Portuguese => "pt",
        }
    }

    /// The name of the language in the language itself.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Portuguese => "Português",
        }
    }

    pub(super) fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::Portuguese => &PORTUGUESE,
        }
    }

    /// The language with a code.
    pub(super) fn named(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(code))
    }

    /// The language that `Accept-Language` prefers (RFC 9110, section 12.5.4); English if it names none of ours.
    pub(super) fn accepted(header: &str) -> Self {
        let preferred = header.split(',').enumerate().filter_map(|(position, item)| {
            let (range, parameter) = item.split_once(';').unwrap_or((item, ""));
            let language = Self::named(range.trim().split('-').next()?)?;
            let weight = parameter
                .trim()
                .strip_prefix("q=")
                .map_or(Some(1.0), |weight| weight.trim().parse::<f32>().ok())?;
            (weight > 0.0).then_some((language, weight, position))
        });
        let best = preferred.max_by(|(_, a, first), (_, b, second)| a.total_cmp(b).then(second.cmp(first)));
        best.map_or(Self::English, |(language, ..)| language)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_language_is_chosen() {
        for (header, expected) in [
            ("", "en"),
            ("pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7", "pt"),
            ("en-US,en;q=0.9,pt;q=0.8", "en"),
            ("de,pt;q=0.2", "pt"),
            ("en;q=0.5, PT;q=0.6", "pt"),
            ("pt;q=0", "en"),
            ("pt;q=x", "en"),
            ("de", "en"),
            ("ptx", "en"),
        ] {
            assert_eq!(Language::accepted(header).code(), expected, "{header}");
        }
    }
}
