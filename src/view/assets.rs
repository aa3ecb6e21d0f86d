//! The style sheet and the scripts. Their names contain a digest of their contents, so that browsers may keep them.

use crate::envelope::PayloadDigest;

/// A file of the page.
#[derive(Debug)]
pub(super) struct Asset {
    /// The name, with the digest.
    pub(super) name: String,
    pub(super) content_type: &'static str,
    pub(super) content: &'static str,
}

/// The files of the page.
#[derive(Debug)]
pub(super) struct Assets {
    pub(super) style: Asset,
    pub(super) script: Asset,
    /// The script of the button that stops a list. It runs before the list is complete.
    pub(super) stop: Asset,
}

impl Assets {
    pub(super) fn new() -> Self {
        Self {
            style: asset("style", "css", "text/css; charset=utf-8", include_str!("assets/style.css")),
            script: asset("page", "js", "text/javascript; charset=utf-8", include_str!("assets/page.js")),
            stop: asset("stop", "js", "text/javascript; charset=utf-8", include_str!("assets/stop.js")),
        }
    }

    /// The file with this name.
    pub(super) fn named(&self, name: &str) -> Option<&Asset> {
        [&self.style, &self.script, &self.stop].into_iter().find(|asset| asset.name == name)
    }
}

fn asset(stem: &str, extension: &str, content_type: &'static str, content: &'static str) -> Asset {
    let mut digest = PayloadDigest::default();
    digest.update(content.as_bytes());
    let digest = digest.finish().to_string();
    Asset { name: format!("{stem}-{}.{extension}", &digest[..16]), content_type, content }
}
