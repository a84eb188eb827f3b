//! Where a test keeps a file.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::Connection;
use tidegate_dev_server::{AppState, Config};

use crate::support::Server;

/// A folder of its own, gone when the test is over.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tidegate-kept-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("dev.db")
    }

    pub(crate) fn open(&self) -> Server {
        Server::on(&self.file(), 1)
    }

    /// Why the file cannot be opened.
    pub(crate) fn refusal(&self) -> String {
        let opened = AppState::open(Config::default(), &self.file());
        opened.err().expect("the file is not opened").to_string()
    }

    /// Its version, and its tables with their columns, in whatever order these came to be.
    pub(crate) fn schema(&self) -> (i64, Vec<String>) {
        let file = Connection::open(self.file()).unwrap();
        let version = file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        let query = "SELECT t.name || '.' || c.name || ' ' || c.type || c.pk || c.\"notnull\"
                     FROM sqlite_schema t, pragma_table_info(t.name) c ORDER BY 1";
        let mut columns = file.prepare(query).unwrap();
        let columns = columns.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        (version, columns)
    }

    /// What was in the file at this moment, on another: as after a kill.
    pub(crate) fn killed(&self) -> Self {
        let copy = Self::new();
        // As long as somebody reads, what is copied second still holds what the first may lack.
        let reader = Connection::open(self.file()).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM runs").unwrap();
        for name in ["dev.db", "dev.db-wal"] {
            fs::copy(self.0.join(name), copy.0.join(name)).unwrap();
        }
        copy
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
