//! Whether PostgreSQL stores a text as `jsonb`.

use serde::de::IgnoredAny;

/// The text, if it is JSON that `jsonb` stores: in UTF-8, and without escapes of NUL or of half a surrogate pair.
/// PostgreSQL has further limits (digits of a number, depth of nesting, length of a string), on which it decides.
pub(super) fn storable(bytes: &[u8]) -> Option<&str> {
    let text = str::from_utf8(bytes).ok()?;
    // This parser does not recurse and does not build the value. It accepts any four hex digits after `\u`.
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    has_only_characters(text).then_some(text)
}

/// Whether each `\u` escape in this JSON is a character other than NUL. Backslashes are only in its strings.
fn has_only_characters(json: &str) -> bool {
    let mut rest = json;
    while let Some((_, escape)) = rest.split_once('\\') {
        rest = match code_unit(escape) {
            None => escape.get(1..).unwrap_or_default(),
            Some((0 | 0xDC00..=0xDFFF, _)) => return false,
            Some((0xD800..=0xDBFF, after)) => match after.strip_prefix('\\').and_then(code_unit) {
                Some((0xDC00..=0xDFFF, after)) => after,
                _ => return false,
            },
            Some((_, after)) => after,
        };
    }
    true
}

/// The code unit of an escape that begins after its backslash, and what follows it; none for `\n` and the like.
fn code_unit(escape: &str) -> Option<(u16, &str)> {
    let (digits, after) = escape.strip_prefix('u')?.split_at_checked(4)?;
    Some((u16::from_str_radix(digits, 16).ok()?, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn text_that_is_not_json_or_contains_nul_is_not_stored_as_json() {
        for text in ["{}", "null", " [1, \"a\\u00e7\\n\"]\r\n", "\"\\ud83d\\ude00\"", "\"\\\\u0000\"", "1e5"]
        {
            assert_eq!(storable(text.as_bytes()), Some(text), "{text}");
        }
        for text in [
            "",
            "pix=1",
            "<a/>",
            "{} {}",
            "{\"a\":}",
            "\u{FEFF}{}",
            "NaN",
            "\"\\u0000\"",
            "{\"\\u0000\":1}",
            "\"\0\"",
            "\"\\\\\\u0000\"",
            "\"\\ud83d\"",
            "\"\\ud83dx\"",
            "\"\\ud83d\\n\"",
            "\"\\ude00\"",
            "\"\\ud83d\\ud83d\"",
        ] {
            assert_eq!(storable(text.as_bytes()), None, "{text}");
        }
        assert_eq!(storable(b"\"\xE7\""), None, "ISO-8859-1");
    }

    #[test]
    fn deep_nesting_is_left_to_the_server() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert!(storable(deep.as_bytes()).is_some());
    }

    /// Whether a value contains no NUL.
    fn is_without_nul(value: &Value) -> bool {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => true,
            Value::String(text) => !text.contains('\0'),
            Value::Array(values) => values.iter().all(is_without_nul),
            Value::Object(map) => map.iter().all(|(key, value)| !key.contains('\0') && is_without_nul(value)),
        }
    }

    proptest! {
        #[test]
        fn strings_are_stored_if_they_are_json_without_nul(
            parts in prop::collection::vec(
                prop_oneof![
                    Just("\\"), Just("u"), Just("0000"), Just("0041"), Just("d83d"), Just("DE00"), Just("\\ud83d"),
                    Just("\\ude00"), Just("\\\\"), Just("\\u"), Just("\\n"), Just("ç"), Just("\""), Just("x"),
                ],
                0..12,
            ),
        ) {
            let text = format!("{{\"{}\":[1]}}", parts.concat());
            let parsed = serde_json::from_str::<Value>(&text);
            let expected = parsed.is_ok_and(|value| is_without_nul(&value));
            prop_assert_eq!(storable(text.as_bytes()).is_some(), expected, "{}", text);
        }

        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
            let _ = storable(&bytes);
        }
    }
}
