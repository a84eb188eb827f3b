//! Frames of one chunk to effects: parts in batches, large ones alone, and nothing that is only half there.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;

use super::cursor::Cursor;
use super::http::StreamVersion;
use super::records::{self, Body, Form, Record, Signal};
use super::sse::{Frame, Standing};
use super::status::StreamStatus;
use super::table::Queue;

/// From this many bytes on a part is parsed by JavaScript alone. For less, crossing on its own costs more than is saved.
const LARGE_FROM: usize = 16 << 10;

/// What a subscription has to tell.
#[derive(Clone, PartialEq, Eq)]
pub enum Effect {
    /// It has a new status.
    Status(StreamStatus),
    /// Parts, in order.
    Parts(Parts),
    /// A record that is not what the protocol says.
    Unreadable {
        /// Its position.
        id: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// What was read in one go.
#[derive(Clone, PartialEq, Eq)]
pub struct Parts {
    /// What holds them. If it turns out not to be readable, it is a record that is not what the protocol says.
    pub text: String,
    /// How it holds them.
    pub form: Form,
    /// The place behind the last of them: resume there. Empty where none is known.
    pub last_event_id: String,
}

/// Tells how much was read, and nothing of it.
impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parts({} bytes, {:?}, {:?})", self.text.len(), self.form, self.last_event_id)
    }
}

/// Tells how much was read, and nothing of it.
impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "Status({status:?})"),
            Self::Parts(parts) => write!(f, "{parts:?}"),
            Self::Unreadable { id, reason } => write!(f, "Unreadable({id:?}, {reason:?})"),
        }
    }
}

/// What a reader takes in: where it stands, and what it has to tell.
#[derive(Debug)]
pub struct Intake {
    /// Where it stands.
    pub cursor: Cursor,
    /// What it has to tell.
    pub effects: Queue<Effect>,
    /// From this size on parts are handed over alone and unread. From 0 on every one is alone.
    pub large_from: usize,
    /// An answer was waited for in vain, as where a proxy keeps each until it is whole: windows are short, until something comes of one
    /// while it is open. Nothing follows in them, so a number is taken at its word.
    pub held_back: bool,
    /// Parts of this chunk, gathered.
    json: String,
    /// There was news in this chunk.
    heard: bool,
}

impl Intake {
    /// From behind `last_event_id`, or from the beginning if it is empty.
    pub fn new(last_event_id: &str) -> Self {
        Self {
            cursor: Cursor::new(last_event_id),
            effects: Queue::default(),
            large_from: LARGE_FROM,
            held_back: false,
            json: String::new(),
            heard: false,
        }
    }

    /// Takes the records of a frame. One that may be half a line, and looks like it, is kept the first time by whoever is `wary` of it.
    pub fn read(
        &mut self,
        version: StreamVersion,
        frame: &Frame<'_>,
        may_be_half: bool,
        wary: bool,
        standing: &mut Standing,
    ) -> Signal {
        // What may be half is not left unread.
        let large_from = if may_be_half && wary { usize::MAX } else { self.large_from };
        records::read(version, frame, large_from, |record| {
            if may_be_half && wary && frame.standing != Standing::Again && self.is_open(&record.body) {
                *standing = Standing::Again;
                return;
            }
            self.take(&record);
            if may_be_half {
                self.cursor.leave_open(record.length());
            }
        })
    }

    /// Whether it may be the beginning of a longer line: what is not JSON yet, or a number.
    fn is_open(&self, body: &Body<'_>) -> bool {
        match body {
            Body::Unreadable(_) => true,
            Body::Part { json, .. } => !self.held_back && matches!(json.as_bytes(), [b'-' | b'0'..=b'9', ..]),
            Body::Skipped => false,
        }
    }

    /// Whether the end of the log, of which it now knows where that is, has been reached.
    pub fn is_at(&mut self, tail: u64) -> bool {
        self.cursor.settle(tail);
        self.cursor.is_at(tail)
    }

    fn take(&mut self, record: &Record<'_>) {
        // What is told alone comes behind what was before it.
        if self.large_from == 0
            || matches!(record.body, Body::Unreadable(_) | Body::Part { form: Form::Plain | Form::Envelope, .. })
        {
            self.flush();
        }
        if !self.cursor.pass(record.position, record.length()) {
            return;
        }
        self.heard = true;
        match &record.body {
            Body::Part { part_id: Some(id), .. } if !self.cursor.note_part(id) => {}
            Body::Part { json, form: Form::Checked, .. } => {
                self.json.push(if self.json.is_empty() { '[' } else { ',' });
                self.json.push_str(json);
            }
            Body::Part { json, form, .. } => self.tell((*json).to_owned(), *form),
            Body::Skipped => {}
            Body::Unreadable(reason) => {
                let id = self.cursor.last_event_id();
                self.effects.push(Effect::Unreadable { id, reason });
            }
        }
    }

    /// The chunk is over. Whether there was news in it.
    pub fn finish(&mut self) -> bool {
        self.flush();
        core::mem::take(&mut self.heard)
    }

    fn flush(&mut self) {
        if !self.json.is_empty() {
            let mut json = core::mem::take(&mut self.json);
            json.push(']');
            self.tell(json, Form::Checked);
        }
    }

    fn tell(&mut self, text: String, form: Form) {
        let last_event_id = self.cursor.last_event_id();
        self.effects.push(Effect::Parts(Parts { text, form, last_event_id }));
    }
}
