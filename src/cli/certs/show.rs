//! `hookspool certs show`: shows the contents of certificate files.

use std::fmt::Write as _;
use std::path::Path;

use rustls_pki_types::PrivateKeyDer;
use serde::Serialize;
use serde_json::Value;

use super::report::{BesideIssuer, CertificateReport, FileReport, SenderLines};
use super::split::split;
use crate::cli::args::ShowArgs;
use crate::cli::exit::{Exit, Failure, shown};
use crate::cli::files::{is_stdin, not_pem, read_pem};
use crate::cli::output::{print, print_json};
use crate::clock::Clock;
use crate::escape::{Escaped, not_ascii, toml_string};
use crate::identity::Identity;
use crate::tls::anchors::Anchor;
use crate::tls::pem::{self, FileUse, PemFault, private_keys, unused};

/// The document that `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    files: &'a [FileReport],
}

/// Shows every file. All are read before anything is printed, so a fault is never overlooked.
///
/// # Errors
/// If a file is missing or contains neither a certificate nor a key, or `--split` cannot write a file.
pub fn show(args: &ShowArgs) -> Result<Exit, Failure> {
    if args.files.iter().filter(|path| is_stdin(path)).count() > 1 {
        let why = "standard input (`-`) can be read only once, but is named more than once";
        return Err(Failure::Usage(why.to_owned()));
    }
    let mut certificates = Vec::new();
    let mut reports = Vec::new();
    for path in &args.files {
        reports.push(report(path, &mut certificates)?);
    }
    if let Some(folder) = &args.split {
        let paths = split(folder, &certificates)?;
        let shown = reports.iter_mut().flat_map(|report| &mut report.certificates);
        for (report, (identity, _)) in shown.zip(&certificates) {
            report.written_to = paths.get(&identity.sha256).cloned();
        }
    }
    if args.json {
        print_json(&Document { files: &reports })?;
    } else {
        let pages: Vec<_> = reports.iter().map(page).collect();
        print(&pages.join("\n"))?;
    }
    Ok(Exit::Success)
}

/// Reports one file, and appends its certificates.
fn report(path: &Path, certificates: &mut Vec<(Identity, Vec<u8>)>) -> Result<FileReport, Failure> {
    let bytes = read_pem(path)?;
    let bad = |why: crate::cli::exit::BoxError| Failure::BadFile { path: path.to_owned(), why };
    let private_keys = match private_keys(&bytes) {
        Ok(keys) => keys.iter().map(|key| kind(key)).collect(),
        Err(PemFault::EncryptedKey) => vec!["encrypted"],
        Err(_) => Vec::new(),
    };
    let found = match pem::certificates(&bytes) {
        Ok(found) => found,
        Err(PemFault::Missing { .. }) if !private_keys.is_empty() => Vec::new(),
        Err(fault) => return Err(not_pem(path, fault)),
    };
    let now = Clock::System.now();
    let mut reports = Vec::new();
    let mut anchors = Vec::new();
    for der in found {
        let identity = Identity::from_der(&der).map_err(|fault| bad(fault.into()))?;
        reports.push(CertificateReport::new(&identity, now));
        certificates.push((identity, der.to_vec()));
        anchors.extend(Anchor::new(der));
    }
    let other_blocks = unused(&bytes, FileUse::Chain);
    let other_blocks = other_blocks.iter().map(|(line, label)| format!("line {line}: {label}")).collect();
    Ok(FileReport {
        file: path.to_string_lossy().into_owned(),
        certificates: reports,
        private_keys,
        beside_issuer: beside_issuer(&anchors),
        other_blocks,
    })
}

fn beside_issuer(anchors: &[Anchor]) -> Vec<BesideIssuer> {
    let beside = |anchor: &Anchor| {
        let issuer = anchors.iter().find(|issuer| issuer.issued(anchor))?;
        Some(BesideIssuer {
            subject: anchor.identity.subject.to_string(),
            issuer: issuer.identity.subject.to_string(),
        })
    };
    anchors.iter().filter_map(beside).collect()
}

fn kind(key: &PrivateKeyDer<'_>) -> &'static str {
    match key {
        PrivateKeyDer::Pkcs1(_) => "PKCS#1",
        PrivateKeyDer::Sec1(_) => "SEC1",
        PrivateKeyDer::Pkcs8(_) => "PKCS#8",
        _ => "unknown kind",
    }
}

fn page(file: &FileReport) -> String {
    let path = Path::new(&file.file);
    let named =
        if is_stdin(path) { "[]  # its file".to_owned() } else { format!("[{}]", toml_string(&file.file)) };
    let mut out = format!("\x1b[1m{}\x1b[0m\n", shown(path));
    for (index, certificate) in file.certificates.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        write_certificate(&mut out, certificate);
        if let Some(sender) = &certificate.sender {
            let itself =
                if is_stdin(path) { named.clone() } else { format!("{named}  # this certificate itself") };
            let ca = if certificate.can_issue { &itself } else { "[]  # the file of the CA that issued it" };
            write_sender(&mut out, sender, ca);
        }
        if certificate.can_issue {
            let _ = writeln!(out, "\n  # as the CA of a sender:\n  ca = {named}");
        }
    }
    for BesideIssuer { subject, issuer } in &file.beside_issuer {
        let (subject, issuer) = (Escaped(subject), Escaped(issuer));
        let _ = writeln!(
            out,
            "\n  # `ca = {named}` holds {subject} and its issuer {issuer}:\n  # whatever {issuer} signs counts; \
             name {subject} alone to trust only it (--split DIR)",
        );
    }
    for kind in &file.private_keys {
        let _ = writeln!(out, "  private key   {kind} (not shown)");
    }
    for block in &file.other_blocks {
        let _ = writeln!(out, "  not read      {block}");
    }
    out
}

fn write_certificate(out: &mut String, it: &CertificateReport) {
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "  {name:<13} {}", Escaped(value));
    };
    line("subject", &it.subject);
    line("issuer", &it.issuer);
    line("serial", &it.serial);
    line("not before", &it.not_before);
    line("not after", &format!("{} ({})", it.not_after, it.validity));
    line("version", it.version);
    line("key", &it.key);
    line("purposes", it.purposes);
    line("sha256", &it.sha256);
    line("spki_sha256", &it.spki_sha256);
    match (&it.common_name, &it.common_name_fault) {
        (Some(name), _) => line("common name", name),
        (None, Some(fault)) => line("common name", &format!("none that a rule can require: {fault}")),
        (None, None) => {}
    }
    let names = &it.alternative_names;
    for (kind, values) in
        [("san_dns", &names.dns), ("san_uri", &names.uri), ("san_ip", &names.ip), ("san_email", &names.email)]
    {
        for value in values {
            line(kind, value);
        }
    }
    match &it.cannot_issue {
        Some(why) => line("can issue", &format!("no: {why}")),
        None => line("can issue", "yes"),
    }
    if let Some(path) = &it.written_to {
        line("written to", path);
    }
}

fn write_sender(out: &mut String, sender: &SenderLines, ca: &str) {
    let _ = write!(out, "\n  [[sender]]\n  name = {}\n  ca = {ca}\n", toml_string(&sender.name));
    for (index, (matcher, values)) in sender.matchers.iter().enumerate() {
        // One kind identifies the sender; every further one narrows the match.
        let mark = if index == 0 { "" } else { "# " };
        let texts = || values.as_array().into_iter().flatten().filter_map(Value::as_str);
        let values = texts().map(toml_string).collect::<Vec<_>>().join(", ");
        let remark = not_ascii(texts()).map(|remark| format!("  # {remark}")).unwrap_or_default();
        let _ = writeln!(out, "  {mark}{matcher} = [{values}]{remark}");
    }
}
