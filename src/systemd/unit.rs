//! The installed units of the package, read from their files, so that this works where systemd is not running.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The unit of `hookspool run`.
pub const DAEMON: &str = "hookspool.service";
/// The unit of `hookspool forward`.
pub const FORWARD: &str = "hookspool-forward.service";
/// The directories of unit files, the most important first (systemd.unit(5)).
const FOLDERS: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];
/// The settings that make directories below a root writable, with that root.
const OWN_FOLDERS: [(&str, &str); 4] = [
    ("StateDirectory", "/var/lib"),
    ("RuntimeDirectory", "/run"),
    ("CacheDirectory", "/var/cache"),
    ("LogsDirectory", "/var/log"),
];

/// The settings of the `[Service]` section, with those of the drop-ins.
#[derive(Clone, Debug)]
pub struct Unit {
    name: &'static str,
    settings: Vec<(String, String)>,
}

impl Unit {
    /// The installed unit; none if there is none, or it is masked.
    ///
    /// # Errors
    /// If the unit or a drop-in cannot be read.
    pub fn installed(name: &'static str) -> io::Result<Option<Self>> {
        Self::in_folders(name, &FOLDERS.map(Path::new))
    }

    fn in_folders(name: &'static str, folders: &[&Path]) -> io::Result<Option<Self>> {
        let mut text = String::new();
        for folder in folders {
            if let Some(found) = if_present(&folder.join(name), fs::read_to_string)? {
                text = found;
                break;
            }
        }
        if text.is_empty() {
            return Ok(None);
        }
        // Of drop-ins with the same name, the first counts; all are applied in the order of their names.
        let mut drop_ins = BTreeMap::new();
        let names = [format!("{name}.d"), "service.d".to_owned()];
        for folder in names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))) {
            for file in if_present(&folder, fs::read_dir)?.into_iter().flatten() {
                let file = file?;
                if file.path().extension().is_some_and(|end| end == "conf") {
                    drop_ins.entry(file.file_name()).or_insert_with(|| file.path());
                }
            }
        }
        let mut settings = service_section(&text);
        for file in drop_ins.values() {
            settings
                .extend(if_present(file, fs::read_to_string)?.iter().flat_map(|text| service_section(text)));
        }
        Ok(Some(Self { name, settings }))
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The last value of a setting.
    fn value(&self, key: &str) -> &str {
        let last = self.settings.iter().rev().find(|(name, _)| name == key);
        last.map_or("", |(_, value)| value)
    }

    /// The values of a setting that is a list. An empty value removes those before it.
    fn list(&self, key: &str) -> Vec<&str> {
        let mut values = Vec::new();
        for (_, value) in self.settings.iter().filter(|(name, _)| name == key) {
            if value.is_empty() {
                values.clear();
            }
            values.extend(value.split_whitespace());
        }
        values
    }

    /// The paths of a list, without the prefixes that systemd permits.
    fn paths(&self, key: &str) -> impl Iterator<Item = PathBuf> {
        let path = |text: &&str| PathBuf::from(text.trim_start_matches(['-', '+']));
        self.list(key).iter().map(path).collect::<Vec<_>>().into_iter()
    }

    fn is_on(&self, key: &str) -> bool {
        matches!(self.value(key), "yes" | "true" | "on" | "1")
    }

    /// The user that the unit runs as; none for root.
    pub fn user(&self) -> Option<&str> {
        Some(self.value("User")).filter(|user| !user.is_empty())
    }

    /// `MemoryMax=` in bytes; none if there is no limit, or it is a percentage.
    pub fn memory_max(&self) -> Option<u64> {
        bytes(self.value("MemoryMax"))
    }

    /// The hard limit of `LimitNOFILE=`; none if there is none.
    pub fn open_files_max(&self) -> Option<u64> {
        let value = self.value("LimitNOFILE");
        bytes(value.rsplit_once(':').map_or(value, |(_, hard)| hard))
    }

    /// The groups of the unit, besides those of its user.
    pub fn groups(&self) -> Vec<&str> {
        let own = Some(self.value("Group")).filter(|group| !group.is_empty());
        own.into_iter().chain(self.list("SupplementaryGroups")).collect()
    }

    /// The setting that hides a file from the unit, as it is written; none if the file is visible.
    pub fn hides(&self, path: &Path) -> Option<String> {
        let below = |folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
        let written = |key: &str| Some(format!("{key}={}", self.value(key)));
        if let Some(folder) = self.paths("InaccessiblePaths").find(|folder| path.starts_with(folder)) {
            return Some(format!("InaccessiblePaths={}", folder.display()));
        }
        if self.is_on("ProtectHome") && below(&HOMES) {
            return written("ProtectHome");
        }
        if self.is_bound(path, &["BindPaths", "BindReadOnlyPaths"]) {
            return None;
        }
        match () {
            () if self.value("ProtectHome") == "tmpfs" && below(&HOMES) => written("ProtectHome"),
            () if self.is_on("PrivateTmp") && below(&TEMPORARY) => written("PrivateTmp"),
            () => None,
        }
    }

    /// The setting that prevents the unit from writing to a directory, as it is written.
    pub fn write_protects(&self, path: &Path) -> Option<String> {
        let read_only: &[&str] = match self.value("ProtectSystem") {
            "strict" => &["/"],
            "full" => &["/usr", "/boot", "/efi", "/etc"],
            _ if self.is_on("ProtectSystem") => &["/usr", "/boot", "/efi"],
            _ => &[],
        };
        let own = OWN_FOLDERS.iter().flat_map(|(key, root)| {
            self.list(key)
                .into_iter()
                .map(|name| Path::new(root).join(name.split(':').next().unwrap_or(name)))
        });
        let mut writable = self.paths("ReadWritePaths").chain(own);
        let is_writable =
            writable.any(|folder| path.starts_with(folder)) || self.is_bound(path, &["BindPaths"]);
        if is_writable {
            None
        } else if read_only.iter().any(|folder| path.starts_with(folder)) {
            Some(format!("ProtectSystem={}", self.value("ProtectSystem")))
        } else {
            let is_home = HOMES.iter().any(|folder| path.starts_with(folder));
            (is_home && self.value("ProtectHome") == "read-only").then(|| "ProtectHome=read-only".to_owned())
        }
    }

    /// Whether one of these settings mounts a directory of the host at or above the path. Their format is
    /// `SOURCE[:DESTINATION[:OPTIONS]]`.
    fn is_bound(&self, path: &Path, keys: &[&str]) -> bool {
        let mut bound = keys.iter().flat_map(|key| self.list(key));
        bound.any(|text| {
            let mut parts = text.trim_start_matches('-').split(':');
            let source = parts.next().unwrap_or_default();
            path.starts_with(parts.next().unwrap_or(source))
        })
    }
}

/// A number with one of the suffixes of systemd.syntax(7), to the base of 1024.
fn bytes(value: &str) -> Option<u64> {
    let digits = value.trim_end_matches(|suffix: char| suffix.is_ascii_alphabetic());
    let factor = match value.strip_prefix(digits)? {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1 << 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// What `read` returns for a path; none if there is no file. An error names the path.
fn if_present<T>(path: &Path, read: impl FnOnce(PathBuf) -> io::Result<T>) -> io::Result<Option<T>> {
    match read(path.to_owned()) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))),
    }
}

/// The settings of the `[Service]` section. A backslash at the end of a line continues it.
fn service_section(text: &str) -> Vec<(String, String)> {
    let text = text.replace("\\\n", " ");
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    let mut is_service = false;
    let mut settings = Vec::new();
    for line in lines {
        if line.starts_with('[') {
            is_service = line == "[Service]";
        } else if let (true, Some((key, value))) = (is_service, line.split_once('=')) {
            settings.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(text: &str) -> Unit {
        Unit { name: DAEMON, settings: service_section(text) }
    }

    fn in_folders(folders: &[&Path]) -> Option<Unit> {
        Unit::in_folders(DAEMON, folders).expect("readable")
    }

    #[test]
    fn drop_ins_are_applied_in_order_and_the_first_folder_counts() {
        let root = tempfile::tempdir().expect("a folder");
        let [etc, usr] = ["etc", "usr"].map(|name| root.path().join(name));
        let folders = [etc.as_path(), usr.as_path()];
        for folder in folders {
            fs::create_dir_all(folder.join("hookspool.service.d")).expect("folders");
        }
        assert!(in_folders(&folders).is_none());
        fs::write(usr.join(DAEMON), "[Unit]\nUser=no\n[Service]\nUser=hookspool\nGroup=g\n").expect("a unit");
        for (folder, name, line) in [
            (&usr, "a.conf", "SupplementaryGroups=ssl \\\n  tls"),
            (&usr, "b.conf", "User=overridden"),
            (&etc, "b.conf", "User=other"),
            (&etc, "c.txt", "User=ignored"),
        ] {
            let path = folder.join("hookspool.service.d").join(name);
            fs::write(path, format!("[Service]\n{line}\n")).expect("a drop-in");
        }
        let unit = in_folders(&folders).expect("a unit");
        assert_eq!((unit.user(), unit.groups()), (Some("other"), vec!["g", "ssl", "tls"]));
        fs::create_dir(etc.join("hookspool.service.d/a.conf")).expect("not a file");
        let fault = Unit::in_folders(DAEMON, &folders).expect_err("it is not skipped").to_string();
        assert!(fault.contains("etc/hookspool.service.d/a.conf"), "{fault}");
        std::os::unix::fs::symlink("/dev/null", etc.join(DAEMON)).expect("masked");
        assert!(in_folders(&folders).is_none());
    }

    #[test]
    fn limits_are_read_with_their_suffixes() {
        let shipped = unit(include_str!("../../systemd/hookspool.service"));
        assert_eq!((shipped.memory_max(), shipped.open_files_max()), (Some(1 << 30), Some(65_536)));
        for (text, memory, files) in [
            ("MemoryMax=200M\nLimitNOFILE=1024:4K\n", Some(200 << 20), Some(4096)),
            ("MemoryMax=1G\nMemoryMax=512\nLimitNOFILE=infinity\n", Some(512), None),
            ("MemoryMax=50%\n", None, None),
            ("MemoryMax=99999999999999T\nLimitNOFILE=1X\n", None, None),
        ] {
            let unit = unit(&format!("[Service]\n{text}"));
            assert_eq!((unit.memory_max(), unit.open_files_max()), (memory, files), "{text}");
        }
    }

    #[test]
    fn hidden_files_are_those_of_the_settings() {
        let shipped = unit(include_str!("../../systemd/hookspool.service"));
        let hidden = |unit: &Unit, path: &str| unit.hides(Path::new(path));
        for (path, setting) in [
            ("/home/ana/key.pem", Some("ProtectHome=yes")),
            ("/root/key.pem", Some("ProtectHome=yes")),
            ("/homework/key.pem", None),
            ("/dev/shm/key.pem", Some("InaccessiblePaths=/dev/shm")),
            ("/tmp/key.pem", Some("PrivateTmp=yes")),
            ("/etc/letsencrypt/live/x/privkey.pem", None),
        ] {
            assert_eq!(hidden(&shipped, path).as_deref(), setting, "{path}");
        }
        let open = unit("[Service]\nInaccessiblePaths=-/srv/a\nInaccessiblePaths=\nProtectHome=read-only\n");
        assert!(hidden(&open, "/srv/a/x").is_none() && hidden(&open, "/home/x").is_none());
        let bound = unit("[Service]\nProtectHome=tmpfs\nBindReadOnlyPaths=/home/ana/certs\n");
        assert!(hidden(&bound, "/home/ana/certs/x").is_none());
        assert_eq!(hidden(&bound, "/home/ana/x").as_deref(), Some("ProtectHome=tmpfs"));
    }

    #[test]
    fn writable_directories_are_those_of_the_settings() {
        let shipped = unit(include_str!("../../systemd/hookspool.service"));
        let more = unit("[Service]\nProtectSystem=full\nReadWritePaths=/etc/x\nProtectHome=read-only\n");
        for (unit, path, setting) in [
            (&shipped, "/var/lib/hookspool/spool", None),
            (&shipped, "/run/hookspool", None),
            (&shipped, "/var/lib/hookspools", Some("ProtectSystem=strict")),
            (&shipped, "/srv/spool", Some("ProtectSystem=strict")),
            (&more, "/etc/spool", Some("ProtectSystem=full")),
            (&more, "/etc/x/spool", None),
            (&more, "/srv/spool", None),
            (&more, "/home/ana/spool", Some("ProtectHome=read-only")),
        ] {
            assert_eq!(unit.write_protects(Path::new(path)).as_deref(), setting, "{path}");
        }
    }
}
