//! The schemas that there have been, and how one becomes the next.

use rusqlite::{Connection, TransactionBehavior};

use super::Problem;

/// Says whose file it is, to `file` and to us: "Tide".
const APPLICATION: i64 = 0x5469_6465;

/// The first makes the first schema; each other one makes the schema before it into its own.
const MIGRATIONS: [&str; 4] =
    [include_str!("1.sql"), include_str!("2.sql"), include_str!("3.sql"), include_str!("4.sql")];

/// Brings a file to the newest schema, from nothing or from any before it, all the way or not at all.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Problem> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let number = |name| transaction.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let version = number("user_version")?;
    let is_empty = || transaction.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0));
    if number("application_id")? != APPLICATION && !is_empty()? {
        return Err(Problem::Foreign);
    }
    let known = MIGRATIONS.len();
    let done = usize::try_from(version).ok().filter(|done| *done <= known).ok_or(Problem::Newer(version))?;
    for migration in &MIGRATIONS[done..] {
        transaction.execute_batch(migration)?;
    }
    if done < known {
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", known)?;
    }
    Ok(transaction.commit()?)
}
