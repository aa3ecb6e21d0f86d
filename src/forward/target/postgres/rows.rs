//! The rows of a batch, and the statement that inserts them.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error};

use super::json::storable;
use super::schema::quoted;
use crate::forward::delivery::Delivery;
use crate::spool::EnvelopeFacts;

/// The row of one entry. PostgreSQL converts IDs and times from text.
#[derive(Clone, Copy, Debug)]
pub(super) struct InsertRow<'a> {
    /// The position of the entry in its batch.
    pub(super) position: usize,
    facts: &'a EnvelopeFacts,
    payload: &'a [u8],
    payload_json: Option<&'a str>,
    envelope: Option<&'a str>,
}

impl<'a> InsertRow<'a> {
    /// The row of the entry at this position of a batch.
    pub(super) fn new(position: usize, delivery: &'a Delivery) -> Self {
        let Delivery { facts, payload, envelope, .. } = delivery;
        Self { position, facts, payload, payload_json: storable(payload), envelope: storable(envelope) }
    }

    /// The same row with `payload_json` null; none if it is null already.
    pub(super) fn without_json(self) -> Option<Self> {
        self.payload_json.map(|_| Self { payload_json: None, ..self })
    }
}

/// A statement that inserts any number of rows in one round trip, in a transaction of its own. Rows whose ID is in the
/// table already are skipped.
#[derive(Debug)]
pub(super) struct Insert {
    sql: String,
    channel: Option<String>,
}

impl Insert {
    /// The statement for a table. If there is a channel, it is notified if at least one row was inserted.
    pub(super) fn new(table: &[String], channel: Option<String>) -> Self {
        const COLUMNS: &str =
            "id, endpoint, sender, event, received_at, duplicate_of, payload, payload_json, envelope";
        let insert = format!(
            "INSERT INTO {} ({COLUMNS}) \
             SELECT id::uuid, endpoint, sender, event, received_at::timestamptz, duplicate_of::uuid, payload, \
             payload_json::jsonb, envelope::jsonb \
             FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) AS entry ({COLUMNS}) ON CONFLICT (id) DO NOTHING",
            quoted(table)
        );
        let sql = match channel {
            None => insert,
            Some(_) => format!(
                "WITH inserted AS ({insert} RETURNING 1) \
                 SELECT pg_notify($10, '') WHERE EXISTS (SELECT FROM inserted)"
            ),
        };
        Self { sql, channel }
    }

    /// Inserts rows, and returns when they are committed. The statement is not prepared: planning takes much less time
    /// than inserting, and a pooler between client and server may not support prepared statements.
    pub(super) async fn run(&self, client: &Client, rows: &[InsertRow<'_>]) -> Result<(), Error> {
        let column =
            |value: for<'a> fn(&InsertRow<'a>) -> Option<&'a str>| rows.iter().map(value).collect::<Vec<_>>();
        let text = [
            column(|row| Some(&row.facts.id)),
            column(|row| Some(&row.facts.endpoint)),
            column(|row| Some(&row.facts.sender)),
            column(|row| row.facts.event.as_deref()),
            column(|row| Some(&row.facts.received_at)),
            column(|row| row.facts.duplicate_of.as_deref()),
        ];
        let json = [column(|row| row.payload_json), column(|row| row.envelope)];
        let payloads: Vec<_> = rows.iter().map(|row| row.payload).collect();
        let as_text = |column| -> (&(dyn ToSql + Sync), Type) { (column, Type::TEXT_ARRAY) };
        let mut parameters: Vec<_> = text.iter().map(|column| as_text(column)).collect();
        parameters.push((&payloads, Type::BYTEA_ARRAY));
        parameters.extend(json.iter().map(|column| as_text(column)));
        if let Some(channel) = &self.channel {
            parameters.push((channel, Type::TEXT));
        }
        client.execute_typed(&self.sql, &parameters).await.map(|_| ())
    }
}
