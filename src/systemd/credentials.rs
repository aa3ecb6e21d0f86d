//! Credentials that systemd gives to a unit: `LoadCredential=`, `SetCredential=` (systemd.exec(5)).

use std::path::{Path, PathBuf};

/// What a credential begins with in webhooks.toml.
pub const PREFIX: &str = "credential:";

/// A credential that is not available.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CredentialFault {
    /// It would lead out of the folder.
    #[error("is not the name of a credential")]
    Name,
    /// The process was given no credentials.
    #[error("cannot be read: `$CREDENTIALS_DIRECTORY` is not set")]
    NoDirectory,
}

/// The folder with the credentials of this process, if it was given one.
pub fn directory() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Where a credential is.
///
/// # Errors
/// When there is no folder of credentials, or the name cannot be one of a file in it.
pub fn path(name: &str) -> Result<PathBuf, CredentialFault> {
    path_in(directory().as_deref(), name)
}

fn path_in(directory: Option<&Path>, name: &str) -> Result<PathBuf, CredentialFault> {
    if name.is_empty() || name.contains(['/', '\0']) || [".", ".."].contains(&name) {
        return Err(CredentialFault::Name);
    }
    Ok(directory.ok_or(CredentialFault::NoDirectory)?.join(name))
}

/// Whether a file is a credential, which the process alone can read whatever its mode says.
pub fn holds(path: &Path) -> bool {
    directory().is_some_and(|directory| path.starts_with(directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_a_file_in_its_folder_and_nowhere_else() {
        let directory = Some(Path::new("/run/credentials/hookspool.service"));
        let path = path_in(directory, "server.key").expect("a name");
        assert_eq!(path, Path::new("/run/credentials/hookspool.service/server.key"));
        for name in ["", ".", "..", "../x", "a/b", "/etc/shadow"] {
            assert_eq!(path_in(directory, name), Err(CredentialFault::Name), "{name}");
        }
        assert_eq!(path_in(None, "server.key"), Err(CredentialFault::NoDirectory));
    }
}
