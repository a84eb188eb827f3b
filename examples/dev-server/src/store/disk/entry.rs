//! What a transaction changes, as rows.

use crate::store::batches::{Batch, Item};
use crate::store::log::{Doubt, Record};
use crate::store::replays::Replay;
use crate::store::run_table::Drops;
use crate::store::shapes::Kept;
use crate::store::waitpoints::Waitpoint;
use crate::store::{InputWait, Object, StreamKey};

/// One row as it is from now on.
pub(in crate::store) enum Entry {
    Run(Box<Kept>),
    Stream {
        number: u64,
        key: StreamKey,
    },
    Record {
        stream: u64,
        record: Record,
        once: Option<String>,
        line: Option<(String, u64)>,
    },
    /// An append to a log that lies elsewhere, on its way.
    Doubt {
        stream: u64,
        doubt: Doubt,
    },
    /// What has become of it.
    NoDoubt {
        stream: u64,
        doubt: Doubt,
        is_there: bool,
    },
    Wait {
        key: StreamKey,
        wait: InputWait,
    },
    NoWait {
        key: StreamKey,
    },
    RunWait {
        run: String,
        position: u32,
        waitpoint: String,
        is_open: bool,
    },
    NoRunWait {
        run: String,
        position: u32,
    },
    NoRunWaits {
        run: String,
    },
    Replay {
        replay: Replay,
        id: String,
        until: u64,
    },
    UsedToken([u8; 32]),
    Waitpoint {
        position: u64,
        waitpoint: Box<Waitpoint>,
    },
    /// Without its items.
    Batch(Box<Batch>),
    Item {
        batch: String,
        index: u64,
        item: Item,
    },
    Object {
        path: String,
        object: Object,
    },
    /// The run, and all that is kept under its id.
    NoRun {
        run: String,
    },
    Drops(Drops),
    NoReplay(Replay),
    NoWaitpoint {
        position: u64,
    },
    NoBatch {
        batch: String,
    },
    NoObject {
        path: String,
    },
    /// What was dropped may be cleared away.
    Clear,
}

/// The changes of one transaction, in order; none are gathered where nobody writes them down.
#[derive(Default)]
pub(in crate::store) struct Entries {
    pub(in crate::store) are_kept: bool,
    list: Vec<Entry>,
}

impl Entries {
    pub(in crate::store) fn note(&mut self, change: impl FnOnce() -> Entry) {
        if self.are_kept {
            self.list.push(change());
        }
    }

    pub(in crate::store) fn take(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.list)
    }
}
