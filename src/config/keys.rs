//! The list of all keys of webhooks.toml, with an example of each value.

/// A table of webhooks.toml.
#[derive(Debug)]
pub struct TableKeys {
    /// The header of the table, for example `[server]`.
    pub name: &'static str,
    /// The keys that the table may contain.
    pub keys: &'static [Key],
}

/// A key of webhooks.toml.
#[derive(Debug)]
pub struct Key {
    /// The name of the key.
    pub name: &'static str,
    /// Whether the key is supported in this version.
    pub state: State,
}

/// Whether a key is supported.
#[derive(Debug)]
pub enum State {
    /// Supported. Contains an example value.
    Built(&'static str),
    /// Reserved for a later version, and an error until then. Contains the reason.
    NotBuilt(&'static str),
}

const fn built(name: &'static str, example: &'static str) -> Key {
    Key { name, state: State::Built(example) }
}

const fn not_built(name: &'static str, why: &'static str) -> Key {
    Key { name, state: State::NotBuilt(why) }
}

/// The tables of the top level.
pub const TOP: TableKeys = TableKeys {
    name: "the top level",
    keys: &[
        built("server", "[server]"),
        built("tls", "[tls]"),
        built("spool", "[spool]"),
        built("admin", "[admin]"),
        built("reload", "[reload]"),
        built("log", "[log]"),
        built("sandbox", "[sandbox]"),
        built("sender", "[[sender]]"),
        built("endpoint", "[[endpoint]]"),
    ],
};

/// `[server]`
pub const SERVER: TableKeys = TableKeys {
    name: "[server]",
    keys: &[
        built("listen", "[\"127.0.0.1:8443\"]"),
        built("max_connections", "8192"),
        built("handshake_timeout", "\"10s\""),
        built("header_timeout", "\"15s\""),
        built("body_timeout", "\"30s\""),
        built("idle_timeout", "\"75s\""),
        built("drain_timeout", "\"20s\""),
        not_built(
            "trusted_proxies",
            "the PROXY protocol is not supported yet, so every delivery would have the proxy's address",
        ),
    ],
};

/// `[tls]`
pub const TLS: TableKeys = TableKeys {
    name: "[tls]",
    keys: &[
        built("certificate", "\"certs/server.pem\""),
        built("key", "\"certs/server.key\""),
        built("min_version", "\"1.2\""),
        built("extra", "[[tls.extra]]"),
    ],
};

/// `[spool]`
pub const SPOOL: TableKeys = TableKeys {
    name: "[spool]",
    keys: &[
        built("directory", "\"spool\""),
        built("group", "\"hookspool\""),
        built("min_free", "\"256 MiB\""),
        built("keep_done", "\"7d\""),
        built("keep_failed", "\"forever\""),
    ],
};

/// `[admin]`
pub const ADMIN: TableKeys =
    TableKeys { name: "[admin]", keys: &[built("listen", "[\"127.0.0.1:9464\", \"unix:run/admin.sock\"]")] };

/// `[[tls.extra]]`
pub const TLS_EXTRA: TableKeys = TableKeys {
    name: "[[tls.extra]]",
    keys: &[
        built("certificate", "\"certs/other.pem\""),
        built("key", "\"certs/other.key\""),
        built("names", "[\"hooks.example\"]"),
    ],
};

/// `[reload]`
pub const RELOAD: TableKeys = TableKeys {
    name: "[reload]",
    keys: &[built("watch", "true"), built("poll", "\"30s\""), built("settle", "\"200ms\"")],
};

/// `[log]`
pub const LOG: TableKeys =
    TableKeys { name: "[log]", keys: &[built("format", "\"auto\""), built("level", "\"info\"")] };

/// `[sandbox]`
pub const SANDBOX: TableKeys = TableKeys {
    name: "[sandbox]",
    keys: &[built("landlock", "true"), built("read", "[\"/etc/letsencrypt\"]")],
};

/// `[[sender]]`
pub const SENDER: TableKeys = TableKeys {
    name: "[[sender]]",
    keys: &[
        built("name", "\"efi\""),
        built("ca", "[\"certs/efi-ca.pem\"]"),
        built("cn", "[\"webhook.efipay.com.br\"]"),
        built("subject", "[\"CN=webhook.efipay.com.br,O=Efi,C=BR\"]"),
        built("san_dns", "[\"webhook.efipay.com.br\"]"),
        built("san_uri", "[\"spiffe://efi/webhook\"]"),
        built("san_ip", "[\"192.0.2.1\"]"),
        built("san_email", "[\"pix@efi.example\"]"),
        built("sha256", "[\"…64 hex digits…\"]"),
        built("spki_sha256", "[\"…64 hex digits…\"]"),
        built("eku", "\"client\""),
        built("crl", "[\"certs/efi.crl\"]"),
        built("crl_policy", "\"strict\""),
    ],
};

/// `[[endpoint]]`
pub const ENDPOINT: TableKeys = TableKeys {
    name: "[[endpoint]]",
    keys: &[
        built("name", "\"pix\""),
        built("path", "\"/webhooks/pix\""),
        built("senders", "[\"efi\"]"),
        built("suffixes", "[\"/pix\"]"),
        built("max_body", "\"1 MiB\""),
        built("response", "{ status = 200 }"),
        built("query_secret", "{ name = \"hmac\", file = \"secrets/pix\" }"),
        built("from", "[\"198.51.100.0/24\"]"),
    ],
};

/// `response` of an endpoint.
pub const RESPONSE: TableKeys = TableKeys {
    name: "`response`",
    keys: &[built("status", "200"), built("echo_headers", "[\"x-webhook-interaction-id\"]")],
};

/// `query_secret` of an endpoint.
pub const QUERY_SECRET: TableKeys = TableKeys {
    name: "`query_secret`",
    keys: &[built("name", "\"hmac\""), built("file", "\"secrets/pix\"")],
};

/// Every table, for tests that compare the documentation.
pub const ALL: &[&TableKeys] = &[
    &TOP,
    &SERVER,
    &TLS,
    &TLS_EXTRA,
    &RELOAD,
    &SPOOL,
    &ADMIN,
    &LOG,
    &SANDBOX,
    &SENDER,
    &ENDPOINT,
    &RESPONSE,
    &QUERY_SECRET,
];

impl TableKeys {
    /// The names of the supported keys.
    pub fn built(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.keys.iter().filter(|key| matches!(key.state, State::Built(_))).map(|key| key.name)
    }

    /// An example value for a key, as TOML.
    pub fn example(&self, name: &str) -> &'static str {
        match self.keys.iter().find(|key| key.name == name).map(|key| &key.state) {
            Some(State::Built(example)) => example,
            Some(State::NotBuilt(_)) | None => "…",
        }
    }
}
