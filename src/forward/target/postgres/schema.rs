//! The table that `hookspool forward --print-schema` prints.

/// The statement that creates the table, with comments that document the columns.
pub fn print_schema(table: &[String]) -> String {
    format!(
        "\
-- One row for each entry. The role of `forward` needs INSERT and SELECT.
CREATE TABLE IF NOT EXISTS {} (
    id uuid PRIMARY KEY,
    endpoint text NOT NULL,
    sender text NOT NULL,
    event text, -- null if the path of the request had no suffix
    received_at timestamptz NOT NULL,
    duplicate_of uuid, -- the first entry with the same payload
    payload bytea NOT NULL, -- the exact bytes
    payload_json jsonb, -- null if the payload is not JSON that PostgreSQL can store
    envelope jsonb,
    stored_at timestamptz NOT NULL DEFAULT now()
);
",
        quoted(table)
    )
}

/// The name of a table as SQL identifiers, with its schema if it has one.
pub(super) fn quoted(table: &[String]) -> String {
    let parts: Vec<_> = table.iter().map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect();
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        let table = |parts: &[&str]| quoted(&parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>());
        assert_eq!(table(&["webhooks"]), "\"webhooks\"");
        assert_eq!(table(&["App", "select"]), "\"App\".\"select\"");
        assert_eq!(table(&["a\"; DROP TABLE b; --"]), "\"a\"\"; DROP TABLE b; --\"");
    }
}
