//! The decoder against the standard, case by case and then against a plain reading of the same text.

mod cases;

use tidegate::proto::random::Random;
use tidegate::proto::sse::{FRAME_LIMIT, FrameTooLong, SseDecoder};

use cases::CASES;

#[test]
fn every_case_of_the_standard_however_it_is_cut() {
    for case in CASES {
        let expected: Vec<_> = case.frames.iter().map(|&(event, id, data)| frame(event, id, data)).collect();
        let told = |how: &str| format!("{}, {how}", case.about);
        let (frames, retry_ms) = decode([case.bytes]);
        assert_eq!(frames, expected, "{}", told("whole"));
        assert_eq!(retry_ms, case.retry_ms, "{}", told("whole"));
        assert_eq!(plainly(case.bytes), expected, "{}", told("read plainly"));
        assert_eq!(decode(case.bytes.chunks(1)), (expected.clone(), retry_ms), "{}", told("byte by byte"));
        for first in 0..=case.bytes.len() {
            for second in first..=case.bytes.len() {
                let pieces = [&case.bytes[..first], &case.bytes[first..second], &case.bytes[second..]];
                let how = format!("cut at {first} and {second}");
                assert_eq!(decode(pieces), (expected.clone(), retry_ms), "{}", told(&how));
            }
        }
    }
}

#[test]
fn random_bytes_are_read_as_the_plain_reading_reads_them() {
    let pieces: [&[u8]; 19] = [
        b"data",
        b"data:",
        b"data: ",
        b"event:",
        b"id: ",
        b"retry:",
        b":",
        b" ",
        b"\n",
        b"\n\n",
        b"\r",
        b"\r\n",
        b"\0",
        b"7",
        b"x",
        b"\xEF\xBB\xBF",
        b"\xE2\x9C",
        b"\x93",
        b"\xFF",
    ];
    let mut random = Random::new(4);
    let mut frames_seen = 0;
    for round in 0..3_000 {
        let mut bytes = Vec::new();
        for _ in 0..random.below(60) {
            bytes.extend_from_slice(pieces[random.below(pieces.len() as u64) as usize]);
        }
        let expected = plainly(&bytes);
        frames_seen += expected.len();
        assert_eq!(decode([&bytes[..]]).0, expected, "round {round}: {:?}", bytes.escape_ascii().to_string());
        let cut = cut_at_random(&bytes, &mut random);
        assert_eq!(decode(cut).0, expected, "round {round}, cut: {:?}", bytes.escape_ascii().to_string());
    }
    assert!(frames_seen > 1_000, "only {frames_seen} frames came up");
}

#[test]
fn broken_utf_8_becomes_replacement_characters() {
    let mut random = Random::new(5);
    for _ in 0..1_000 {
        let broken: Vec<u8> = (0..12).map(|_| random.next() as u8 | 0x80).collect();
        let bytes = [b"id:", &broken[..], b"\nevent:", &broken, b"\ndata:", &broken, b"\n\n"].concat();
        let text = String::from_utf8_lossy(&broken);
        let (frames, _) = decode(cut_at_random(&bytes, &mut random));
        assert_eq!(frames, [frame(&text, Some(&text), &text)]);
    }
}

#[test]
fn a_frame_may_fill_its_limit_and_no_more() {
    let line = |length: usize| format!("data: {}", "x".repeat(length - "data: ".len()));
    let fits = format!("{}\n\n", line(64));
    assert_eq!(feed_all(64, &[&fits.repeat(50)]), Ok(50), "the limit is for one frame, not for the connection");
    assert_eq!(feed_all(64, &[&": ping\n\n".repeat(50), &fits]), Ok(1));
    let too_long = [
        ("one line", format!("{}\n\n", line(65))),
        ("a line without an end", line(65)),
        ("many lines", format!("{}\n", line(16)).repeat(6)),
        ("lines without a value", "data\n".repeat(100)),
        ("a comment", format!(":{}\n", "x".repeat(64))),
        ("an id", format!("id:{}\n", "x".repeat(64))),
    ];
    for (about, text) in too_long {
        let bytes: Vec<_> = text.split("").collect();
        assert_eq!(feed_all(64, &[&text]), Err(FrameTooLong), "{about}");
        assert_eq!(feed_all(64, &bytes), Err(FrameTooLong), "{about}, byte by byte");
        assert_eq!(feed_all(64, &[&fits, &text]), Err(FrameTooLong), "{about}, after a frame");
    }
}

#[test]
fn the_largest_record_of_the_wire_fits() {
    let mut decoder = SseDecoder::default();
    let chunk = vec![b'x'; 1 << 16];
    let mut count = 0;
    decoder.feed(b"data:", |_| ()).unwrap();
    for _ in 0..(FRAME_LIMIT >> 16) - 1 {
        decoder.feed(&chunk, |_| ()).unwrap();
    }
    decoder.feed(b"\n\n", |frame| count = frame.data.len()).unwrap();
    assert_eq!(count, FRAME_LIMIT - (1 << 16));
    let mut fed = Ok(());
    for _ in 0..=FRAME_LIMIT >> 16 {
        fed = fed.and_then(|()| decoder.feed(&chunk, |_| ()));
    }
    assert_eq!(fed, Err(FrameTooLong));
}

/// A frame that outlives its decoder.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    event: String,
    id: Option<String>,
    data: String,
}

fn frame(event: &str, id: Option<&str>, data: &str) -> Kept {
    Kept { event: event.into(), id: id.map(Into::into), data: data.into() }
}

fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Kept>, u64) {
    let mut decoder = SseDecoder::default();
    let mut frames = Vec::new();
    for chunk in chunks {
        let fed = decoder.feed(chunk, |found| frames.push(frame(found.event, found.id, found.data)));
        assert_eq!(fed, Ok(()));
    }
    (frames, decoder.retry_ms())
}

/// How many frames a decoder with this limit gives.
fn feed_all(limit: usize, chunks: &[&str]) -> Result<usize, FrameTooLong> {
    let mut decoder = SseDecoder::with_limit(limit);
    let mut count = 0;
    for chunk in chunks {
        decoder.feed(chunk.as_bytes(), |_| count += 1)?;
    }
    Ok(count)
}

fn cut_at_random<'a>(mut bytes: &'a [u8], random: &mut Random) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    while !bytes.is_empty() {
        let (chunk, rest) = bytes.split_at(random.below(9).min(bytes.len() as u64) as usize);
        chunks.push(chunk);
        bytes = rest;
    }
    chunks
}

/// The standard's own way: the whole text first, then its lines. It has no use for a body that is still arriving.
fn plainly(bytes: &[u8]) -> Vec<Kept> {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut frames = Vec::new();
    let (mut event, mut id, mut data) = (String::new(), None, String::new());
    // What is behind the last line feed is no line yet.
    for line in text.rsplit_once('\n').map_or("", |(lines, _)| lines).split('\n').take(text.matches('\n').count()) {
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
            _ => {}
        }
    }
    frames
}
