//! Credentials that systemd passes to a unit: `LoadCredential=`, `SetCredential=` (systemd.exec(5)).

use std::path::{Path, PathBuf};

/// The prefix of a credential in webhooks.toml.
pub const PREFIX: &str = "credential:";

/// A credential that is not available.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CredentialFault {
    /// The name is not that of a file in the credentials directory.
    #[error("is not the name of a credential")]
    Name,
    /// The process received no credentials.
    #[error("cannot be read: `$CREDENTIALS_DIRECTORY` is not set")]
    NoDirectory,
}

/// The directory with the credentials of this process; none if it received none.
pub fn directory() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The path of a credential.
///
/// # Errors
/// If there is no credentials directory, or the name cannot be that of a file in it.
pub fn path(name: &str) -> Result<PathBuf, CredentialFault> {
    path_in(directory().as_deref(), name)
}

fn path_in(directory: Option<&Path>, name: &str) -> Result<PathBuf, CredentialFault> {
    if name.is_empty() || name.contains(['/', '\0']) || [".", ".."].contains(&name) {
        return Err(CredentialFault::Name);
    }
    Ok(directory.ok_or(CredentialFault::NoDirectory)?.join(name))
}

/// Whether a file is a credential, which only the process can read, regardless of its mode.
pub fn is_credential(path: &Path) -> bool {
    directory().is_some_and(|directory| path.starts_with(directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credential_names_cannot_leave_the_directory() {
        let directory = Some(Path::new("/run/credentials/hookspool.service"));
        let path = path_in(directory, "server.key").expect("a name");
        assert_eq!(path, Path::new("/run/credentials/hookspool.service/server.key"));
        for name in ["", ".", "..", "../x", "a/b", "/etc/shadow"] {
            assert_eq!(path_in(directory, name), Err(CredentialFault::Name), "{name}");
        }
        assert_eq!(path_in(None, "server.key"), Err(CredentialFault::NoDirectory));
    }
}
