//! The event stream decoder against the standard's own way of reading.

use tidegate::proto::random::Random;
use tidegate::proto::sse::{FRAME_LIMIT, FrameTooLong, SseDecoder};

use crate::split_first;

/// A frame that outlives its decoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The `event` field.
    pub event: String,
    /// The `id` field.
    pub id: Option<String>,
    /// The `data` lines.
    pub data: String,
}

/// The first byte chooses the cuts and the second the limit; the rest is the body. However it is cut, it gives the frames of
/// [`plainly`], and it is given up where [`frames_within`] says.
pub fn check(data: &[u8]) {
    let (seed, data) = split_first(data);
    let (limit, body) = split_first(data);
    let limit = usize::from(limit);
    let (expected, retry_ms) = plainly(body);
    let within = frames_within(limit, body);
    // An empty chunk says nothing, wherever it comes.
    let bytes = body.chunks(1).flat_map(|byte| [byte, &[]]).collect();
    for cuts in [vec![body], cut_at_random(body, &mut Random::new(seed.into())), bytes] {
        let (frames, told_ms, ended) = decode(FRAME_LIMIT, cuts.iter().copied());
        assert_eq!((&frames, told_ms, ended), (&expected, retry_ms, Ok(())), "cut into {}", cuts.len());
        let (frames, _, ended) = decode(limit, cuts.iter().copied());
        assert_eq!(ended.is_err(), within.is_some(), "cut into {} at a limit of {limit}", cuts.len());
        assert_eq!(
            frames,
            expected[..within.unwrap_or(expected.len())],
            "cut into {} at a limit of {limit}",
            cuts.len()
        );
    }
}

/// What a decoder with this limit makes of the chunks: frames, the delay, and whether it gave up.
pub fn decode<'a>(
    limit: usize,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Kept>, u64, Result<(), FrameTooLong>) {
    let mut decoder = SseDecoder::with_limit(limit);
    let mut frames = Vec::new();
    let mut keep = |chunk| {
        decoder.feed(chunk, |frame, _| {
            frames.push(Kept { event: frame.event.into(), id: frame.id.map(Into::into), data: frame.data.into() });
        })
    };
    let ended = chunks.into_iter().try_for_each(&mut keep);
    (frames, decoder.retry_ms(), ended)
}

/// Pieces of up to eight bytes, some of them empty.
pub fn cut_at_random<'a>(mut bytes: &'a [u8], random: &mut Random) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    while !bytes.is_empty() {
        let (chunk, rest) = bytes.split_at(random.below(9).min(bytes.len() as u64) as usize);
        chunks.push(chunk);
        bytes = rest;
    }
    chunks
}

/// The standard's own way: the whole text first, then its lines. It has no use for a body that is still arriving.
pub fn plainly(bytes: &[u8]) -> (Vec<Kept>, u64) {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let (mut frames, mut retry_ms) = (Vec::new(), 0);
    let (mut event, mut id, mut data) = (String::new(), None, String::new());
    // What is behind the last line feed is no line yet.
    for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "" if line.is_empty() => {
                if let Some(data) = data.strip_suffix('\n') {
                    frames.push(Kept { event, id, data: data.into() });
                }
                (event, id, data) = (String::new(), None, String::new());
            }
            "data" => data.extend([value, "\n"]),
            "event" => event = value.into(),
            "id" if !value.contains('\0') => id = Some(value.into()),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => retry_ms = value.parse().unwrap_or(retry_ms),
            _ => {}
        }
    }
    (frames, retry_ms)
}

/// How many frames there are before one holds more than `limit` bytes, if one does: its data so far and the line behind it,
/// counted as they came.
pub fn frames_within(limit: usize, bytes: &[u8]) -> Option<usize> {
    let (mut frames, mut data) = (0, None);
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| b"\r\n".contains(byte)).unwrap_or(rest.len());
        let (line, behind) = rest.split_at(end);
        if data.unwrap_or(0) + line.len() > limit {
            return Some(frames);
        }
        rest = behind.strip_prefix(b"\r\n").or(behind.get(1..)).unwrap_or_default();
        let line = if std::ptr::eq(line.as_ptr(), bytes.as_ptr()) { without_mark(line) } else { line };
        if line.is_empty() {
            frames += usize::from(data.take().is_some());
        } else if let Some(value) = line.strip_prefix(b"data:") {
            let value = value.strip_prefix(b" ").unwrap_or(value);
            data = Some(data.map_or(0, |held| held + 1) + value.len());
        } else if line == b"data" {
            data = Some(data.map_or(0, |held| held + 1));
        }
    }
    None
}

fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line)
}
