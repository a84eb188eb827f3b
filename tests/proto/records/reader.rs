//! What a reader makes of records that come again, cannot be read, or end in the middle.

use serde_json::json;
use tidegate::proto::cursor::Cursor;
use tidegate::proto::http::{RequestKind, StreamVersion};
use tidegate::proto::intake::{Effect, Parts};
use tidegate::proto::random::Random;
use tidegate::proto::records::Position;
use tidegate::proto::status::StreamStatus;
use tidegate::proto::subscription::Subscription;
use tidegate::proto::time::Instant;

#[test]
fn a_record_that_comes_again_is_told_once() {
    let mut reader = Reader::new(StreamVersion::V2);
    let first = batch(&[(0, "a"), (1, "b")]);
    assert_eq!(reader.feed(&first), ["parts [0,1] at 1"]);
    assert_eq!(reader.feed(&first), [""; 0], "the same batch");
    assert_eq!(reader.feed(&batch(&[(1, "b"), (2, "c"), (2, "c"), (1, "x"), (3, "d")])), ["parts [2,3] at 3"]);
    reader.reconnect();
    assert_eq!(reader.feed(&batch(&[(0, "a"), (3, "d"), (4, "e")])), ["parts [4] at 4"], "another connection");
}

#[test]
fn a_part_that_was_written_twice_is_told_once() {
    let mut reader = Reader::new(StreamVersion::V2);
    assert_eq!(reader.feed(&batch(&[(0, "a"), (1, "a"), (2, "b")])), ["parts [0,2] at 2"]);
    reader.reconnect();
    assert_eq!(reader.feed(&batch(&[(3, "b"), (4, "a")])), [""; 0], "another connection");
    assert_eq!(reader.resumes_behind(), "4", "it moves the cursor all the same");
    assert_eq!(reader.feed(&batch(&[(5, ""), (6, "")])), ["parts [5,6] at 6"], "an empty id names nothing");
}

#[test]
fn at_least_the_last_five_thousand_part_ids_are_known() {
    let mut cursor = Cursor::default();
    let id = |number: usize| format!("part-{number}");
    for number in 0..12_000 {
        assert!(cursor.note_part(&id(number)), "{number} is new");
        assert!(!cursor.note_part(&id(number.saturating_sub(4_999))), "with {number}, one of 5000 ago is known");
    }
    assert!(cursor.note_part(&id(0)), "what is long gone is not kept for ever");
}

#[test]
fn in_v1_records_may_share_an_id_and_none_goes_back() {
    let mut reader = Reader::new(StreamVersion::V1);
    let frame = |id: &str, data: &str| format!("id: {id}\ndata: {data}\n\n");
    let shared = ["1000-0", "1000-0", "1000-1"].map(|id| frame(id, "1")).concat();
    assert_eq!(reader.feed(&shared), ["parts [1,1,1] at 1000-1+1+0+999-0"]);
    assert_eq!(reader.feed(&frame("1000-0", "2")), [""; 0]);
    assert_eq!(reader.feed(&frame("999-7", "2")), [""; 0]);
    assert_eq!(
        reader.feed(&frame("1000-10", "3")),
        ["parts [3] at 1000-10+1+0+999-0"],
        "compared as numbers, not as text"
    );
    assert_eq!(
        reader.feed("data: 4\n\n"),
        ["parts [4] at 1000-10+1+0+999-0"],
        "without an id it cannot be resumed from"
    );
    assert_eq!(reader.feed(&frame("strange", "5")), ["parts [5] at strange"], "an id that cannot be compared is news");
}

#[test]
fn parts_on_both_sides_of_an_unreadable_record_keep_their_order() {
    let mut reader = Reader::new(StreamVersion::V2);
    let records = [record(0, "{\"data\":0}"), record(1, "plain"), record(2, "{\"data\":2}")];
    let data = json!({ "records": records });
    assert_eq!(
        reader.feed(&format!("event: batch\ndata: {data}\n\n")),
        ["parts [0] at 0", "unreadable at 1", "parts [2] at 2"]
    );
    assert_eq!(reader.feed(&format!("event: batch\ndata: {data}\n\n")), [""; 0], "nor is it reported twice");
}

#[test]
fn all_frames_of_a_chunk_are_one_batch() {
    let mut reader = Reader::new(StreamVersion::V2);
    let chunk = [&batch(&[(0, "a")]), "event: ping\ndata: {}\n\n", &batch(&[(1, "b")]), "data: [DONE]\n\n"].concat();
    assert_eq!(reader.feed(&chunk), ["parts [0,1] at 1"]);
}

#[test]
fn skipped_records_move_the_cursor() {
    let mut reader = Reader::new(StreamVersion::V2);
    let command = json!({ "records": [{ "seq_num": 5, "body": "", "headers": [["", "trim"]] }] });
    assert_eq!(reader.feed(&format!("event: batch\ndata: {command}\n\n")), [""; 0]);
    assert_eq!(reader.resumes_behind(), "5");
}

#[test]
fn behind_a_failure_nothing_is_taken_so_nothing_is_lost() {
    let malformed = format!("event: batch\ndata: {{\"records\":[{},7]}}\n\n", record(1, "{\"data\":1}"));
    for (broken, expected, cursor) in [
        ("event: error\ndata: storage is down\n\n", "parts [0] at 0", "0"),
        ("event: batch\ndata: not JSON\n\n", "parts [0] at 0", "0"),
        (&malformed, "parts [0,1] at 1", "1"),
    ] {
        let mut reader = Reader::new(StreamVersion::V2);
        let chunk = [&batch(&[(0, "a")]), broken, &batch(&[(3, "d")])].concat();
        assert_eq!(reader.feed(&chunk), [expected, "reconnecting: server"], "{broken}");
        assert_eq!(reader.resumes_behind(), cursor, "{broken}");
    }
}

#[test]
fn a_frame_without_an_end_is_given_up() {
    let mut reader = Reader::new(StreamVersion::V2);
    let megabyte = "x".repeat(1 << 20);
    assert_eq!(reader.feed(&batch(&[(0, "a")])), ["parts [0] at 0"]);
    let told: Vec<_> = (0..17).map(|_| reader.feed(&megabyte)).take_while(Vec::is_empty).collect();
    assert_eq!(told.len(), 16, "16 MiB are taken");
    assert_eq!(reader.resumes_behind(), "0");
}

#[test]
fn a_place_is_remembered_as_it_was_given() {
    for id in [
        "",
        "0",
        "5",
        "1795301071007-0",
        "1795301071007-0+2+13+1795301071000-3",
        "2,3,168",
        "abc",
        "7-0+",
        "7-0+1+",
        "7-0+1+2",
        "7-0+1+x+6-0",
    ] {
        assert_eq!(Cursor::new(id).last_event_id(), id);
    }
    let mut moved = Cursor::new("abc");
    assert!(moved.pass(Position::Sequence(0), 1), "the server did not understand it and began anew");
    assert_eq!(moved.last_event_id(), "0");
}

fn record(sequence: u64, body: &str) -> serde_json::Value {
    json!({ "seq_num": sequence, "timestamp": 1, "body": body })
}

/// A batch whose parts are their own numbers, under these part ids.
fn batch(records: &[(u64, &str)]) -> String {
    let part = |&(number, id): &(u64, &str)| record(number, &json!({ "data": number, "id": id }).to_string());
    format!("event: batch\nid: 1,2,3\ndata: {}\n\n", json!({ "records": records.iter().map(part).collect::<Vec<_>>() }))
}

struct Reader {
    subscription: Subscription,
    version: StreamVersion,
    now: Instant,
    random: Random,
}

impl Reader {
    fn new(version: StreamVersion) -> Self {
        let subscription = Subscription::new("", 0);
        let mut reader = Self { subscription, version, now: Instant::from_millis(1), random: Random::new(1) };
        reader.connect();
        reader
    }

    fn connect(&mut self) -> String {
        let RequestKind::Stream { last_event_id, .. } = self.subscription.start(self.now) else {
            panic!("a reader reads");
        };
        self.subscription.handle_open(self.now, self.version);
        while self.subscription.poll_effect().is_some() {}
        last_event_id
    }

    fn reconnect(&mut self) {
        self.now = self.now.after(60_000);
        self.subscription.handle_end(self.now, &mut self.random);
        self.connect();
    }

    /// What the next connection asks for.
    fn resumes_behind(&mut self) -> String {
        self.now = self.now.after(60_000);
        self.connect()
    }

    /// What a chunk comes to, in words.
    fn feed(&mut self, chunk: &str) -> Vec<String> {
        self.subscription.handle_chunk(self.now, chunk.as_bytes(), &mut self.random);
        std::iter::from_fn(|| self.subscription.poll_effect())
            .map(|effect| match effect {
                Effect::Parts(Parts { text, last_event_id, .. }) => {
                    format!("parts {text} at {last_event_id}")
                }
                Effect::Unreadable { id, .. } => format!("unreadable at {id}"),
                Effect::Status(StreamStatus::Reconnecting { problem, .. }) => {
                    format!("reconnecting: {}", problem.code.as_str())
                }
                Effect::Status(status) => format!("{status:?}"),
            })
            .collect()
    }
}
