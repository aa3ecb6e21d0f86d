//! Cuts and wraps text by the columns that it takes on a terminal.

use unicode_width::UnicodeWidthChar as _;

/// The columns that a text takes.
pub fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// The text, or as much of its beginning as fits, with an ellipsis.
pub fn cut(text: &str, columns: usize) -> String {
    if overflow(text, columns).is_none() {
        return text.to_owned();
    }
    let end = overflow(text, columns.saturating_sub(1)).unwrap_or(text.len());
    format!("{}…", &text[..end])
}

/// Divides a text into rows that fit: after a space if there is one, otherwise inside a word.
pub fn wrap(text: &str, columns: usize) -> Vec<&str> {
    let (mut rows, mut rest) = (Vec::new(), text);
    // A row has at least one character, even if that is wider than the columns.
    while let Some(end) = overflow(rest, columns).map(|end| end.max(rest.ceil_char_boundary(1))) {
        let is_word_complete = rest[end..].starts_with(' ');
        let space = rest[..end].rfind(' ').filter(|_| !is_word_complete);
        let at = space.map_or(end, |space| space + 1);
        let (row, next) = rest.split_at(at);
        rows.push(row.trim_end_matches(' '));
        rest = next.trim_start_matches(' ');
    }
    rows.push(rest);
    rows
}

/// The position of the first character that does not fit.
fn overflow(text: &str, columns: usize) -> Option<usize> {
    let mut used = 0;
    let is_beyond = |c: char| {
        used += c.width().unwrap_or(0);
        used > columns
    };
    text.find(is_beyond)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_cut_and_wrapped_at_the_column_where_it_ends() {
        assert_eq!([cut("abc", 3), cut("abcd", 3), cut("日本語", 5)], ["abc", "ab…", "日本…"]);
        assert_eq!(wrap("one two  three", 8), ["one two", "three"]);
        assert_eq!(wrap("one two", 7), ["one two"]);
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a 123456789", 4), ["a", "1234", "5678", "9"]);
        assert_eq!(wrap("日本語", 4), ["日本", "語"]);
        assert_eq!(wrap("", 4), [""]);
    }

    proptest! {
        #[test]
        fn no_row_is_wider_and_only_spaces_are_lost(text in "[a-c日 é]{0,60}", columns in 2..20_usize) {
            let rows = wrap(&text, columns);
            prop_assert!(rows.iter().all(|row| width(row) <= columns), "{rows:?}");
            prop_assert_eq!(rows.concat().replace(' ', ""), text.replace(' ', ""));
            prop_assert!(width(&cut(&text, columns)) <= columns);
        }
    }
}
