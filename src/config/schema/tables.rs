//! The tables of webhooks.toml with their keys.

use super::{Key, TableSchema, key};

const BOOLEAN: &str = "true or false";
const FILE: &str = "path or credential:NAME";
const FILES: &str = "path or list of paths";
const LIST: &str = "list of strings";
const TABLE: &str = "table";
const TABLES: &str = "tables";
const TEXT: &str = "string";
const TEXTS: &str = "string or list of strings";

/// The maximum of a time. A longer timeout has the same effect as none.
const TIME_MAX: &str = "1d";

const fn time(name: &'static str, summary: &'static str) -> Key {
    key(name, "time", summary).range("0s", TIME_MAX)
}

/// A requirement on a sender's certificate.
const fn matcher(name: &'static str, summary: &'static str, example: &'static str) -> Key {
    key(name, TEXTS, summary).absent("not checked").example(example)
}

pub(crate) const TOP: TableSchema = TableSchema {
    name: "the top level",
    keys: &[
        key("server", TABLE, "The listener for senders.").absent("the defaults").example("[server]"),
        key("tls", TABLE, "The server's certificates.").example("[tls]"),
        key("spool", TABLE, "Where deliveries are kept.").absent("the defaults").example("[spool]"),
        key("admin", TABLE, "The admin listener.").absent("the defaults").example("[admin]"),
        key("reload", TABLE, "How changes are detected.").absent("the defaults").example("[reload]"),
        key("log", TABLE, "The log.").absent("the defaults").example("[log]"),
        key("sandbox", TABLE, "The sandbox.").absent("the defaults").example("[sandbox]"),
        key("sender", TABLES, "Who may deliver.").example("[[sender]]"),
        key("endpoint", TABLES, "Where senders deliver.").example("[[endpoint]]"),
        key("forward", TABLE, "The listener of `hookspool forward`.").absent("the defaults").example("[forward]"),
        key("consumer", TABLES, "Where `hookspool forward` sends entries.").absent("none").example("[[consumer]]"),
    ],
};

pub(crate) const SERVER: TableSchema = TableSchema {
    name: "[server]",
    keys: &[
        key("listen", TEXTS, "The addresses that senders connect to: addresses with a port, `systemd` for the sockets that systemd passes, or `systemd:NAME` for those with that FileDescriptorName=.")
            .default("[\"127.0.0.1:8443\"]", "Loopback, so that a first run is not reachable from other hosts.")
            .needs_restart(),
        key("max_connections", "number", "The maximum number of concurrent connections; a further one takes the place of an unknown peer, or of an idle connection of the sender that has most.")
            .default("8192", "Far more than a few banks open. The daemon lowers it if the memory or the open file limit is too small.")
            .range("1", "1000000"),
        key("max_connections_per_address", "number", "The maximum number of connections from one address on which no sender is admitted yet; a further one takes the place of the oldest. IPv6 addresses count by their first 64 bits.")
            .default("256", "Far more handshakes than a bank begins at once, and few enough that one host cannot use all connections.")
            .range("1", "1000000"),
        key("max_handshakes", "number", "The maximum number of handshakes whose cryptography runs or waits to run; a further one takes the place of the oldest of the address that has most.")
            .default("256", "Less than a second of cryptography on one processor.")
            .range("1", "1000000"),
        time("handshake_timeout", "The time from accept to the end of the TLS handshake.")
            .default("\"10s\"", "A handshake takes two round trips; a longer timeout only allows unknown peers to occupy connections."),
        time("header_timeout", "The time from the first byte of a request to the end of its headers.")
            .default("\"15s\"", "Headers fill one or two packets, on a connection that is already open."),
        time("body_timeout", "The time from the headers to the last byte of the body.")
            .default("\"30s\"", "1 MiB in 30 s is 35 kB/s, less than any bank's data center achieves."),
        time("idle_timeout", "The time after which a connection without a request is closed.")
            .default("\"75s\"", "More than the 60 s after which many clients close a connection, so that the client closes it first."),
        key("max_connection_age", "time or \"off\"", "The time after which a connection accepts no further request.")
            .default("\"off\"", "A connection that is in use need not be closed; behind a load balancer, a limit spreads connections again."),
        key("trusted_proxies", TEXTS, "The networks of proxies that have to begin each connection with a PROXY protocol header (version 1 or 2), which names the peer's address. From other networks, such a header is a TLS error.")
            .default("[]", "A peer that is not a proxy could claim any address.")
            .example("[\"192.0.2.10\"]"),
        time("drain_timeout", "The time that a shutdown waits for requests in flight.")
            .default("\"20s\"", "Far more than a request in flight usually takes; systemd waits 90 s by default."),
    ],
};

pub(crate) const TLS: TableSchema = TableSchema {
    name: "[tls]",
    keys: &[
        key("certificate", FILE, "The server's certificate and its chain in PEM, the end-entity certificate first.")
            .example("\"certs/server.pem\""),
        key("key", FILE, "The private key in PEM: PKCS#8, SEC1 or PKCS#1. Only its owner, and a group other than `[spool] group`, may be able to read it.")
            .example("\"certs/server.key\""),
        key("min_version", "\"1.2\" or \"1.3\"", "The oldest version of TLS that is accepted.")
            .default("\"1.2\"", "Some banks still offer nothing newer."),
        key("extra", TABLES, "Additional certificates, selected by the server name that a client requests (SNI).")
            .absent("none")
            .example("[[tls.extra]]"),
    ],
};

pub(crate) const TLS_EXTRA: TableSchema = TableSchema {
    name: "[[tls.extra]]",
    keys: &[
        key("certificate", FILE, "As in [tls].").example("\"certs/other.pem\""),
        key("key", FILE, "As in [tls].").example("\"certs/other.key\""),
        key("names", TEXTS, "The names that clients request (SNI); `*.example` covers one label.")
            .absent("the names in the certificate")
            .example("[\"hooks.example\"]"),
    ],
};

pub(crate) const SPOOL: TableSchema = TableSchema {
    name: "[spool]",
    keys: &[
        key("directory", "path", "The directory that deliveries are written to. It must be on a local disk.")
            .default("\"spool\"", "Relative to webhooks.toml, so that a first run needs no privileges.")
            .needs_restart(),
        key("group", TEXT, "The group whose members may consume entries: the queues get mode 2770, files 0660.")
            .default("\"\"", "No other users need access to payments.")
            .example("\"hookspool\"")
            .needs_restart(),
        key("min_free", "size", "With less free space than this, deliveries get 503, before the disk is full.")
            .default("\"256 MiB\"", "Leaves space for consumers and logs on the same disk."),
        key("keep_done", "time or \"forever\"", "Finished entries are removed after this.")
            .default("\"7d\"", "Long enough to investigate a problem from last week."),
        key("keep_failed", "time or \"forever\"", "Failed entries are removed after this.")
            .default("\"forever\"", "A failed entry is a payment that somebody has to follow up on."),
        key("taken_timeout", "time or \"off\"", "An entry in taken/ that no running command has locked, and whose file has not changed for this long (`touch` changes it), returns to new/; not within this time after a start.")
            .default("\"off\"", "A consumer that claims with a plain rename has no lock, so its entries could be processed twice.")
            .example("\"1h\""),
    ],
};

pub(crate) const ADMIN: TableSchema = TableSchema {
    name: "[admin]",
    keys: &[
        key("listen", TEXTS, "The listener for health, metrics and status: loopback addresses, `unix:PATH`, `systemd:NAME`. An empty list turns it off.")
            .default("[\"127.0.0.1:9464\", \"unix:run/admin.sock\"]", "9464 is a common port for Prometheus exporters; the socket accepts reload requests.")
            .needs_restart(),
        key("group", TEXT, "The group whose members may use the Unix sockets, also to reload: they get mode 0660, otherwise 0600.")
            .default("\"\"", "Only the daemon's user and root need to reload.")
            .example("\"hookspool-admin\"")
            .needs_restart(),
    ],
};

pub(crate) const RELOAD: TableSchema = TableSchema {
    name: "[reload]",
    keys: &[
        key("watch", BOOLEAN, "Detect changes to the file, and to all files that it names, with inotify.")
            .default("true", "A renewed certificate is used within a second."),
        key("poll", "time or \"off\"", "The interval at which the contents are compared, even without inotify events.")
            .default("\"30s\"", "A change that inotify missed is applied within half a minute.")
            .range("0s", TIME_MAX),
        time("settle", "A change is applied after this time without further changes; at most 1s.")
            .default("\"200ms\"", "Longer than a tool takes between writing a key and its certificate."),
    ],
};

pub(crate) const LOG: TableSchema = TableSchema {
    name: "[log]",
    keys: &[
        key("format", "\"auto\", \"text\", \"json\" or \"journald\"", "auto is text on a terminal, journald under systemd, otherwise json.")
            .default("\"auto\"", "It suits every destination of the log.")
            .needs_restart(),
        key("level", "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"", "The lowest level that is logged; RUST_LOG overrides it.")
            .default("\"info\"", "At `info`, each delivery and each refusal is one line."),
    ],
};

pub(crate) const SANDBOX: TableSchema = TableSchema {
    name: "[sandbox]",
    keys: &[
        key("landlock", BOOLEAN, "Restrict the daemon with Landlock to the files of the configuration, the spool and the admin sockets.")
            .default("true", "It costs nothing and needs no permissions.")
            .needs_restart(),
        key("read", "list of paths", "Additional directories whose files a later reload may use.")
            .default("[]", "The directories of the named files can be read anyway.")
            .example("[\"/etc/letsencrypt\"]")
            .needs_restart(),
    ],
};

pub(crate) const SENDER: TableSchema = TableSchema {
    name: "[[sender]]",
    keys: &[
        key("name", TEXT, "The name of the sender: a-z, 0-9, - and _.").example("\"efi\""),
        key("ca", FILES, "This sender's CA certificates, in PEM, DER or PKCS#7. The system's CAs and other senders' CAs are not used.")
            .example("[\"certs/efi-ca.pem\"]"),
        matcher("cn", "The common name is one of these.", "[\"webhook.efipay.com.br\"]"),
        matcher("subject", "The entire subject is one of these (RFC 4514).", "[\"CN=webhook.efipay.com.br,O=Efi,C=BR\"]"),
        matcher("san_dns", "A DNS name among the alternative names is one of these.", "[\"webhook.efipay.com.br\"]"),
        matcher("san_uri", "A URI among the alternative names is one of these.", "[\"spiffe://efi/webhook\"]"),
        matcher("san_ip", "An address among the alternative names is one of these.", "[\"192.0.2.1\"]"),
        matcher("san_email", "A mailbox among the alternative names is one of these.", "[\"pix@efi.example\"]"),
        matcher("sha256", "The SHA-256 of the certificate is one of these: 64 hex digits.", "[\"…64 hex digits…\"]"),
        matcher("spki_sha256", "The SHA-256 of its public key is one of these; a renewal may keep it.", "[\"…64 hex digits…\"]"),
        key("eku", "\"client\" or \"any\"", "`client` refuses a certificate whose extended key usage does not include TLS clients.")
            .default("\"client\"", "A server's certificate proves nothing about a client."),
        key("crl", FILES, "This sender's revocation lists; without them, revocation is not checked.")
            .absent("none")
            .example("[\"certs/efi.crl\"]"),
        key("crl_policy", "\"strict\" or \"soft\"", "`strict` requires a current list for every certificate; `soft` uses the lists that exist.")
            .default("\"strict\"", "With `strict`, a list missing by mistake does not cause a revoked certificate to be accepted."),
        key("crl_max", "size", "The size limit of each file in `crl`.")
            .default("\"64 MiB\"", "Enough for a list of a million certificates; the daemon reads the file into memory.")
            .range("1 KiB", "1 GiB"),
    ],
};

pub(crate) const ENDPOINT: TableSchema = TableSchema {
    name: "[[endpoint]]",
    keys: &[
        key("name", TEXT, "The name of the endpoint and of its directory in the spool.")
            .example("\"pix\""),
        key("path", TEXT, "The path of the URL, compared byte for byte.").example("\"/webhooks/pix\""),
        key("senders", LIST, "The senders that may deliver; if a certificate matches several, the first is used.")
            .example("[\"efi\"]"),
        key("suffixes", LIST, "Suffixes that are accepted after the path.")
            .default("[]", "Only the Pix API appends them.")
            .example("[\"/pix\"]"),
        key("max_body", "size", "The size limit of a body; a longer one gets 413.")
            .default("\"1 MiB\"", "A notification is a few KiB long; this is enough for long lists.")
            .range("1 B", "64 MiB"),
        key("max_spool", "size", "The limit on the endpoint's entries in new/ and taken/ together; once they reach it, its deliveries get 503.")
            .absent("no limit")
            .example("\"10 GiB\"")
            .range("1 B", "1048576 GiB"),
        key("response", TABLE, "The response to a stored delivery.")
            .default("{ status = 200 }", "The default is what every sender accepts."),
        key("query_secret", TABLE, "A secret that the URL must contain; without it the response is 404.")
            .absent("none")
            .example("{ name = \"hmac\", file = \"secrets/pix\" }"),
        key("from", "list of networks", "Networks that deliveries may come from; all other addresses get 403.")
            .absent("any")
            .example("[\"198.51.100.0/24\"]"),
    ],
};

pub(crate) const RESPONSE: TableSchema = TableSchema {
    name: "`response`",
    keys: &[
        key("status", "200, 201, 202 or 204", "The status of a success; 204 has no body.")
            .default("200", "The default is what every sender accepts."),
        key("echo_headers", LIST, "Request headers to return.")
            .default("[]", "Only Open Finance requires one.")
            .example("[\"x-webhook-interaction-id\"]"),
    ],
};

pub(crate) const QUERY_SECRET: TableSchema = TableSchema {
    name: "`query_secret`",
    keys: &[
        key("name", TEXT, "The name of the parameter in the query.").example("\"hmac\""),
        key("file", FILE, "The file that contains the value.").example("\"secrets/pix\""),
    ],
};

pub(crate) const FORWARD: TableSchema = TableSchema {
    name: "[forward]",
    keys: &[
        key("listen", TEXTS, "The listener of `hookspool forward` for health, metrics and status: loopback addresses, `unix:PATH`, `systemd:NAME`. An empty list turns it off.")
            .default("[\"127.0.0.1:9465\", \"unix:run/forward.sock\"]", "The port after that of `[admin]`.")
            .needs_restart(),
        key("group", TEXT, "The group whose members may use the Unix sockets: they get mode 0660, otherwise 0600.")
            .default("\"\"", "Only the user of `hookspool forward` and root need them.")
            .example("\"hookspool-admin\"")
            .needs_restart(),
    ],
};

pub(crate) const CONSUMER: TableSchema = TableSchema {
    name: "[[consumer]]",
    keys: &[
        key("name", TEXT, "The name of the consumer: a-z, 0-9, - and _.").example("\"ledger\""),
        key("endpoints", LIST, "The endpoints whose entries it receives. An endpoint has at most one consumer, and no other program may claim its entries.")
            .example("[\"pix\"]"),
        key("concurrency", "number", "The attempts that are in progress at the same time; for postgres and nats, the batches.")
            .default("8", "Enough for a target on another host, and not too many for a small application.")
            .range("1", "1000"),
        key("order", "\"none\" or \"arrival\"", "`arrival`: one entry at a time for each endpoint, the oldest first; the next only when it is done or failed.")
            .default("\"none\"", "An entry that the target does not accept must not delay the others.")
            .example("\"arrival\""),
        time("timeout", "The time limit of one attempt.")
            .default("\"30s\"", "As long as most proxies wait for an application."),
        key("retry", TABLE, "When an entry is attempted again.")
            .default("{ min = \"5s\", max = \"1h\", give_up = \"3d\" }", "An entry that is not accepted on a weekend can still be accepted after it."),
        key("http", TABLE, "Sends each entry to an HTTP server. Exactly one of http, exec, postgres and nats is required.")
            .absent("another kind")
            .example("{ url = \"http://127.0.0.1:3000/webhooks{suffix}\" }"),
        key("exec", TABLE, "Runs a command for each entry.")
            .absent("another kind")
            .example("{ command = [\"/usr/local/bin/book-the-payment\"] }"),
        key("postgres", TABLE, "Inserts each entry as a row of a table in PostgreSQL.")
            .absent("another kind")
            .example("{ url = \"postgresql://app@db.example/app\", table = \"webhooks\" }"),
        key("nats", TABLE, "Publishes each entry to a JetStream stream of NATS.")
            .absent("another kind")
            .example("{ urls = [\"tls://nats.example:4222\"], stream = \"WEBHOOKS\", subject = \"webhooks.{endpoint}\" }"),
    ],
};

pub(crate) const RETRY: TableSchema = TableSchema {
    name: "`retry`",
    keys: &[
        time("min", "The shortest delay before an entry is attempted again.")
            .default("\"5s\"", "The delay doubles with each attempt."),
        time("max", "The longest delay, also if the target asks for a longer one with `Retry-After`.")
            .default("\"1h\"", "A target that is available again receives everything within an hour."),
        key("give_up", "time", "An entry whose first attempt was longer ago moves to failed/. The time while the target is down does not count.")
            .default("\"3d\"", "An error on a Friday can be corrected on Monday.")
            .range("0s", "365d"),
    ],
};

const CA: Key = key("ca", FILE, "The CA certificates that the server's certificate must chain to, in PEM, DER or PKCS#7.")
    .absent("the system's CAs")
    .example("\"certs/internal-ca.pem\"");

const INSECURE: Key = key("insecure", BOOLEAN, "Accept any server certificate: others on the network can read and change the payload.")
    .default("false", "Only verification proves the identity of the server.");

pub(crate) const HTTP: TableSchema = TableSchema {
    name: "`http`",
    keys: &[
        key("url", TEXT, "Where entries are sent: `http://`, `https://` or `unix:PATH:/path`. In the path and query, {endpoint}, {event}, {sender}, {suffix} and {params.NAME} are replaced, percent-encoded.")
            .example("\"http://127.0.0.1:3000/webhooks{suffix}\""),
        key("secret", FILE, "The file with the signing secret, `whsec_` and base64, for the header `webhook-signature` (Standard Webhooks).")
            .absent("requests are not signed")
            .example("\"secrets/ledger\""),
        CA,
        key("certificate", FILE, "The client certificate to present, with its chain, in PEM.")
            .absent("none")
            .example("\"certs/forward.pem\""),
        key("key", FILE, "The private key of `certificate`, in PEM.").absent("none").example("\"certs/forward.key\""),
        INSECURE,
        key("headers", TABLE, "Additional headers: strings, or `{ file = \"PATH\" }` for a value that is secret.")
            .absent("none")
            .example("{ x-source = \"hookspool\", authorization = { file = \"secrets/token\" } }"),
    ],
};

pub(crate) const HEADER: TableSchema = TableSchema {
    name: "a header",
    keys: &[key("file", FILE, "The file that contains the value.").example("\"secrets/token\"")],
};

pub(crate) const EXEC: TableSchema = TableSchema {
    name: "`exec`",
    keys: &[key("command", LIST, "The program and its arguments, without a shell: a path, or a name that is searched for in PATH. The payload is its standard input.")
        .example("[\"/usr/local/bin/book-the-payment\"]")],
};

pub(crate) const POSTGRES: TableSchema = TableSchema {
    name: "`postgres`",
    keys: &[
        key("url", TEXT, "The server, user and database, without a password. TLS is required and verified, except on loopback and Unix sockets; `sslmode=disable` turns it off.")
            .example("\"postgresql://app@db.example/app\""),
        key("table", TEXT, "The table, as `NAME` or `SCHEMA.NAME`; `hookspool forward --print-schema` prints its columns.")
            .default("\"webhooks\"", "The name in the printed schema."),
        key("password", FILE, "The file with the password of the user.").absent("none").example("\"secrets/postgres\""),
        CA,
        INSECURE,
        key("notify", TEXT, "The channel of a NOTIFY, sent with each transaction that inserts rows.")
            .absent("none")
            .example("\"webhooks\""),
    ],
};

pub(crate) const NATS: TableSchema = TableSchema {
    name: "`nats`",
    keys: &[
        key("urls", TEXTS, "The servers: `tls://` or `nats://`, a host and a port.").example("[\"tls://nats.example:4222\"]"),
        key("stream", TEXT, "The stream, which must accept the subject.").example("\"WEBHOOKS\""),
        key("subject", TEXT, "The subject of each message. {endpoint}, {event}, {sender}, {suffix} and {params.NAME} are replaced; other characters than letters, digits, _ and - become _.")
            .default("\"webhooks.{endpoint}\"", "A subject for each endpoint, below one prefix."),
        key("credentials", FILE, "The credentials file (JWT and nkey) of the user.").absent("none").example("\"secrets/nats.creds\""),
        CA,
        INSECURE,
        key("create_stream", TABLE, "Creates the stream if it is missing.")
            .absent("the stream must exist")
            .example("{ replicas = 3 }"),
    ],
};

pub(crate) const CREATE_STREAM: TableSchema = TableSchema {
    name: "`create_stream`",
    keys: &[key("replicas", "number", "The number of servers that keep each message.")
        .default("1", "A server that is not part of a cluster supports no more.")
        .range("1", "5")],
};

/// Every table with its keys, in the order of the manual page.
pub const TABLES_OF_KEYS: &[&TableSchema] = &[
    &SERVER, &TLS, &TLS_EXTRA, &SPOOL, &ADMIN, &RELOAD, &LOG, &SANDBOX, &SENDER, &ENDPOINT, &RESPONSE, &QUERY_SECRET,
    &FORWARD, &CONSUMER, &RETRY, &HTTP, &HEADER, &EXEC, &POSTGRES, &NATS, &CREATE_STREAM,
];

/// Keys of a later version, each with its table and the reason why it is an error until then.
pub const LATER: &[(&str, &str, &str)] = &[(
    "[[endpoint]]",
    "signature",
    "signatures of payloads are not verified yet, so deliveries with a wrong signature would be accepted",
)];
