//! What <https://html.spec.whatwg.org/multipage/server-sent-events.html> says, a case for every sentence.

pub(super) struct Case {
    pub(super) about: &'static str,
    pub(super) bytes: &'static [u8],
    /// Event, id and data.
    pub(super) frames: &'static [(&'static str, Option<&'static str>, &'static str)],
    pub(super) retry_ms: u64,
}

const fn case(
    about: &'static str,
    bytes: &'static [u8],
    frames: &'static [(&'static str, Option<&'static str>, &'static str)],
) -> Case {
    Case { about, bytes, frames, retry_ms: 0 }
}

const fn retry(about: &'static str, bytes: &'static [u8], retry_ms: u64) -> Case {
    Case { about, bytes, frames: &[], retry_ms }
}

pub(super) const CASES: &[Case] = &[
    case("line feeds end lines", b"data: a\n\ndata: b\n\n", &[("", None, "a"), ("", None, "b")]),
    case("carriage returns end lines", b"data: a\r\rdata: b\r\r", &[("", None, "a"), ("", None, "b")]),
    case("a pair of both is one end", b"data: a\r\ndata: b\r\n\r\n", &[("", None, "a\nb")]),
    case(
        "all three in one stream",
        b"data: a\rdata: b\ndata: c\r\n\ndata: d\n\rdata: e\r\n\r",
        &[("", None, "a\nb\nc"), ("", None, "d"), ("", None, "e")],
    ),
    case(
        "a line feed before a carriage return is an empty line",
        b"data: a\n\rdata: b\r\n\r\n",
        &[("", None, "a"), ("", None, "b")],
    ),
    case("a byte order mark before everything is dropped", b"\xEF\xBB\xBFdata: a\n\n", &[("", None, "a")]),
    case("a second one belongs to the field's name", b"\xEF\xBB\xBF\xEF\xBB\xBFdata: a\n\n", &[]),
    case(
        "one anywhere else belongs to its line",
        b"\n\xEF\xBB\xBFdata: a\ndata: \xEF\xBB\xBFb\n\n",
        &[("", None, "\u{feff}b")],
    ),
    case("a byte order mark and nothing else in the first line", b"\xEF\xBB\xBF\ndata: a\n\n", &[("", None, "a")]),
    case("half a byte order mark is no mark", b"\xEF\xBBdata: a\n\ndata: b\n\n", &[("", None, "b")]),
    case("comments are skipped", b": ping\n\n:\ndata: a\n:data: b\ndata: c\n\n", &[("", None, "a\nc")]),
    case(
        "a field without a colon has an empty value",
        b"data\n\ndata\ndata\n\nid\nevent\ndata: a\n\n",
        &[("", None, ""), ("", None, "\n"), ("", Some(""), "a")],
    ),
    case(
        "one leading space is dropped, and only one",
        b"data:a\ndata: b\ndata:  c\ndata:\td\ndata: \n\n",
        &[("", None, "a\nb\n c\n\td\n")],
    ),
    case("a colon in the value is part of it", b"data: {\"a\":1}\nid: 1:2\n\n", &[("", Some("1:2"), "{\"a\":1}")]),
    case("data lines are joined by line feeds", b"data: a\ndata:\ndata: b\n\n", &[("", None, "a\n\nb")]),
    case("empty data is data", b"data\n\ndata:\n\ndata: \n\n", &[("", None, ""), ("", None, ""), ("", None, "")]),
    case("without a data line nothing is dispatched", b"event: a\nid: 1\n\n\n\nevent: b\n\n", &[]),
    case(
        "event and id go with the block they stood in",
        b"event: a\nid: 1\ndata: a\n\ndata: b\n\nevent: c\n\ndata: d\n\n",
        &[("a", Some("1"), "a"), ("", None, "b"), ("", None, "d")],
    ),
    case(
        "the last event and id of a block count, wherever they stand",
        b"event: a\nid: 1\ndata: x\nevent: b\nid: 2\n\n",
        &[("b", Some("2"), "x")],
    ),
    case(
        "an id with NUL does not count",
        b"id: a\0b\ndata: a\n\nid: 1\nid: \0\ndata: b\n\n",
        &[("", None, "a"), ("", Some("1"), "b")],
    ),
    case(
        "unknown fields are skipped, and names are taken literally",
        b"datax: a\nDATA: b\n data: c\nda: d\ndata: e\nx\n\n",
        &[("", None, "e")],
    ),
    case("a block without its empty line is not dispatched", b"data: a\n\ndata: b\n", &[("", None, "a")]),
    case("a line without its end is no line", b"data: a\n\ndata: b\n\ndata: c", &[("", None, "a"), ("", None, "b")]),
    case("a carriage return at the very end is an end", b"data: a\n\r", &[("", None, "a")]),
    case("text of every length", "data: é ✓ 🦀\n\n".as_bytes(), &[("", None, "é ✓ 🦀")]),
    case(
        "broken text is mended, and its line goes on",
        b"data: a\xFFb\xE2\x9C\ndata: \x93\n\n",
        &[("", None, "a\u{fffd}b\u{fffd}\n\u{fffd}")],
    ),
    case("nothing", b"", &[]),
    retry("digits are a delay", b"retry: 1500\n", 1_500),
    retry("the last one counts", b"retry:1\nretry:20\n\n", 20),
    retry("zero is a delay", b"retry: 5\nretry: 0\n", 0),
    retry(
        "anything but digits is not",
        b"retry: 7\nretry: 1.5\nretry: -1\nretry: 1s\nretry: +2\nretry:\nretry\nretry:  9\n",
        7,
    ),
    retry("nor is what no number holds", b"retry: 8\nretry: 99999999999999999999\n", 8),
];
