//! The secret in a query. Lines: the name of the parameter, the secret, the query, suffixes.

use hookspool::policy::QuerySecret;

pub fn run(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let mut text = || lines.next().and_then(|line| str::from_utf8(line).ok());
    let (Some(name), Some(value), Some(query)) = (text(), text(), text()) else { return };
    let suffixes: Vec<_> = std::iter::from_fn(text).map(str::to_owned).collect();
    let Ok(secret) = QuerySecret::new(name, value) else {
        assert!(
            value.is_empty()
                || value.len() > 512
                || value.contains(|c: char| !c.is_ascii_graphic() || "\"#%&<>[\\]^`{|}".contains(c))
        );
        return;
    };
    assert_eq!(QuerySecret::from_file(name, format!("{value}\r\n").as_bytes()), Ok(secret.clone()));
    assert_eq!(secret.is_in(Some(query), &suffixes), is_in(name, value, query, &suffixes));
    let exact = format!("{name}={value}");
    if !name.contains(['&', '=']) {
        assert!(secret.is_in(Some(&exact), &suffixes));
        assert_eq!(secret.redact_query(&exact), format!("{name}=***"));
    }
    // Asterisks could form the secret again.
    if secret.is_long() && !value.contains('*') {
        for shown in [secret.redact_query(query), secret.redact(query)] {
            assert!(!shown.contains(value), "{shown}");
        }
    }
    assert!(!format!("{secret:?}").contains(value) || value.len() < 12 || name.contains(value));
}

/// Whether a parameter has the secret as its value; the last one may be followed by a suffix.
fn is_in(name: &str, value: &str, query: &str, suffixes: &[String]) -> bool {
    let parameters: Vec<_> = query.split('&').collect();
    let has = |parameter: &str, end: &str| {
        let (before, after) = parameter.split_once('=').unwrap_or((parameter, ""));
        before == name && after == format!("{value}{end}") && parameter.contains('=')
    };
    parameters.iter().any(|parameter| has(parameter, ""))
        || suffixes.iter().any(|suffix| parameters.last().is_some_and(|last| has(last, suffix)))
}
