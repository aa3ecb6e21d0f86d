//! `hookspool init`: writes a commented webhooks.toml and the development certificates that it names.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use super::args::ConfigInitArgs;
use super::certs::init::make_default;
use super::certs::next::next;
use super::exit::{Exit, Failure, shown};
use super::output::print;

/// The example of the repository, which names the files that `certs init` creates.
const EXAMPLE: &str = include_str!("../../webhooks.toml");

/// Writes the files that do not exist yet, and prints what was written and what was kept.
///
/// # Errors
/// If a file cannot be written. An existing file is not an error.
pub fn init(args: &ConfigInitArgs) -> Result<Exit, Failure> {
    // Without the leading `./` in what is printed.
    let folder = args.folder.strip_prefix(".").unwrap_or(&args.folder);
    let certs = folder.join("certs");
    let mut text = write_config(folder)?;
    if args.no_certs {
        text.push_str("\nNext: name your certificates in it, then hookspool check\n");
    } else {
        text.push_str(&match make_default(&certs) {
            Ok(paths) => paths.iter().map(|path| format!("wrote {}\n", shown(path))).collect(),
            Err(Failure::CannotCreate(why)) => format!("{why}\n"),
            Err(failure) => return Err(failure),
        });
        text.push('\n');
        text.push_str(&next(&certs, false));
    }
    print(&text)?;
    Ok(Exit::Success)
}

/// Writes webhooks.toml to a directory, which is created if it is missing, unless the file exists. Returns a line that
/// reports it.
///
/// # Errors
/// If the file cannot be written.
pub fn write_config(folder: &Path) -> Result<String, Failure> {
    let path = folder.join("webhooks.toml");
    let failed = |why| Failure::Io { what: format!("cannot write `{}`", shown(&path)), why };
    fs::create_dir_all(folder).map_err(failed)?;
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(mut file) => {
            file.write_all(EXAMPLE.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
            Ok(format!("wrote {}\n", shown(&path)))
        }
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {
            Ok(format!("`{}` already exists and is left unchanged\n", shown(&path)))
        }
        Err(why) => Err(failed(why)),
    }
}
