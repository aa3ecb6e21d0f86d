//! The tables of webhooks.toml with their keys.

use super::Fallback::{Absent, Required, Value};
use super::{TableSchema, key};

const BOOLEAN: &str = "true or false";
const FILE: &str = "path or credential:NAME";
const FILES: &str = "path or list of paths";
const TABLE: &str = "table";
const TABLES: &str = "tables";
const TEXT: &str = "string";
const TEXTS: &str = "string or list of strings";
const TIME: &str = "time";

/// The maximum of a time. A longer timeout has the same effect as none.
const TIME_MAX: &str = "1d";

/// The tables of the top level.
pub const TOP: TableSchema = TableSchema {
    name: "the top level",
    keys: &[
        key("server", TABLE, Absent("the defaults"), "The listener for senders.").example("[server]"),
        key("tls", TABLE, Required, "The server's certificates.").example("[tls]"),
        key("spool", TABLE, Absent("the defaults"), "Where deliveries are kept.").example("[spool]"),
        key("admin", TABLE, Absent("the defaults"), "The admin listener.").example("[admin]"),
        key("reload", TABLE, Absent("the defaults"), "How changes are detected.").example("[reload]"),
        key("log", TABLE, Absent("the defaults"), "The log.").example("[log]"),
        key("sandbox", TABLE, Absent("the defaults"), "The sandbox.").example("[sandbox]"),
        key("sender", TABLES, Required, "Who may deliver.").example("[[sender]]"),
        key("endpoint", TABLES, Required, "Where senders deliver.").example("[[endpoint]]"),
    ],
};

/// `[server]`
pub const SERVER: TableSchema = TableSchema {
    name: "[server]",
    keys: &[
        key("listen", TEXTS, Value("[\"127.0.0.1:8443\"]"),
            "The addresses that senders connect to: addresses with a port, `systemd` for the sockets that systemd passes, or `systemd:NAME` for those with that FileDescriptorName=.")
            .because("Loopback, so that a first run is not reachable from other hosts.")
            .needs_restart(),
        key("max_connections", "number", Value("8192"), "The maximum number of concurrent connections; further ones wait until one ends.")
            .because("Far more than a few banks open, and within the memory of a small machine.")
            .range("1", "1000000"),
        key("handshake_timeout", TIME, Value("\"10s\""), "The time from accept to the end of the TLS handshake.")
            .because("A handshake takes two round trips; a longer timeout only allows unknown peers to occupy connections.")
            .range("0s", TIME_MAX),
        key("header_timeout", TIME, Value("\"15s\""), "The time from the first byte of a request to the end of its headers.")
            .because("Headers fill one or two packets, on a connection that is already open.")
            .range("0s", TIME_MAX),
        key("body_timeout", TIME, Value("\"30s\""), "The time from the headers to the last byte of the body.")
            .because("1 MiB in 30 s is 35 kB/s, less than any bank's data center achieves.")
            .range("0s", TIME_MAX),
        key("idle_timeout", TIME, Value("\"75s\""), "The time after which a connection without a request is closed.")
            .because("More than the 60 s after which many clients close a connection, so that the client closes it first.")
            .range("0s", TIME_MAX),
        key(
            "max_connection_age",
            "time or \"off\"",
            Value("\"off\""),
            "The time after which a connection accepts no further request.",
        )
        .because("A connection that is in use need not be closed; behind a load balancer, a limit spreads connections again."),
        key("drain_timeout", TIME, Value("\"20s\""), "The time that a shutdown waits for requests in flight.")
            .because("Far more than a request in flight usually takes; systemd waits 90 s by default.")
            .range("0s", TIME_MAX),
    ],
};

/// `[tls]`
pub const TLS: TableSchema = TableSchema {
    name: "[tls]",
    keys: &[
        key("certificate", FILE, Required, "The server's certificate and its chain in PEM, the end-entity certificate first.")
            .example("\"certs/server.pem\""),
        key("key", FILE, Required,
            "The private key in PEM: PKCS#8, SEC1 or PKCS#1. Only its owner and group may be able to read it.")
            .example("\"certs/server.key\""),
        key("min_version", "\"1.2\" or \"1.3\"", Value("\"1.2\""), "The oldest version of TLS that is accepted.")
            .because("Some banks still offer nothing newer."),
        key("extra", TABLES, Absent("none"),
            "Additional certificates, selected by the server name that a client requests (SNI).")
            .example("[[tls.extra]]"),
    ],
};

/// `[[tls.extra]]`
pub const TLS_EXTRA: TableSchema = TableSchema {
    name: "[[tls.extra]]",
    keys: &[
        key("certificate", FILE, Required, "As in [tls].").example("\"certs/other.pem\""),
        key("key", FILE, Required, "As in [tls].").example("\"certs/other.key\""),
        key(
            "names",
            TEXTS,
            Absent("the names in the certificate"),
            "The names that clients request (SNI); `*.example` covers one label.",
        )
        .example("[\"hooks.example\"]"),
    ],
};

/// `[spool]`
pub const SPOOL: TableSchema = TableSchema {
    name: "[spool]",
    keys: &[
        key(
            "directory",
            "path",
            Value("\"spool\""),
            "The directory that deliveries are written to. It must be on a local disk.",
        )
        .because("Relative to webhooks.toml, so that a first run needs no privileges.")
        .needs_restart(),
        key(
            "group",
            TEXT,
            Value("\"\""),
            "The group whose members may consume entries: the queues get mode 2770, files 0660.",
        )
        .because("No other users need access to payments.")
        .example("\"hookspool\"")
        .needs_restart(),
        key(
            "min_free",
            "size",
            Value("\"256 MiB\""),
            "With less free space than this, deliveries get 503, before the disk is full.",
        )
        .because("Leaves space for consumers and logs on the same disk."),
        key("keep_done", "time or \"forever\"", Value("\"7d\""), "Finished entries are removed after this.")
            .because("Long enough to investigate a problem from last week."),
        key(
            "keep_failed",
            "time or \"forever\"",
            Value("\"forever\""),
            "Failed entries are removed after this.",
        )
        .because("A failed entry is a payment that somebody has to follow up on."),
    ],
};

/// `[admin]`
pub const ADMIN: TableSchema = TableSchema {
    name: "[admin]",
    keys: &[key("listen", TEXTS, Value("[\"127.0.0.1:9464\", \"unix:run/admin.sock\"]"),
        "The listener for health, metrics and status: loopback addresses, `unix:PATH`, `systemd:NAME`. An empty list turns it off.")
        .because("9464 is a common port for Prometheus exporters; the socket accepts reload requests.")
        .needs_restart()],
};

/// `[reload]`
pub const RELOAD: TableSchema = TableSchema {
    name: "[reload]",
    keys: &[
        key(
            "watch",
            BOOLEAN,
            Value("true"),
            "Detect changes to the file, and to all files that it names, with inotify.",
        )
        .because("A renewed certificate is used within a second."),
        key(
            "poll",
            "time or \"off\"",
            Value("\"30s\""),
            "The interval at which the contents are compared, even without inotify events.",
        )
        .because("A change that inotify missed is applied within half a minute.")
        .range("0s", TIME_MAX),
        key(
            "settle",
            TIME,
            Value("\"200ms\""),
            "A change is applied after this time without further changes; at most 1s.",
        )
        .because("Longer than a tool takes between writing a key and its certificate.")
        .range("0s", TIME_MAX),
    ],
};

/// `[log]`
pub const LOG: TableSchema = TableSchema {
    name: "[log]",
    keys: &[
        key(
            "format",
            "\"auto\", \"text\", \"json\" or \"journald\"",
            Value("\"auto\""),
            "auto is text on a terminal, journald under systemd, otherwise json.",
        )
        .because("It suits every destination of the log.")
        .needs_restart(),
        key(
            "level",
            "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
            Value("\"info\""),
            "The lowest level that is logged; RUST_LOG overrides it.",
        )
        .because("At `info`, each delivery and each refusal is one line."),
    ],
};

/// `[sandbox]`
pub const SANDBOX: TableSchema = TableSchema {
    name: "[sandbox]",
    keys: &[
        key("landlock", BOOLEAN, Value("true"),
            "Restrict the daemon with Landlock to the files of the configuration, the spool and the admin sockets.")
            .because("It costs nothing and needs no permissions.")
            .needs_restart(),
        key("read", "list of paths", Value("[]"), "Additional directories whose files a later reload may use.")
            .because("The directories of the named files can be read anyway.")
            .example("[\"/etc/letsencrypt\"]")
            .needs_restart(),
    ],
};

/// `[[sender]]`
pub const SENDER: TableSchema = TableSchema {
    name: "[[sender]]",
    keys: &[
        key("name", TEXT, Required, "The name of the sender: a-z, 0-9, - and _.").example("\"efi\""),
        key(
            "ca",
            FILES,
            Required,
            "This sender's CA certificates, in PEM or DER. The system's CAs and other senders' CAs are not used.",
        )
        .example("[\"certs/efi-ca.pem\"]"),
        key("cn", TEXTS, Absent("not checked"), "The common name is one of these.")
            .example("[\"webhook.efipay.com.br\"]"),
        key("subject", TEXTS, Absent("not checked"), "The entire subject is one of these (RFC 4514).")
            .example("[\"CN=webhook.efipay.com.br,O=Efi,C=BR\"]"),
        key("san_dns", TEXTS, Absent("not checked"), "A DNS name among the alternative names is one of these.")
            .example("[\"webhook.efipay.com.br\"]"),
        key("san_uri", TEXTS, Absent("not checked"), "A URI among the alternative names is one of these.")
            .example("[\"spiffe://efi/webhook\"]"),
        key("san_ip", TEXTS, Absent("not checked"), "An address among the alternative names is one of these.")
            .example("[\"192.0.2.1\"]"),
        key(
            "san_email",
            TEXTS,
            Absent("not checked"),
            "A mailbox among the alternative names is one of these.",
        )
        .example("[\"pix@efi.example\"]"),
        key(
            "sha256",
            TEXTS,
            Absent("not checked"),
            "The SHA-256 of the certificate is one of these: 64 hex digits.",
        )
        .example("[\"…64 hex digits…\"]"),
        key(
            "spki_sha256",
            TEXTS,
            Absent("not checked"),
            "The SHA-256 of its public key is one of these; a renewal may keep it.",
        )
        .example("[\"…64 hex digits…\"]"),
        key(
            "eku",
            "\"client\" or \"any\"",
            Value("\"client\""),
            "`client` refuses a certificate whose extended key usage does not include TLS clients.",
        )
        .because("A server's certificate proves nothing about a client."),
        key(
            "crl",
            FILES,
            Absent("none"),
            "This sender's revocation lists; without them, revocation is not checked.",
        )
        .example("[\"certs/efi.crl\"]"),
        key(
            "crl_policy",
            "\"strict\" or \"soft\"",
            Value("\"strict\""),
            "`strict` requires a current list for every certificate; `soft` uses the lists that exist.",
        )
        .because("With `strict`, a list missing by mistake does not cause a revoked certificate to be accepted."),
    ],
};

/// `[[endpoint]]`
pub const ENDPOINT: TableSchema = TableSchema {
    name: "[[endpoint]]",
    keys: &[
        key("name", TEXT, Required, "The name of the endpoint and of its directory in the spool.")
            .example("\"pix\""),
        key("path", TEXT, Required, "The path of the URL, compared byte for byte.")
            .example("\"/webhooks/pix\""),
        key(
            "senders",
            "list of strings",
            Required,
            "The senders that may deliver; if a certificate matches several, the first is used.",
        )
        .example("[\"efi\"]"),
        key("suffixes", "list of strings", Value("[]"), "Suffixes that are accepted after the path.")
            .because("Only the Pix API appends them.")
            .example("[\"/pix\"]"),
        key("max_body", "size", Value("\"1 MiB\""), "The size limit of a body; a longer one gets 413.")
            .because("A notification is a few KiB long; this is enough for long lists.")
            .range("1 B", "64 MiB"),
        key("response", TABLE, Value("{ status = 200 }"), "The response to a stored delivery.")
            .because("The default is what every sender accepts."),
        key(
            "query_secret",
            TABLE,
            Absent("none"),
            "A secret that the URL must contain; without it the response is 404.",
        )
        .example("{ name = \"hmac\", file = \"secrets/pix\" }"),
        key(
            "from",
            "list of networks",
            Absent("any"),
            "Networks that deliveries may come from; all other addresses get 403.",
        )
        .example("[\"198.51.100.0/24\"]"),
    ],
};

/// `response` of an endpoint.
pub const RESPONSE: TableSchema = TableSchema {
    name: "`response`",
    keys: &[
        key("status", "200, 201, 202 or 204", Value("200"), "The status of a success; 204 has no body.")
            .because("The default is what every sender accepts."),
        key("echo_headers", "list of strings", Value("[]"), "Request headers to return.")
            .because("Only Open Finance requires one.")
            .example("[\"x-webhook-interaction-id\"]"),
    ],
};

/// `query_secret` of an endpoint.
pub const QUERY_SECRET: TableSchema = TableSchema {
    name: "`query_secret`",
    keys: &[
        key("name", TEXT, Required, "The name of the parameter in the query.").example("\"hmac\""),
        key("file", FILE, Required, "The file that contains the value.").example("\"secrets/pix\""),
    ],
};

/// Every table with its keys, in the order of the manual page.
pub const TABLES_OF_KEYS: &[&TableSchema] = &[
    &SERVER,
    &TLS,
    &TLS_EXTRA,
    &SPOOL,
    &ADMIN,
    &RELOAD,
    &LOG,
    &SANDBOX,
    &SENDER,
    &ENDPOINT,
    &RESPONSE,
    &QUERY_SECRET,
];

/// Keys of a later version, each with its table and the reason why it is an error until then.
pub const LATER: &[(&str, &str, &str)] = &[(
    "[server]",
    "trusted_proxies",
    "the PROXY protocol is not supported yet, so every delivery would have the proxy's address",
)];
