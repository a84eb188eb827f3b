//! Bytes to server-sent event frames, as <https://html.spec.whatwg.org/multipage/server-sent-events.html> says.
//!
//! One decoder lives as long as one connection. The cursor does not live here: it must outlive the connection.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::text::{find, line_end, parse_digits};

/// The most a frame may hold before its blank line: 16 MiB. The largest record of the wire is 1 MiB, escaped once more.
pub const FRAME_LIMIT: usize = 16 << 20;

/// One dispatched block.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The `event` field, empty when there was none.
    pub event: &'a str,
    /// The `id` field of this very block. Ids with NUL do not count, as the standard says.
    pub id: Option<&'a str>,
    /// The `data` lines, joined by line feeds. Invalid UTF-8 has become U+FFFD.
    pub data: &'a str,
    /// What came before it.
    pub standing: Standing,
}

/// How a frame stands among what else comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Right behind another, or first.
    #[default]
    Next,
    /// Behind a comment, by which a server says that it has nothing to say.
    AfterComment,
    /// It was kept, and a line follows it now, or nothing more is awaited.
    Again,
}

/// Tells how much data there is, and nothing of it.
impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({:?}, {:?}, {} bytes)", self.event, self.id, self.data.len())
    }
}

// Not with an answer: its type would be that of the functions that format, and all of them would stay in the module.
type OnFrame<'a> = &'a mut dyn FnMut(Frame<'_>, &mut Standing);

/// A block grew past [`FRAME_LIMIT`]. The connection cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTooLong;

/// Decodes one response body, however its bytes are cut.
pub struct SseDecoder {
    limit: usize,
    /// An unfinished line, kept in one piece so that joining stays linear.
    line: Vec<u8>,
    data: Vec<u8>,
    /// Where in it the data begins: the first line of it stays where it was gathered, since a copy of a large one shows.
    data_from: usize,
    has_data: bool,
    event: String,
    id: String,
    has_id: bool,
    retry_ms: u64,
    /// A carriage return ended the last chunk: a line feed next belongs to it.
    after_return: bool,
    /// Only the very first line may begin with a byte order mark.
    first_line: bool,
    /// How the next frame stands, or the one that is kept.
    standing: Standing,
}

/// Tells how much is held, and nothing of it.
impl fmt::Debug for SseDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SseDecoder({} bytes held)", self.line.len() + self.data.len())
    }
}

impl Default for SseDecoder {
    fn default() -> Self {
        Self::with_limit(FRAME_LIMIT)
    }
}

impl SseDecoder {
    /// A decoder with another limit than [`FRAME_LIMIT`].
    pub fn with_limit(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            data: Vec::new(),
            data_from: 0,
            has_data: false,
            event: String::new(),
            id: String::new(),
            has_id: false,
            retry_ms: 0,
            after_return: false,
            first_line: true,
            standing: Standing::Next,
        }
    }

    /// The last `retry` field: how long the server asks to wait before a reconnect. 0 when it does not ask.
    pub const fn retry_ms(&self) -> u64 {
        self.retry_ms
    }

    /// How the next frame stands, or [`Standing::Again`] while one is kept.
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// Takes the next bytes, if any, and hands out every frame they complete. One that is marked as [`Standing::Again`] is kept, and comes
    /// again when a line follows it, or with the next call.
    pub fn feed(
        &mut self,
        chunk: &[u8],
        mut on_frame: impl FnMut(Frame<'_>, &mut Standing),
    ) -> Result<(), FrameTooLong> {
        self.take_chunk(chunk, &mut on_frame)
    }

    /// One piece of code for every caller.
    fn take_chunk(&mut self, mut chunk: &[u8], on_frame: OnFrame<'_>) -> Result<(), FrameTooLong> {
        self.settle(on_frame);
        // An empty chunk says nothing about what comes next.
        if self.after_return && !chunk.is_empty() {
            self.after_return = false;
            if let [b'\n', rest @ ..] = chunk {
                chunk = rest;
            }
        }
        while let Some(end) = line_end(chunk) {
            let (line, rest) = chunk.split_at(end);
            self.line.extend_from_slice(line);
            self.take_line(on_frame)?;
            chunk = match rest {
                [b'\r', b'\n', rest @ ..] => rest,
                [b'\r'] => {
                    self.after_return = true;
                    &[]
                }
                _ => &rest[1..],
            };
        }
        self.line.extend_from_slice(chunk);
        self.check_limit(self.line.len())
    }

    fn take_line(&mut self, on_frame: OnFrame<'_>) -> Result<(), FrameTooLong> {
        self.settle(on_frame);
        let mut whole = core::mem::take(&mut self.line);
        // With its mark, as it is counted while it arrives: where a body is given up must not depend on how it was cut.
        self.check_limit(whole.len())?;
        let first = core::mem::take(&mut self.first_line);
        let line = if first { whole.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&whole) } else { &whole };
        let (name, value) = match find(line, b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        let value = if let [b' ', rest @ ..] = value { rest } else { value };
        match name {
            _ if line.is_empty() => self.dispatch(on_frame),
            b"data" if self.has_data => {
                self.data.push(b'\n');
                self.data.extend_from_slice(value);
            }
            b"data" => {
                self.has_data = true;
                self.data_from = whole.len() - value.len();
                core::mem::swap(&mut self.data, &mut whole);
            }
            b"event" => keep(&mut self.event, value),
            b"id" if find(value, 0).is_none() => {
                keep(&mut self.id, value);
                self.has_id = true;
            }
            b"retry" => self.retry_ms = parse_digits(value).unwrap_or(self.retry_ms),
            b"" => self.standing = Standing::AfterComment,
            // A field the standard does not know.
            _ => {}
        }
        whole.clear();
        self.line = whole;
        Ok(())
    }

    fn settle(&mut self, on_frame: OnFrame<'_>) {
        if self.standing == Standing::Again {
            self.dispatch(on_frame);
        }
    }

    fn dispatch(&mut self, on_frame: OnFrame<'_>) {
        if self.has_data {
            let id = self.has_id.then_some(&*self.id);
            let data = &decode(&self.data[self.data_from..]);
            let standing = core::mem::take(&mut self.standing);
            on_frame(Frame { event: &self.event, id, data, standing }, &mut self.standing);
            if self.standing == Standing::Again {
                return;
            }
        }
        self.has_data = false;
        self.data.clear();
        self.data_from = 0;
        self.event.clear();
        self.has_id = false;
    }

    fn check_limit(&self, line: usize) -> Result<(), FrameTooLong> {
        if self.data.len() - self.data_from + line > self.limit { Err(FrameTooLong) } else { Ok(()) }
    }
}

/// In the place of what was there: its memory is used again.
fn keep(field: &mut String, value: &[u8]) {
    field.clear();
    field.push_str(&decode(value));
}

/// The text, with U+FFFD for what is none. Checked first, which is several times as fast as repairing it.
fn decode(bytes: &[u8]) -> Cow<'_, str> {
    core::str::from_utf8(bytes).map_or_else(|_| Cow::Owned(repair(bytes)), Cow::Borrowed)
}

/// As `String::from_utf8_lossy`, whose code is four times as large.
fn repair(mut bytes: &[u8]) -> String {
    let mut text = String::new();
    loop {
        let (valid, broken) = match core::str::from_utf8(bytes) {
            Ok(_) => (bytes.len(), 0),
            Err(error) => (error.valid_up_to(), error.error_len().unwrap_or(usize::MAX)),
        };
        text.push_str(core::str::from_utf8(&bytes[..valid]).unwrap_or_default());
        if broken == 0 {
            return text;
        }
        text.push('\u{FFFD}');
        bytes = bytes[valid..].get(broken..).unwrap_or_default();
    }
}
