//! A table in PostgreSQL: one transaction for each batch, and one row for each entry.

mod json;
mod schema;
mod rows;
mod fault;
mod pool;

pub use schema::print_schema;

use futures_util::future::{BoxFuture, FutureExt as _};

use self::fault::PostgresFault;
use self::pool::Pool;
use self::rows::{Insert, InsertRow};
use super::{BatchLimits, Target, TargetFault, Verdict};
use crate::forward::delivery::Delivery;
use crate::forward::settings::PostgresSettings;

/// A table in PostgreSQL.
#[derive(Debug)]
pub(super) struct PostgresTarget {
    pool: Pool,
    insert: Insert,
}

impl PostgresTarget {
    /// Creates the target. It connects with its first attempt.
    ///
    /// # Errors
    /// If the URL or a CA certificate cannot be used.
    pub(super) fn new(settings: &PostgresSettings) -> Result<Self, TargetFault> {
        let insert = Insert::new(&settings.table, settings.notify.clone());
        Ok(Self { pool: Pool::new(settings)?, insert })
    }

    async fn attempt(&self, batch: &[Delivery]) -> Vec<Verdict> {
        let mut verdicts = vec![None; batch.len()];
        let rows: Vec<_> =
            batch.iter().enumerate().map(|(position, entry)| InsertRow::new(position, entry)).collect();
        let result = self.store(&rows, &mut verdicts).await;
        let rest =
            result.map_or_else(PostgresFault::verdict, |()| Verdict::Done { detail: "committed".into() });
        verdicts.into_iter().map(|verdict| verdict.unwrap_or_else(|| rest.clone())).collect()
    }

    /// Inserts rows, and sets the verdicts on those that were inserted or rejected. After an error that some rows
    /// cause, the rows are halved until those are alone. If its JSON may be the cause, such a row is tried without
    /// `payload_json` too.
    async fn store(
        &self,
        rows: &[InsertRow<'_>],
        verdicts: &mut [Option<Verdict>],
    ) -> Result<(), PostgresFault> {
        if rows.is_empty() {
            return Ok(());
        }
        let connection = self.pool.take().await.map_err(|error| PostgresFault::of_connecting(&error))?;
        let insert = async |rows: &[InsertRow<'_>]| {
            connection.insert(&self.insert, rows).await.map_err(|error| PostgresFault::of_statement(&error))
        };
        let mut waiting = vec![rows];
        while let Some(rows) = waiting.pop() {
            let mut result = insert(rows).await;
            if let (Err(fault), [row]) = (&result, rows)
                && fault.may_be_json
                && let Some(row) = row.without_json()
            {
                result = insert(&[row]).await;
            }
            let verdict = match result {
                Ok(()) => Verdict::Done { detail: "committed".into() },
                Err(fault) if !fault.is_about_rows() => return Err(fault),
                Err(fault) if rows.len() == 1 => fault.verdict(),
                Err(_) => {
                    let (first, second) = rows.split_at(rows.len() / 2);
                    waiting.extend([second, first]);
                    continue;
                }
            };
            rows.iter().for_each(|row| verdicts[row.position] = Some(verdict.clone()));
        }
        connection.give_back();
        Ok(())
    }
}

impl Target for PostgresTarget {
    fn limits(&self) -> BatchLimits {
        BatchLimits { entries: 500, bytes: 8 << 20 }
    }

    fn deliver<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Verdict>> {
        self.attempt(batch).boxed()
    }
}
