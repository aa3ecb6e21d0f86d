//! Private files that other users can access, and how to prevent it on a host and in containers.

use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path};

use crate::config::files::Contents;
use crate::systemd::credentials;

/// A description of a file that other users can access, and a hint. The group may read it, for a daemon with a
/// separate user.
pub(crate) fn open_to_all(file: &Contents) -> Option<(String, String)> {
    if file.mode & 0o007 == 0 || credentials::is_credential(&file.path) {
        return None;
    }
    let (path, mode) = (file.path.display(), file.mode & 0o7777);
    let message = format!("`{path}` can be read or changed by every user of this machine (mode {mode:04o})");
    Some((message, private_file_hint(&file.path)))
}

/// The mechanism that created a file, which determines its mode.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mount {
    /// Docker, Docker Compose, Docker Swarm and Podman mount secrets at `/run/secrets`.
    Docker,
    /// A volume of Kubernetes: every name is a symlink through `..data`.
    Kubernetes,
    /// A file of the host, or one that cannot be recognized.
    Host,
}

fn private_file_hint(path: &Path) -> String {
    let real = fs::canonicalize(path);
    match mount(path, real.as_deref().unwrap_or(path)) {
        Mount::Docker => {
            "Docker Swarm: set `mode: 0400` and `uid` for the secret in the service; Docker Compose keeps the mode of the file on the host: `chmod 0400` there, and `chown` it to the container's user".to_owned()
        }
        Mount::Kubernetes => {
            "set `defaultMode: 0440` for the volume, and `fsGroup` to the group of the container's user".to_owned()
        }
        Mount::Host => format!("`chmod o-rwx {}`", path.display()),
    }
}

fn mount(path: &Path, real: &Path) -> Mount {
    // `..data` is a symlink to a directory such as `..2026_11_23_14_01_00.123456789`.
    let is_versioned = |component: Component<'_>| matches!(component, Component::Normal(name) if name.as_encoded_bytes().starts_with(b".."));
    let secrets = ["/run/secrets", "/var/run/secrets"];
    let below =
        |path: &Path| secrets.iter().find_map(|folder| path.strip_prefix(folder).ok().map(Path::to_owned));
    match below(path).or_else(|| below(real)) {
        _ if path.components().chain(real.components()).any(is_versioned) => Mount::Kubernetes,
        Some(name)
            if name.components().next().map(Component::as_os_str) == Some(OsStr::new("kubernetes.io")) =>
        {
            Mount::Kubernetes
        }
        Some(_) => Mount::Docker,
        None => Mount::Host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_file_shows_who_mounted_it() {
        for (path, real, expected) in [
            ("/run/secrets/server.key", "/run/secrets/server.key", Mount::Docker),
            ("/var/run/secrets/key", "/run/secrets/key", Mount::Docker),
            ("/etc/hookspool/server.key", "/run/secrets/server.key", Mount::Docker),
            ("/run/secrets/kubernetes.io/serviceaccount/token", "/x", Mount::Kubernetes),
            ("/run/secrets/bank/key", "/run/secrets/bank/..2026_11_23/key", Mount::Kubernetes),
            ("/certs/server.key", "/certs/..2026_11_23_14_01_00.123/server.key", Mount::Kubernetes),
            ("/certs/..data/server.key", "/certs/x/server.key", Mount::Kubernetes),
            ("/etc/../certs/server.key", "/certs/server.key", Mount::Host),
            ("/run/secretsx/key", "/run/secretsx/key", Mount::Host),
            ("certs/server.key", "/etc/hookspool/certs/server.key", Mount::Host),
        ] {
            assert_eq!(mount(Path::new(path), Path::new(real)), expected, "{path}");
        }
    }

    #[test]
    fn the_hint_is_one_that_can_be_followed_there() {
        assert!(private_file_hint(Path::new("/run/secrets/server.key")).contains("`mode: 0400` and `uid`"));
        assert_eq!(private_file_hint(Path::new("certs/nowhere.key")), "`chmod o-rwx certs/nowhere.key`");
    }
}
