//! The commands that follow the creation of certificates, for the place where they are.

use std::path::{Path, absolute};

use crate::cli::output::shell_word;

/// The directory of the packaged service, which is started by systemd and accepts connections on port 443.
const PACKAGED: &str = "/etc/hookspool";

/// The commands that start a daemon with the certificates in `folder`, and deliver a Pix to it.
pub fn next(folder: &Path, has_owner: bool) -> String {
    let folder = absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let file = |name: &str| shell_word(&folder.join(name));
    let (start, authority) = if folder.starts_with(PACKAGED) {
        let owner = if has_owner {
            String::new()
        } else {
            format!("  chown hookspool {} {}\n", file("server.pem"), file("server.key"))
        };
        (format!("{owner}  systemctl enable --now hookspool.socket hookspool.service\n"), "localhost")
    } else {
        (run(folder.parent().unwrap_or(&folder)), "localhost:8443")
    };
    format!(
        "Next:\n{start}and in another terminal:\n  cd {} && echo '{{\"pix\":[{{\"valor\":\"1.00\"}}]}}' |\n    \
         hookspool send https://{authority}/webhooks/pix/pix \\\n    \
         --cert client.pem --key client.key --ca root-ca.pem\n",
        shell_word(&folder),
    )
}

fn run(above: &Path) -> String {
    let config = above.join("webhooks.toml");
    let init = if config.exists() {
        String::new()
    } else {
        format!("  hookspool init --no-certs {}\n", shell_word(above))
    };
    format!("{init}  hookspool run --config {}\n", shell_word(&config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packaged_service_is_started_by_systemd_and_needs_its_key() {
        let owned = next(Path::new("/etc/hookspool/certs"), true);
        assert!(owned.contains("systemctl enable --now hookspool.socket hookspool.service"), "{owned}");
        assert!(owned.contains("https://localhost/webhooks") && !owned.contains("hookspool run"), "{owned}");
        assert!(!owned.contains("chown"), "{owned}");
        let not_owned = next(Path::new("/etc/hookspool/certs"), false);
        assert!(not_owned.contains("chown hookspool /etc/hookspool/certs/server.pem "), "{not_owned}");
    }

    #[test]
    fn elsewhere_a_missing_configuration_is_written_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let certs = folder.path().join("my certs");
        let text = next(&certs, false);
        assert!(text.contains("  hookspool init --no-certs ") && text.contains(":8443/"), "{text}");
        assert!(text.contains(&format!("cd '{}' &&", certs.display())), "{text}");
        std::fs::write(folder.path().join("webhooks.toml"), "").expect("written");
        assert!(!next(&certs, false).contains("init"), "the configuration exists");
    }
}
