//! What an error of PostgreSQL means for the entries of a batch.

use tokio_postgres::Error;

use super::Verdict;
use crate::diagnostic::with_causes;
use crate::escape::Escaped;

/// What an error affects.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scope {
    /// Some of the rows, which will never be accepted.
    Rows,
    /// Some of the rows, which may be accepted later: a trigger or a limit of the server rejects them.
    RowsForNow,
    /// The statement.
    Statement,
    /// The connection or the whole server.
    Server,
}

/// An error, in one line that contains neither values of a row nor a password.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct PostgresFault {
    pub(super) scope: Scope,
    pub(super) reason: String,
    /// Whether the value of `payload_json` may be the cause: it is JSON, but not for PostgreSQL.
    pub(super) may_be_json: bool,
}

impl PostgresFault {
    /// The error of a statement.
    pub(super) fn of_statement(error: &Error) -> Self {
        let code = error.code().map(tokio_postgres::error::SqlState::code);
        let scope = code.map_or(Scope::Server, scope);
        let may_be_json = code.is_some_and(|code| code.starts_with("22") || code.starts_with("54"));
        let lost = if scope == Scope::Server { "the connection to PostgreSQL was lost: " } else { "" };
        Self { scope, reason: format!("{lost}{}", described(error)), may_be_json }
    }

    /// The error of a connection that could not be opened.
    pub(super) fn of_connecting(error: &Error) -> Self {
        let reason = format!("cannot connect to PostgreSQL: {}", described(error));
        Self { scope: Scope::Server, reason, may_be_json: false }
    }

    /// Whether rows cause it, rather than the statement or the server.
    pub(super) fn is_about_rows(&self) -> bool {
        matches!(self.scope, Scope::Rows | Scope::RowsForNow)
    }

    /// The verdict on an entry.
    pub(super) fn verdict(self) -> Verdict {
        let reason = self.reason;
        match self.scope {
            Scope::Rows => Verdict::Failed { reason },
            Scope::RowsForNow | Scope::Statement => Verdict::Retry { after: None, reason },
            Scope::Server => Verdict::Unreachable { reason },
        }
    }
}

/// What a SQLSTATE affects (PostgreSQL manual, appendix A).
fn scope(code: &str) -> Scope {
    match (code.get(..2).unwrap_or_default(), code) {
        // Data exceptions and violated constraints.
        ("22" | "23", _) => Scope::Rows,
        // Exceeded limits (a value that is too long for an index, JSON that is nested too deeply), and triggers.
        ("54" | "P0", _) => Scope::RowsForNow,
        // Connection and authentication.
        ("08" | "28", _) => Scope::Server,
        // No such database; too many connections; the server shuts down, has crashed or is starting.
        (_, "3D000" | "53300" | "57P01" | "57P02" | "57P03" | "57P04" | "57P05") => Scope::Server,
        _ => Scope::Statement,
    }
}

/// What solves it, if the message of PostgreSQL does not say so.
fn hint(code: &str) -> &'static str {
    match code {
        "42P01" | "3F000" => {
            "; `hookspool forward --print-schema` prints the statement that creates the table"
        }
        "42703" | "42804" | "42P10" => {
            "; `hookspool forward --print-schema` prints the columns that it needs"
        }
        "42501" => "; the role needs INSERT and SELECT on the table",
        _ => "",
    }
}

/// The error without PostgreSQL's DETAIL, which quotes values.
fn described(error: &Error) -> String {
    if let Some(fault) = error.as_db_error() {
        let code = fault.code().code();
        return format!("{} (SQLSTATE {code}){}", Escaped(fault.message()), hint(code));
    }
    Escaped(&with_causes(error)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_errors_have_the_scope_that_the_contract_states() {
        let table: [(Scope, &[&str]); 4] = [
            (Scope::Rows, &["22021", "22P02", "22P05", "22003", "22001", "23502", "23505", "23514"]),
            (Scope::RowsForNow, &["54000", "54001", "P0001"]),
            (
                Scope::Statement,
                &[
                    "40001", "40P01", "42P01", "42703", "42501", "25006", "53100", "55P03", "57014", "XX000",
                    "",
                ],
            ),
            (Scope::Server, &["08006", "28P01", "28000", "3D000", "53300", "57P01", "57P02", "57P03"]),
        ];
        for (expected, codes) in table {
            for code in codes {
                assert_eq!(scope(code), expected, "{code}");
            }
        }
    }

    #[test]
    fn only_a_row_that_is_never_accepted_fails() {
        let verdict = |scope| PostgresFault { scope, reason: "why".to_owned(), may_be_json: false }.verdict();
        let reason = "why".to_owned();
        assert_eq!(verdict(Scope::Rows), Verdict::Failed { reason: reason.clone() });
        assert_eq!(verdict(Scope::RowsForNow), Verdict::Retry { after: None, reason: reason.clone() });
        assert_eq!(verdict(Scope::Statement), Verdict::Retry { after: None, reason: reason.clone() });
        assert_eq!(verdict(Scope::Server), Verdict::Unreachable { reason });
    }
}
