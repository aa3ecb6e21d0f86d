//! Subjects of NATS, and the wildcards of a stream's subjects.

/// Whether a stream with this subject stores messages of `subject`.
pub(super) fn accepts(stream_subject: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for wanted in stream_subject.split('.') {
        match (wanted, tokens.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(token)) if wanted == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wildcards_match_tokens() {
        for (stream, accepted, refused) in [
            ("a.b", &["a.b"][..], &["a", "a.b.c", "a.c", "ab", ""][..]),
            ("a.*", &["a.b", "a.*"], &["a", "a.b.c", "b.a"]),
            ("*.b", &["a.b"], &["a.c", "b"]),
            ("a.>", &["a.b", "a.b.c"], &["a", "b.a"]),
            (">", &["a", "a.b"], &[]),
        ] {
            for subject in accepted {
                assert!(accepts(stream, subject), "{stream} {subject}");
            }
            for subject in refused {
                assert!(!accepts(stream, subject), "{stream} {subject}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_subject_accepts_itself_with_any_token_replaced(
            tokens in prop::collection::vec("[a-z]{1,3}", 1..6), at in any::<prop::sample::Index>(),
        ) {
            let (subject, at) = (tokens.join("."), at.index(tokens.len()));
            let mut replaced = tokens.clone();
            replaced[at] = "*".to_owned();
            prop_assert!(accepts(&subject, &subject));
            prop_assert!(accepts(&replaced.join("."), &subject));
            replaced[at] = ">".to_owned();
            prop_assert!(accepts(&replaced[..=at].join("."), &subject));
            let longer = subject.clone() + ".more";
            prop_assert!(!accepts(&subject, &longer));
        }
    }
}
