//! The throwaway PKI as files: their names, and how they are written to a directory.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{Gid, Uid, fchown};

use super::authority::{Issued, KeyKind, MakeError, Root};

/// The common name, and the file name, of a client nobody named.
const DEFAULT_CLIENT: &str = "client";

/// What a PKI is to be made of.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The clients' common names; none means one called `client`.
    pub clients: Vec<String>,
    /// What the server is called, beside the loopback names.
    pub hosts: Vec<String>,
    /// What kind of keys.
    pub keys: KeyKind,
}

/// One file to be written.
#[derive(Clone)]
pub struct PkiFile {
    /// Its name in the folder.
    pub name: String,
    /// What is in it.
    pub pem: String,
    /// Whether it is a private key, for its owner's eyes alone.
    pub secret: bool,
}

/// Who shall own the files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Owner {
    /// The user.
    pub user: Uid,
    /// The group, if it shall change.
    pub group: Option<Gid>,
}

/// Why the files were not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Files exist already; all of them are named.
    #[error("already in `{}`: {}; nothing was written, `--force` replaces them", .folder.display(), list(names))]
    InTheWay {
        /// The folder.
        folder: PathBuf,
        /// The names of the files.
        names: Vec<String>,
    },
    /// The system said no.
    #[error("cannot write `{}`", .path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Makes the files of a PKI in memory. The first client's are called `client`, whatever its common
/// name, because webhooks.toml and the guide name them; each further client's are called after it.
///
/// # Errors
/// When a name fits neither a certificate nor a file, or no certificate can be made.
pub fn make(request: &Request, now: Timestamp) -> Result<Vec<PkiFile>, MakeError> {
    let default = [DEFAULT_CLIENT.to_owned()];
    let clients = if request.clients.is_empty() { &default[..] } else { &request.clients };
    let stems = stems(clients)?;
    let root = Root::new(request.keys, now)?;
    let mut files = Vec::new();
    files.extend(pair("root-ca", root.issued.clone()));
    files.extend(pair("server", root.server(&request.hosts)?));
    for (stem, common_name) in stems.iter().zip(clients) {
        files.extend(pair(stem, root.client(common_name)?));
    }
    Ok(files)
}

/// Puts the files into a folder, which is made if it is missing. They are written under other
/// names and renamed at the end, so that nobody ever sees half of one.
///
/// # Errors
/// When, without `force`, any of them is there already (nothing is written then), or on I/O.
pub fn write(
    folder: &Path,
    files: &[PkiFile],
    owner: Option<Owner>,
    force: bool,
) -> Result<Vec<PathBuf>, WriteError> {
    let in_the_way: Vec<_> = files
        .iter()
        .map(|file| &file.name)
        // A dangling link is in the way as well.
        .filter(|name| fs::symlink_metadata(folder.join(name)).is_ok())
        .cloned()
        .collect();
    if !force && !in_the_way.is_empty() {
        return Err(WriteError::InTheWay { folder: folder.to_owned(), names: in_the_way });
    }
    let at = |path: &Path| {
        let path = path.to_owned();
        |source| WriteError::Io { path, source }
    };
    fs::create_dir_all(folder).map_err(at(folder))?;
    let mut drafts = Vec::new();
    for file in files {
        let draft = Draft::new(folder, file);
        draft.fill(file, owner).map_err(at(&draft.target))?;
        drafts.push(draft);
    }
    let targets = drafts.iter().map(|draft| draft.target.clone()).collect();
    for draft in &drafts {
        fs::rename(&draft.path, &draft.target).map_err(at(&draft.target))?;
    }
    Ok(targets)
}

/// A file under its temporary name, which is gone when this is dropped: renamed or removed.
struct Draft {
    path: PathBuf,
    target: PathBuf,
}

impl Draft {
    fn new(folder: &Path, file: &PkiFile) -> Self {
        let path = folder.join(format!(".{}.{}.new", file.name, std::process::id()));
        Self { path, target: folder.join(&file.name) }
    }

    fn fill(&self, file: &PkiFile, owner: Option<Owner>) -> io::Result<()> {
        // The mode is there from the first moment: a key is never readable by others, not briefly.
        let mode = if file.secret { 0o600 } else { 0o644 };
        let mut out = OpenOptions::new().write(true).create_new(true).mode(mode).open(&self.path)?;
        out.write_all(file.pem.as_bytes())?;
        if let Some(owner) = owner {
            fchown(&out, Some(owner.user), owner.group)?;
        }
        out.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After the rename there is nothing here, and that is as it should be.
        let _ = fs::remove_file(&self.path);
    }
}

fn pair(stem: &str, issued: Issued) -> [PkiFile; 2] {
    [
        PkiFile { name: format!("{stem}.pem"), pem: issued.certificate_pem, secret: false },
        PkiFile { name: format!("{stem}.key"), pem: issued.key_pem, secret: true },
    ]
}

/// The file name, without its ending, of each client.
fn stems(clients: &[String]) -> Result<Vec<&str>, MakeError> {
    let mut taken = vec!["root-ca", "server", DEFAULT_CLIENT];
    for name in clients.iter().skip(1) {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.starts_with(['.', '-']) || !name.chars().all(fits) {
            return Err(MakeError::FileName(name.clone()));
        }
        if taken.contains(&name.as_str()) {
            return Err(MakeError::FileTaken(name.clone()));
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

    fn files(clients: &[&str]) -> Result<Vec<PkiFile>, MakeError> {
        let clients = clients.iter().map(ToString::to_string).collect();
        make(&Request { clients, ..Request::default() }, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn keys_are_for_their_owner_alone_and_nothing_else_is_left() {
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
    fn nothing_is_written_when_anything_is_in_the_way() {
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
    fn the_first_client_is_called_client_and_the_others_by_name() {
        let names: Vec<_> =
            files(&["webhook.bank/x", "b-2"]).expect("files").into_iter().map(|file| file.name).collect();
        assert_eq!(names[4..], ["client.pem", "client.key", "b-2.pem", "b-2.key"]);
        for bad in ["../x", "a/b", ".x", "-x", "a b"] {
            assert!(matches!(files(&["a", bad]), Err(MakeError::FileName(_))), "{bad}");
        }
        for taken in ["server", "root-ca", "client"] {
            assert!(matches!(files(&["a", taken]), Err(MakeError::FileTaken(_))), "{taken}");
        }
        assert!(matches!(files(&["a", "b", "b"]), Err(MakeError::FileTaken(_))));
    }
}
