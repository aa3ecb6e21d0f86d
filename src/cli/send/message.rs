//! The headers and the body from the command line.

use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::cli::exit::Failure;
use crate::cli::files::is_stdin;
use crate::escape::Escaped;

/// The headers of `--header 'Name: value'`.
pub(super) fn headers(lines: &[String]) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = parse(line).ok_or_else(|| {
            // The value is not shown: it may be a password or a token.
            let name = line.split(':').next().unwrap_or_default();
            let name = if name.len() < line.len() { format!(" `{}`", Escaped(name)) } else { String::new() };
            Failure::Usage(format!("`--header`: this is not a header{name}: expected `Name: value`"))
        })?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn parse(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    Some((name.parse().ok()?, HeaderValue::from_str(value.trim()).ok()?))
}

/// The body: a file, or standard input.
pub(super) fn body(file: Option<&Path>) -> Result<Bytes, Failure> {
    match file {
        Some(path) if !is_stdin(path) => {
            std::fs::read(path).map(Bytes::from).map_err(|why| Failure::reading(path, why))
        }
        None if io::stdin().is_terminal() => {
            Err(Failure::Usage("no body is given; name a file, or `-` for standard input".to_owned()))
        }
        Some(_) | None => {
            let mut bytes = Vec::new();
            io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .map_err(|why| Failure::Io { what: "cannot read standard input".to_owned(), why })?;
            Ok(bytes.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_a_name_a_colon_and_a_value() {
        let lines = ["X-A: 1".to_owned(), "x-a:2:3".to_owned(), "Empty:".to_owned()];
        let headers = headers(&lines).expect("headers");
        let values: Vec<_> = headers.get_all("x-a").iter().collect();
        assert_eq!(values, ["1", "2:3"]);
        assert_eq!(headers["empty"], "");
        for bad in ["x", ": y", "a b: c", "x: a\nb"] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
