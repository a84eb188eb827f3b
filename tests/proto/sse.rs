//! The decoder against the standard, case by case and then against a plain reading of the same text.

mod cases;

use tidegate::proto::random::Random;
use tidegate::proto::sse::{FRAME_LIMIT, FrameTooLong, SseDecoder};
use tidegate_fuzz::sse::{self, Kept, cut_at_random, plainly};

use cases::CASES;

#[test]
fn every_case_of_the_standard_however_it_is_cut() {
    for case in CASES {
        let expected: Vec<_> = case.frames.iter().map(|&(event, id, data)| frame(event, id, data)).collect();
        let told = |how: &str| format!("{}, {how}", case.about);
        let (frames, retry_ms) = decode([case.bytes]);
        assert_eq!(frames, expected, "{}", told("whole"));
        assert_eq!(retry_ms, case.retry_ms, "{}", told("whole"));
        assert_eq!(plainly(case.bytes), (expected.clone(), retry_ms), "{}", told("read plainly"));
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
        frames_seen += expected.0.len();
        assert_eq!(decode([&bytes[..]]), expected, "round {round}: {:?}", bytes.escape_ascii().to_string());
        let cut = cut_at_random(&bytes, &mut random);
        assert_eq!(decode(cut), expected, "round {round}, cut: {:?}", bytes.escape_ascii().to_string());
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
    assert_eq!(
        feed_all(64, [fits.repeat(50).as_bytes()]),
        Ok(50),
        "the limit is for one frame, not for the connection"
    );
    assert_eq!(feed_all(64, [": ping\n\n".repeat(50).as_bytes(), fits.as_bytes()]), Ok(1));
    let too_long = [
        ("one line", format!("{}\n\n", line(65))),
        ("a line without an end", line(65)),
        ("many lines", format!("{}\n", line(16)).repeat(6)),
        ("lines without a value", "data\n".repeat(100)),
        ("a comment", format!(":{}\n", "x".repeat(64))),
        ("an id", format!("id:{}\n", "x".repeat(64))),
        ("a line behind a byte order mark, which counts", format!("\u{feff}{}\n", line(62))),
    ];
    for (about, text) in too_long {
        assert_eq!(feed_all(64, [text.as_bytes()]), Err(FrameTooLong), "{about}");
        assert_eq!(feed_all(64, text.as_bytes().chunks(1)), Err(FrameTooLong), "{about}, byte by byte");
        assert_eq!(feed_all(64, [fits.as_bytes(), text.as_bytes()]), Err(FrameTooLong), "{about}, after a frame");
    }
}

#[test]
fn the_largest_record_of_the_wire_fits() {
    let mut decoder = SseDecoder::default();
    let chunk = vec![b'x'; 1 << 16];
    let mut count = 0;
    decoder.feed(b"data:", |_, _| ()).unwrap();
    for _ in 0..(FRAME_LIMIT >> 16) - 1 {
        decoder.feed(&chunk, |_, _| ()).unwrap();
    }
    decoder.feed(b"\n\n", |frame, _| count = frame.data.len()).unwrap();
    assert_eq!(count, FRAME_LIMIT - (1 << 16));
    let mut fed = Ok(());
    for _ in 0..=FRAME_LIMIT >> 16 {
        fed = fed.and_then(|()| decoder.feed(&chunk, |_, _| ()));
    }
    assert_eq!(fed, Err(FrameTooLong));
}

fn frame(event: &str, id: Option<&str>, data: &str) -> Kept {
    Kept { event: event.into(), id: id.map(Into::into), data: data.into() }
}

fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Kept>, u64) {
    let (frames, retry_ms, ended) = sse::decode(FRAME_LIMIT, chunks);
    assert_eq!(ended, Ok(()));
    (frames, retry_ms)
}

/// How many frames a decoder with this limit gives.
fn feed_all<'a>(limit: usize, chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<usize, FrameTooLong> {
    let (frames, _, ended) = sse::decode(limit, chunks);
    ended.map(|()| frames.len())
}
