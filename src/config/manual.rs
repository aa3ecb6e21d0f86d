//! The text of webhooks.toml(5) on each key. A test compares it with the supported keys.

/// One key in the manual.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The table, as in [`super::keys::TableKeys::name`].
    pub table: &'static str,
    /// The key.
    pub key: &'static str,
    /// The type of the value.
    pub kind: &'static str,
    /// The default; `required` if there is none.
    pub default: &'static str,
    /// The description, in full sentences.
    pub description: &'static str,
}

const fn row(
    table: &'static str,
    key: &'static str,
    kind: &'static str,
    default: &'static str,
    description: &'static str,
) -> Row {
    Row { table, key, kind, default, description }
}

const ADDRESSES: &str = "string or list of strings";
const FILE: &str = "path or credential:NAME";
const TEXTS: &str = "string or list of strings";

/// Every supported key, in the order of the page.
pub const ROWS: &[Row] = &[
    row(
        "[server]",
        "listen",
        ADDRESSES,
        "\"127.0.0.1:8443\"",
        "The addresses that senders connect to: addresses with a port, `systemd` for the sockets that systemd passes, or `systemd:NAME` for those of that FileDescriptorName=.",
    ),
    row(
        "[server]",
        "max_connections",
        "number",
        "8192",
        "The largest number of concurrent connections; further ones wait until one ends.",
    ),
    row(
        "[server]",
        "handshake_timeout",
        "time",
        "\"10s\"",
        "The time from accept to the end of the TLS handshake.",
    ),
    row(
        "[server]",
        "header_timeout",
        "time",
        "\"15s\"",
        "The time from the first byte of a request to the end of its headers.",
    ),
    row(
        "[server]",
        "body_timeout",
        "time",
        "\"30s\"",
        "The time from the headers to the last byte of the body.",
    ),
    row(
        "[server]",
        "idle_timeout",
        "time",
        "\"75s\"",
        "The time after which a connection without a request is closed.",
    ),
    row("[server]", "drain_timeout", "time", "\"20s\"", "The time that a stop waits for requests in flight."),
    row(
        "[tls]",
        "certificate",
        FILE,
        "required",
        "The server's certificate and its chain in PEM, the end-entity certificate first.",
    ),
    row(
        "[tls]",
        "key",
        FILE,
        "required",
        "The private key in PEM: PKCS#8, SEC1 or PKCS#1. Only its owner and group may be able to read it.",
    ),
    row(
        "[tls]",
        "min_version",
        "\"1.2\" or \"1.3\"",
        "\"1.2\"",
        "The oldest version of TLS that is accepted.",
    ),
    row(
        "[tls]",
        "extra",
        "tables",
        "none",
        "Additional certificates, selected by the server name that a client requests (SNI).",
    ),
    row("[[tls.extra]]", "certificate", FILE, "required", "As in [tls]."),
    row("[[tls.extra]]", "key", FILE, "required", "As in [tls]."),
    row(
        "[[tls.extra]]",
        "names",
        TEXTS,
        "the names in the certificate",
        "The names that clients request (SNI); `*.example` covers one label.",
    ),
    row(
        "[spool]",
        "directory",
        "path",
        "\"spool\"",
        "The directory that deliveries are written to. It must be on a local disk.",
    ),
    row(
        "[spool]",
        "group",
        "string",
        "\"\"",
        "The group whose members may consume entries: the queues get mode 2770, files 0660.",
    ),
    row(
        "[spool]",
        "min_free",
        "size",
        "\"256 MiB\"",
        "With less free space than this, deliveries get 503, before the disk is full.",
    ),
    row("[spool]", "keep_done", "time or \"forever\"", "\"7d\"", "Finished entries are removed after this."),
    row(
        "[spool]",
        "keep_failed",
        "time or \"forever\"",
        "\"forever\"",
        "Failed entries are removed after this.",
    ),
    row(
        "[admin]",
        "listen",
        ADDRESSES,
        "[\"127.0.0.1:9464\", \"unix:run/admin.sock\"]",
        "The listener for health, metrics and status: loopback addresses, `unix:PATH`, `systemd:NAME`. An empty list turns it off.",
    ),
    row(
        "[reload]",
        "watch",
        "true or false",
        "true",
        "Detect changes of the file, and of all files that it names, with inotify.",
    ),
    row(
        "[reload]",
        "poll",
        "time or \"off\"",
        "\"30s\"",
        "The interval at which the contents are compared in any case.",
    ),
    row(
        "[reload]",
        "settle",
        "time",
        "\"200ms\"",
        "A change is applied after this time without further changes; at most 1s.",
    ),
    row(
        "[log]",
        "format",
        "\"auto\", \"text\", \"json\" or \"journald\"",
        "\"auto\"",
        "auto is text on a terminal, journald under systemd, else json.",
    ),
    row(
        "[log]",
        "level",
        "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
        "\"info\"",
        "The least important events that are written; RUST_LOG overrides it.",
    ),
    row(
        "[sandbox]",
        "landlock",
        "true or false",
        "true",
        "Restrict the daemon with Landlock to the files of the configuration, the spool and the admin sockets.",
    ),
    row(
        "[sandbox]",
        "read",
        "list of paths",
        "[]",
        "Additional directories in which a later reload may name files.",
    ),
    row("[[sender]]", "name", "string", "required", "The name of the sender: a-z, 0-9, - and _."),
    row(
        "[[sender]]",
        "ca",
        "path or list of paths",
        "required",
        "This sender's CA certificates, in PEM or DER. The system's CAs and other senders' CAs are not used.",
    ),
    row("[[sender]]", "cn", TEXTS, "not checked", "The common name is one of these."),
    row("[[sender]]", "subject", TEXTS, "not checked", "The entire subject is one of these (RFC 4514)."),
    row(
        "[[sender]]",
        "san_dns",
        TEXTS,
        "not checked",
        "A DNS name among the alternative names is one of these.",
    ),
    row("[[sender]]", "san_uri", TEXTS, "not checked", "A URI among the alternative names is one of these."),
    row(
        "[[sender]]",
        "san_ip",
        TEXTS,
        "not checked",
        "An address among the alternative names is one of these.",
    ),
    row(
        "[[sender]]",
        "san_email",
        TEXTS,
        "not checked",
        "A mailbox among the alternative names is one of these.",
    ),
    row(
        "[[sender]]",
        "sha256",
        TEXTS,
        "not checked",
        "The SHA-256 of the certificate is one of these: 64 hex digits.",
    ),
    row(
        "[[sender]]",
        "spki_sha256",
        TEXTS,
        "not checked",
        "The SHA-256 of its public key is one of these; a renewal may keep it.",
    ),
    row(
        "[[sender]]",
        "eku",
        "\"client\" or \"any\"",
        "\"client\"",
        "`client` refuses a certificate whose extended key usage does not include TLS clients.",
    ),
    row(
        "[[sender]]",
        "crl",
        "path or list of paths",
        "none",
        "This sender's revocation lists; without them, revocation is not checked.",
    ),
    row(
        "[[sender]]",
        "crl_policy",
        "\"strict\" or \"soft\"",
        "\"strict\"",
        "`strict` requires a current list for every certificate; `soft` uses the lists that exist.",
    ),
    row(
        "[[endpoint]]",
        "name",
        "string",
        "required",
        "The name of the endpoint and of its directory in the spool.",
    ),
    row("[[endpoint]]", "path", "string", "required", "The path of the URL, compared byte for byte."),
    row(
        "[[endpoint]]",
        "senders",
        "list of strings",
        "required",
        "The senders that may deliver; if a certificate matches several, the first counts.",
    ),
    row("[[endpoint]]", "suffixes", "list of strings", "[]", "Suffixes that are accepted after the path."),
    row("[[endpoint]]", "max_body", "size", "\"1 MiB\"", "The size limit of a body; a longer one gets 413."),
    row("[[endpoint]]", "response", "table", "{ status = 200 }", "The response to a stored delivery."),
    row(
        "[[endpoint]]",
        "query_secret",
        "table",
        "none",
        "A secret that the URL must contain; without it the response is 404.",
    ),
    row(
        "[[endpoint]]",
        "from",
        "list of networks",
        "any",
        "Networks that deliveries may come from; all other addresses get 403.",
    ),
    row("`response`", "status", "200, 201, 202 or 204", "200", "The status of a success; 204 has no body."),
    row("`response`", "echo_headers", "list of strings", "[]", "Headers of the request that are returned."),
    row("`query_secret`", "name", "string", "required", "The name of the parameter in the query."),
    row("`query_secret`", "file", FILE, "required", "The file that contains the value."),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::keys::{ALL, TOP};

    #[test]
    fn every_supported_key_has_exactly_one_row() {
        let read: BTreeSet<_> = ALL
            .iter()
            .filter(|table| table.name != TOP.name)
            .flat_map(|table| table.built().map(|key| (table.name, key)))
            .collect();
        let documented: BTreeSet<_> = ROWS.iter().map(|row| (row.table, row.key)).collect();
        assert_eq!(read, documented);
        assert_eq!(documented.len(), ROWS.len(), "one row each");
    }

    #[test]
    fn the_distributed_file_contains_the_same_defaults() {
        let file = include_str!("../../webhooks.toml");
        for row in ROWS
            .iter()
            .filter(|row| row.default.starts_with(['"', '[']) || row.default.parse::<u32>().is_ok())
        {
            let shown = |line: &str| {
                let line = line.trim_start_matches(['#', ' ']);
                line.strip_prefix(row.key).and_then(|rest| rest.trim_start().strip_prefix('=')).map(|value| {
                    value
                        .trim_start()
                        .trim_start_matches('[')
                        .starts_with(row.default.trim_start_matches('['))
                })
            };
            if ["suffixes", "status", "echo_headers", "read"].contains(&row.key) {
                continue;
            }
            let values: Vec<bool> = file.lines().filter_map(shown).collect();
            assert!(values.contains(&true), "{} = {}: {values:?}", row.key, row.default);
        }
    }
}
