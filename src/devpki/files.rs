//! Names the files of a development PKI and writes them to a directory.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{Gid, Uid, fchown};

use super::authority::{CreateError, Issued, KeyKind, Root};

/// The file name of the root, without its extension.
const ROOT: &str = "root-ca";
/// The common name of the default client, and the file name of the first client.
const DEFAULT_CLIENT: &str = "client";

/// The contents of a PKI.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The common names of the clients. If empty, there is one client named `client`.
    pub clients: Vec<String>,
    /// The hosts of the server, in addition to the loopback names.
    pub hosts: Vec<String>,
    /// The algorithm of all keys.
    pub keys: KeyKind,
}

/// A file of a PKI.
#[derive(Clone)]
pub struct PkiFile {
    /// The file name.
    pub name: String,
    /// The content.
    pub pem: String,
    /// Whether it is a private key, which only its owner may read.
    pub secret: bool,
    /// Whether it is the private key of the root, which the daemon does not need.
    pub is_root_key: bool,
}

/// The owner of the files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Owner {
    /// The user.
    pub user: Uid,
    /// The group; `None` keeps the default.
    pub group: Option<Gid>,
}

/// Why the files cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Files already exist.
    #[error("`{}` already contains {}; no file was written to it", .folder.display(), list(names))]
    AlreadyExists {
        /// The directory.
        folder: PathBuf,
        /// The names of all existing files.
        names: Vec<String>,
    },
    /// The system returned an error.
    #[error("cannot write `{}`", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}

/// Creates the files of a PKI in memory. The files of the first client are named `client`, regardless of its common
/// name, because webhooks.toml and the guide refer to them. Those of each further client have its common name.
///
/// # Errors
/// If a name cannot be a common name or a file name, or no certificate can be created.
pub fn make(request: &Request, now: Timestamp) -> Result<Vec<PkiFile>, CreateError> {
    let default = [DEFAULT_CLIENT.to_owned()];
    let clients = if request.clients.is_empty() { &default[..] } else { &request.clients };
    let file_stems = file_stems(clients)?;
    let root = Root::new(request.keys, now)?;
    let mut files = Vec::new();
    files.extend(pair(ROOT, root.issued.clone()));
    files.extend(pair("server", root.server(&request.hosts)?));
    for (file_stem, common_name) in file_stems.iter().zip(clients) {
        files.extend(pair(file_stem, root.client(common_name)?));
    }
    Ok(files)
}

/// Writes the files to a directory, which is created if it is missing. Each is written under a temporary name and
/// renamed at the end, so that no incomplete file is ever visible under its name. The private key of the root stays
/// with the caller: its owner could issue a certificate for any sender.
///
/// # Errors
/// If any of them exists and `force` is not set (no file is written then), or an operation on the file system fails.
pub fn write(
    folder: &Path,
    files: &[PkiFile],
    owner: Option<Owner>,
    force: bool,
) -> Result<Vec<PathBuf>, WriteError> {
    let existing: Vec<_> = files
        .iter()
        .map(|file| &file.name)
        // A dangling symlink counts as an existing file.
        .filter(|name| fs::symlink_metadata(folder.join(name)).is_ok())
        .cloned()
        .collect();
    if !force && !existing.is_empty() {
        return Err(WriteError::AlreadyExists { folder: folder.to_owned(), names: existing });
    }
    let at = |path: &Path| {
        let path = path.to_owned();
        |source| WriteError::Io { path, source }
    };
    make_folder(folder, owner).map_err(at(folder))?;
    let mut drafts = Vec::new();
    for file in files {
        let draft = Draft::new(folder, file);
        draft.write(file, owner).map_err(at(&draft.target))?;
        drafts.push(draft);
    }
    let targets = drafts.iter().map(|draft| draft.target.clone()).collect();
    for draft in &drafts {
        fs::rename(&draft.path, &draft.target).map_err(at(&draft.target))?;
    }
    Ok(targets)
}

/// Creates the directory, if it is missing. With an owner, only that user can enter it.
fn make_folder(folder: &Path, owner: Option<Owner>) -> io::Result<()> {
    match owner {
        Some(owner) if !folder.try_exists()? => {
            folder.parent().map_or(Ok(()), fs::create_dir_all)?;
            DirBuilder::new().mode(0o700).create(folder)?;
            chown(folder, Some(owner.user.as_raw()), owner.group.map(Gid::as_raw))
        }
        Some(_) | None => fs::create_dir_all(folder),
    }
}

/// A file under its temporary name. Dropping it removes the file, unless it was renamed.
struct Draft {
    path: PathBuf,
    target: PathBuf,
}

impl Draft {
    fn new(folder: &Path, file: &PkiFile) -> Self {
        let path = folder.join(format!(".{}.{}.new", file.name, std::process::id()));
        Self { path, target: folder.join(&file.name) }
    }

    fn write(&self, file: &PkiFile, owner: Option<Owner>) -> io::Result<()> {
        // The mode is set at creation, so that others can never read a key.
        let mode = if file.secret { 0o600 } else { 0o644 };
        let mut out = OpenOptions::new().write(true).create_new(true).mode(mode).open(&self.path)?;
        out.write_all(file.pem.as_bytes())?;
        if let Some(owner) = owner.filter(|_| !file.is_root_key) {
            fchown(&out, Some(owner.user), owner.group)?;
        }
        out.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After the rename the file does not exist, and the error is ignored.
        let _ = fs::remove_file(&self.path);
    }
}

fn pair(file_stem: &str, issued: Issued) -> [PkiFile; 2] {
    [
        PkiFile {
            name: format!("{file_stem}.pem"),
            pem: issued.certificate_pem,
            secret: false,
            is_root_key: false,
        },
        PkiFile {
            name: format!("{file_stem}.key"),
            pem: issued.key_pem,
            secret: true,
            is_root_key: file_stem == ROOT,
        },
    ]
}

/// The file name of each client, without its extension.
fn file_stems(clients: &[String]) -> Result<Vec<&str>, CreateError> {
    let mut taken = vec![ROOT, "server", DEFAULT_CLIENT];
    for name in clients.iter().skip(1) {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.starts_with(['.', '-']) || !name.chars().all(fits) {
            return Err(CreateError::FileName(name.clone()));
        }
        if taken.contains(&name.as_str()) {
            return Err(CreateError::FileTaken(name.clone()));
        }
        taken.push(name);
    }
    Ok(taken.split_off(2))
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn files(clients: &[&str]) -> Result<Vec<PkiFile>, CreateError> {
        let clients = clients.iter().map(ToString::to_string).collect();
        make(&Request { clients, ..Request::default() }, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn keys_are_readable_only_by_their_owner_and_no_other_file_remains() {
        let folder = tempfile::tempdir().expect("a folder");
        let certs = folder.path().join("certs");
        write(&certs, &files(&[]).expect("files"), None, false).expect("written");
        let mut found: Vec<_> = fs::read_dir(&certs)
            .expect("a folder")
            .map(|entry| {
                let entry = entry.expect("an entry");
                let mode = entry.metadata().expect("metadata").permissions().mode() & 0o777;
                (entry.file_name().into_string().expect("text"), mode)
            })
            .collect();
        found.sort();
        let expected = [
            ("client.key", 0o600),
            ("client.pem", 0o644),
            ("root-ca.key", 0o600),
            ("root-ca.pem", 0o644),
            ("server.key", 0o600),
            ("server.pem", 0o644),
        ];
        assert_eq!(found, expected.map(|(name, mode)| (name.to_owned(), mode)));
    }

    #[test]
    fn no_file_is_written_if_any_exists() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("server.key"), "mine").expect("written");
        std::os::unix::fs::symlink("nowhere", folder.path().join("client.pem")).expect("linked");
        let files = files(&[]).expect("files");
        let refused = write(folder.path(), &files, None, false).expect_err("refused").to_string();
        assert!(refused.contains("`server.key`, `client.pem`"), "{refused}");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2);
        write(folder.path(), &files, None, true).expect("written by force");
        assert_ne!(fs::read(folder.path().join("server.key")).expect("a key"), b"mine");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 6);
    }

    #[test]
    fn files_of_the_first_client_are_named_client() {
        let root_keys: Vec<_> = files(&[])
            .expect("files")
            .into_iter()
            .filter(|file| file.is_root_key)
            .map(|file| file.name)
            .collect();
        assert_eq!(root_keys, ["root-ca.key"]);
        let names: Vec<_> =
            files(&["webhook.bank/x", "b-2"]).expect("files").into_iter().map(|file| file.name).collect();
        assert_eq!(names[4..], ["client.pem", "client.key", "b-2.pem", "b-2.key"]);
        for bad in ["../x", "a/b", ".x", "-x", "a b"] {
            assert!(matches!(files(&["a", bad]), Err(CreateError::FileName(_))), "{bad}");
        }
        for taken in ["server", "root-ca", "client"] {
            assert!(matches!(files(&["a", taken]), Err(CreateError::FileTaken(_))), "{taken}");
        }
        assert!(matches!(files(&["a", "b", "b"]), Err(CreateError::FileTaken(_))));
    }
}
