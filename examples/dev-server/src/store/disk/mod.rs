//! The file in which a store lives on.
//!
//! Reads are answered from the tables in memory, which are filled from the file at the start. Every transaction on them
//! hands its [`Entry`]s to a thread that writes those of many transactions in one. Whoever tells anyone what he has
//! seen in the tables waits until it is written ([`Journal::written`]), so nothing that was ever told is lost, and what
//! a crash loses nobody has heard of.

mod clear;
mod entry;
mod journal;
mod load;
mod save;
mod schema;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

pub(super) use entry::{Entries, Entry};
pub(super) use journal::Journal;

use super::tables::Tables;

/// How long another program may keep the file locked, as a shell that writes to it does.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a database cannot be used. Prints as a sentence that says what to do.
#[derive(Debug)]
pub struct DatabaseError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    InUse,
    Foreign,
    Newer(i64),
    Sqlite(rusqlite::Error),
    Folder(std::io::Error),
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.problem {
            Problem::InUse => write!(
                out,
                "{path} is in use by another tidegate-dev; stop that one, or give --data another file, or --memory"
            ),
            Problem::Foreign => write!(out, "{path} was not made by tidegate-dev; give --data another file"),
            Problem::Newer(version) => write!(
                out,
                "{path} was written by a newer tidegate-dev (schema {version}); use that one, or give --data another file"
            ),
            Problem::Sqlite(error) => write!(out, "cannot use {path} as the database: {error}"),
            Problem::Folder(error) => write!(out, "cannot make the folder of {path}: {error}"),
        }
    }
}

impl std::error::Error for DatabaseError {}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// What there is in a file, which is made if it is missing, and the journal that goes on with it.
pub(super) fn open(path: &Path) -> Result<(Tables, Journal), DatabaseError> {
    try_open(path).map_err(|problem| DatabaseError { path: path.to_owned(), problem })
}

fn try_open(path: &Path) -> Result<(Tables, Journal), Problem> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        make_folder(folder).map_err(Problem::Folder)?;
    }
    let lock = lock(path)?;
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    clear::prepare(&connection)?;
    schema::migrate(&mut connection)?;
    // For now it may be in the way of somebody who looks into the file, and it can be done the next time.
    let _ = clear::renew(&connection);
    connection.pragma_update(None, "journal_mode", "wal")?;
    // A commit is in the hands of the operating system then: it outlives the process, though not a power failure.
    connection.pragma_update(None, "synchronous", "normal")?;
    let (tables, has_strays) = load::load(&connection)?;
    Ok((tables, Journal::start(connection, lock, has_strays)))
}

/// A folder for this user alone, which version control passes over.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    std::fs::write(folder.join(".gitignore"), "*\n")
}

/// Keeps others of this program from the file, without keeping anyone from looking into it: the lock is on a file
/// beside it, and the system gives it up when the process ends, however it ends.
fn lock(path: &Path) -> Result<Connection, Problem> {
    let mut beside = path.as_os_str().to_owned();
    beside.push("-lock");
    let lock = Connection::open(beside)?;
    lock.busy_timeout(Duration::ZERO)?;
    lock.execute_batch("PRAGMA journal_mode = memory; BEGIN EXCLUSIVE").map_err(|error| {
        let is_busy = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy);
        if is_busy { Problem::InUse } else { error.into() }
    })?;
    Ok(lock)
}
