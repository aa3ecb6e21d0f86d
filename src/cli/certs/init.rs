//! `hookspool certs init`: creates a throwaway PKI in a directory.

use std::path::{Path, PathBuf};

use super::next::next;
use super::owner::owner;
use crate::cli::args::InitArgs;
use crate::cli::exit::{Exit, Failure, shown};
use crate::cli::output::print;
use crate::clock::Clock;
use crate::devpki::{self, CreateError, KeyKind, Request, WriteError};

/// Writes the files and prints their paths.
///
/// # Errors
/// If a name is not valid, a file exists already, or a file cannot be written.
pub fn init(args: &InitArgs) -> Result<Exit, Failure> {
    let request = Request {
        clients: args.clients.clone(),
        hosts: args.hosts.clone(),
        keys: if args.rsa { KeyKind::Rsa2048 } else { KeyKind::EcdsaP256 },
    };
    let owner = args.owner.as_deref().map(owner).transpose()?;
    let files = devpki::make(&request, Clock::System.now()).map_err(not_made)?;
    let paths = devpki::write(&args.dir, &files, owner, args.force).map_err(|error| match error {
        WriteError::AlreadyExists { .. } => {
            Failure::CannotCreate(format!("{error}; `--force` replaces them").into())
        }
        WriteError::Io { .. } => not_written(error),
    })?;
    let mut text = String::new();
    for path in &paths {
        text.push_str(&format!("wrote {}\n", shown(path)));
    }
    text.push_str(
        "\nFor development only: they contain `O=hookspool development`, and `check` warns about them.\n",
    );
    text.push_str(&next(&args.dir, args.owner.is_some()));
    print(&text)?;
    Ok(Exit::Success)
}

/// Creates the PKI that the distributed webhooks.toml names.
///
/// # Errors
/// If a file exists already, or a file cannot be written.
pub fn make_default(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let files = devpki::make(&Request::default(), Clock::System.now()).map_err(not_made)?;
    devpki::write(folder, &files, None, false).map_err(not_written)
}

fn not_made(error: CreateError) -> Failure {
    match error {
        CreateError::Host(_)
        | CreateError::InternationalHost { .. }
        | CreateError::FileName(_)
        | CreateError::FileTaken(_)
        | CreateError::CommonName(_) => Failure::Usage(error.to_string()),
        CreateError::Library(why) => {
            Failure::Io { what: "cannot create a certificate".to_owned(), why: std::io::Error::other(why) }
        }
    }
}

pub(super) fn not_written(error: WriteError) -> Failure {
    match error {
        WriteError::AlreadyExists { .. } => Failure::CannotCreate(error.into()),
        WriteError::Io { path, source } => {
            Failure::Io { what: format!("cannot write `{}`", shown(&path)), why: source }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devpki::Root;
    use crate::metrics::RefusalReason;
    use crate::policy::{Matcher, Rule, Sender};
    use crate::tls::anchors::Anchor;
    use crate::tls::key_pair::KeyPair;
    use crate::tls::pem::{certificates, private_keys};
    use crate::tls::trust::{Eku, SenderTrust};
    use crate::tls::verifier::{SenderVerifier, TrustedSender};

    #[test]
    fn a_client_made_here_is_let_in_and_nobody_else() {
        let now = Clock::System.now();
        for kind in [KeyKind::EcdsaP256, KeyKind::Rsa2048] {
            let root = Root::new(kind, now).expect("a root");
            let anchor = Anchor::new(root.issued.certificate.clone()).expect("an anchor");
            let rule = Rule::new(vec![Matcher::Cn(vec!["client".to_owned()])]).expect("a rule");
            let sender = Sender { name: "test".parse().expect("a name"), rule };
            let trusted = TrustedSender {
                sender,
                trust: SenderTrust { anchors: vec![anchor], eku: Eku::Client, revocation: None },
            };
            let verifier = SenderVerifier::new(vec![trusted], Clock::fixed_at(now));
            let verify = |issued: devpki::Issued| verifier.verify(&issued.certificate, &[]);
            let admitted = verify(root.client("client").expect("a client")).expect("accepted");
            assert_eq!(admitted.identity.subject.as_str(), "CN=client,O=hookspool development");
            assert!(verify(root.client("other").expect("a client")).is_err());
            let server = verify(root.server(&[]).expect("a server")).expect_err("a server is no sender");
            assert_eq!(server.reason, RefusalReason::Purpose);
            let stranger = Root::new(kind, now).expect("a root");
            assert!(verify(stranger.client("client").expect("a client")).is_err());
        }
    }

    #[test]
    fn certificates_and_keys_are_pairs_as_they_stand_in_their_files() {
        for keys in [KeyKind::EcdsaP256, KeyKind::Rsa2048] {
            let files =
                devpki::make(&Request { keys, ..Request::default() }, Clock::System.now()).expect("made");
            for pair in files.chunks(2) {
                let chain = certificates(pair[0].pem.as_bytes()).expect("a certificate");
                let keys = private_keys(pair[1].pem.as_bytes()).expect("a key");
                KeyPair::new(chain, &keys).expect("a pair");
            }
        }
    }
}
