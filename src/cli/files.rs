//! Reads files that the command line names. `-` is standard input.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::exit::Failure;
use crate::tls::pem::{FILE_BYTES_MAX, PemFault};

/// Whether a path of the command line is standard input. A file of that name is written as `./-`.
pub fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Checks that at most one of these paths is standard input, which can be read only once. Each comes with the name
/// that the message uses for it.
///
/// # Errors
/// If two of them are standard input.
pub fn stdin_at_most_once<'a>(
    named: impl IntoIterator<Item = (&'static str, &'a Path)>,
) -> Result<(), Failure> {
    let mut stdin = named.into_iter().filter(|(_, path)| is_stdin(path)).map(|(name, _)| name);
    match (stdin.next(), stdin.next()) {
        (Some(first), Some(second)) => Err(Failure::Usage(format!(
            "standard input (`-`) can be read only once, but both {first} and {second} name it"
        ))),
        _ => Ok(()),
    }
}

/// Whether a file exists.
///
/// # Errors
/// If that cannot be determined, for example because a directory above it is not accessible.
pub fn exists(path: &Path) -> Result<bool, Failure> {
    path.try_exists().map_err(|why| Failure::reading(path, why))
}

/// The failure of a file of certificates or keys, with the hint for correcting it.
pub fn not_pem(path: &Path, fault: PemFault) -> Failure {
    let hint = fault.hint();
    Failure::BadFile { path: path.to_owned(), why: format!("{fault}; {hint}").into() }
}

/// Reads a file of certificates or keys, or standard input.
///
/// # Errors
/// If it is missing, cannot be read, or is larger than [`FILE_BYTES_MAX`].
pub fn read_pem(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let most = FILE_BYTES_MAX + 1;
    let read = if is_stdin(path) {
        io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    read.map_err(|why| Failure::reading(path, why))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= FILE_BYTES_MAX) {
        return Ok(bytes);
    }
    let why = format!("it is larger than {FILE_BYTES_MAX} bytes, so it is not a certificate or key").into();
    Err(Failure::BadFile { path: path.to_owned(), why })
}
