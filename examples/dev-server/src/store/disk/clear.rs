//! Clears away what was dropped, a little at a time, and gives the room back to the system.
//!
//! A record lies in the order in which it came, and is not found by its stream. So those of streams that are gone are
//! looked for among all, some thousand at once, between other transactions. What a crash leaves, the next start clears
//! away.

use rusqlite::{Connection, Result};

/// How many records are looked at in one step.
const RECORDS: i64 = 4096;
/// How many pages are given back in one.
const PAGES: i64 = 1024;

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Clearing {
    /// The records up to this position have been looked at.
    Records(i64),
    Pages,
}

impl Clearing {
    pub(super) const START: Self = Self::Records(i64::MIN);

    /// Takes a step. `None` when that was the last.
    pub(super) fn step(self, file: &Connection) -> Result<Option<Self>> {
        match self {
            Self::Records(done) => {
                let query = "SELECT max(position) FROM \
                             (SELECT position FROM records WHERE position > ? ORDER BY position LIMIT ?)";
                let Some(end) = file.prepare_cached(query)?.query_row([done, RECORDS], |row| row.get(0))? else {
                    return Ok(Some(Self::Pages));
                };
                let delete = "DELETE FROM records WHERE position > ? AND position <= ? \
                              AND NOT EXISTS (SELECT 1 FROM streams WHERE streams.id = records.stream)";
                file.prepare_cached(delete)?.execute([done, end])?;
                Ok(Some(Self::Records(end)))
            }
            Self::Pages => {
                give_back(file)?;
                let free: i64 = file.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
                Ok((free > 0 && can_give_back(file)?).then_some(Self::Pages))
            }
        }
    }
}

fn give_back(file: &Connection) -> Result<()> {
    let mut pages = file.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let mut rows = pages.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

/// Whether pages can be given back one by one: files from before that was so are written anew for it.
fn can_give_back(file: &Connection) -> Result<bool> {
    const INCREMENTAL: i64 = 2;
    file.pragma_query_value(None, "auto_vacuum", |row| Ok(row.get::<_, i64>(0)? == INCREMENTAL))
}

/// Has a file that is still empty give back what it will not need. Any other goes on as it is.
pub(super) fn prepare(file: &Connection) -> Result<()> {
    file.pragma_update(None, "auto_vacuum", "incremental")
}

/// Writes a file anew that cannot give anything back, when that frees a quarter of it. From then on it can.
pub(super) fn renew(file: &Connection) -> Result<()> {
    let count = |name| file.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (pages, free) = (count("page_count")?, count("freelist_count")?);
    if free > 0 && free * 4 >= pages && !can_give_back(file)? {
        prepare(file)?;
        file.execute_batch("VACUUM")?;
    }
    Ok(())
}
