//! Files that the command line names, read once.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::exit::Failure;
use crate::tls::pem::FILE_BYTES_MAX;

/// The whole of a file of certificates or keys.
///
/// # Errors
/// When it is missing, cannot be read, or is larger than any such file.
pub fn read_pem(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|why| Failure::reading(path, why))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= FILE_BYTES_MAX) {
        return Ok(bytes);
    }
    let why = format!("it is larger than {FILE_BYTES_MAX} bytes, so it holds no certificate or key").into();
    Err(Failure::BadFile { path: path.to_owned(), why })
}
