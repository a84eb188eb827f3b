//! v1 streams as their server reads them: a log of entries, each with a piece of the text that a task wrote, wherever that was cut. An
//! event has the id of the entry that ends its line, so that several may share one, and who asks for what is behind an id gets the
//! log from the next entry on, also if that begins in the middle of a line. A line without text is no event.

use tidegate::proto::id::{ChannelId, PrincipalId, RequestId};
use tidegate::proto::input::{Command, Input, News};
use tidegate::proto::output::Event;
use tidegate::proto::random::Random;

use super::harness::{World, cursor_of, seeds, status};

/// `<ms>-<n>`, as numbers.
type Id = (u64, u64);

struct Log {
    entries: Vec<(Id, String)>,
}

impl Log {
    /// The lines, in pieces of up to so many bytes.
    fn of(lines: &[String], largest: u64, dice: &mut Random) -> Self {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let (mut entries, mut id, mut rest) = (Vec::new(), (1_700_000_000_000, 0), text.as_str());
        while !rest.is_empty() {
            let (piece, more) = rest.split_at((1 + dice.below(largest) as usize).min(rest.len()));
            entries.push((id, piece.to_owned()));
            rest = more;
            id = if dice.below(2) == 0 { (id.0, id.1 + 1) } else { (id.0 + 1 + dice.below(50), 0) };
        }
        Self { entries }
    }

    /// What the server says at once to a request with that `Last-Event-ID`.
    fn behind(&self, cursor: Option<&str>) -> String {
        Window::of(self, cursor).tell(self.entries.len())
    }
}

/// One answer of the server.
struct Window<'a> {
    log: &'a Log,
    /// How much of the log it has read.
    at: usize,
    /// What it has read of a line.
    line: String,
}

impl<'a> Window<'a> {
    fn of(log: &'a Log, cursor: Option<&str>) -> Self {
        let behind = cursor.map(|id| {
            let (ms, n) = id.split_once('-').expect("an id of the store");
            (ms.parse::<u64>().expect("a number"), n.parse::<u64>().expect("a number"))
        });
        let at = log.entries.iter().position(|(id, _)| Some(*id) > behind).unwrap_or(log.entries.len());
        Self { log, at, line: String::new() }
    }

    /// Reads up to there.
    fn tell(&mut self, end: usize) -> String {
        let mut events = String::new();
        while self.at < end {
            let (id, piece) = &self.log.entries[self.at];
            self.at += 1;
            for part in piece.split_inclusive('\n') {
                self.line.push_str(part);
                if self.line.ends_with('\n') {
                    events += &event(*id, &core::mem::take(&mut self.line));
                }
            }
        }
        events
    }

    /// Its last words: what it has read of a line.
    fn close(self) -> String {
        self.at.checked_sub(1).map_or_else(String::new, |last| event(self.log.entries[last].0, self.line.trim()))
    }
}

fn event((ms, n): Id, line: &str) -> String {
    let line = line.trim_end_matches('\n');
    if line.is_empty() { String::new() } else { format!("id: {ms}-{n}\ndata: {line}\n\n") }
}

#[test]
fn a_cut_between_records_that_share_an_id_loses_none_of_them() {
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    let log = Log { entries: vec![((7, 0), "1\n2\n3\n".into()), ((8, 0), "4\n".into())] };
    let mut told = log.behind(None);
    told.truncate(told.find("data: 3").expect("the third"));
    for _ in 0..2 {
        let request = world.next_request().id;
        world.input(Input::News(request, News::Head(status(200))));
        world.chunk(request, &told);
        world.fail(request);
        world.jump();
        assert_eq!(world.parts(reader), ["1", "2"], "cut at the same place");
    }
    let request = world.next_request();
    told = log.behind(cursor_of(&request).as_deref());
    world.input(Input::News(request.id, News::Head(status(200))));
    world.chunk(request.id, &told);
    assert_eq!(world.parts(reader), ["1", "2", "3", "4"]);
}

#[test]
fn a_cut_behind_a_line_whose_end_has_an_entry_of_its_own_loses_nothing() {
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    let log = Log { entries: vec![((7, 0), "1\n2".into()), ((8, 0), "\n3\n4\n".into())] };
    let told = log.behind(None);
    let request = world.next_request().id;
    world.input(Input::News(request, News::Head(status(200))));
    world.chunk(request, &told[..told.find("data: 3").expect("the third")]);
    world.fail(request);
    world.jump();
    let request = world.next_request();
    world.input(Input::News(request.id, News::Head(status(200))));
    world.chunk(request.id, &log.behind(cursor_of(&request).as_deref()));
    assert_eq!(world.parts(reader), ["1", "2", "3", "4"]);
}

/// The server's answer to the next request, over that much of the log.
struct Served<'a> {
    request: RequestId,
    window: Window<'a>,
}

impl<'a> Served<'a> {
    #[track_caller]
    fn next(world: &mut World, log: &'a Log, end: usize) -> Self {
        let mut served = Self::open(world, log);
        served.tell(world, end);
        served
    }

    #[track_caller]
    fn open(world: &mut World, log: &'a Log) -> Self {
        while world.requests.is_empty() {
            while let Some(question) = world.run_requests.pop_front() {
                world.tell_run(&question, false);
            }
            assert!(!world.requests.is_empty() || world.jump(), "nothing is due");
        }
        let request = world.next_request();
        world.input(Input::News(request.id, News::Head(status(200))));
        Self { request: request.id, window: Window::of(log, cursor_of(&request).as_deref()) }
    }

    fn tell(&mut self, world: &mut World, end: usize) {
        let told = self.window.tell(end);
        self.chunk(world, &told);
    }

    fn chunk(&self, world: &mut World, text: &str) {
        if !text.is_empty() {
            world.chunk(self.request, text);
        }
    }

    /// So many times ten seconds without a word.
    fn idle(&self, world: &mut World, pings: u64) {
        for _ in 0..pings {
            world.advance(10_000);
            world.chunk(self.request, ": ping\n\n");
        }
    }

    /// The window ends after a silence, as long as it was asked to. Its last words come in pieces of up to so many bytes.
    fn close_in(self, world: &mut World, size: usize) {
        world.advance(9_980);
        let Self { request, window } = self;
        for piece in window.close().as_bytes().chunks(size) {
            world.input(Input::News(request, News::Chunk(piece)));
            world.advance(1);
        }
        world.advance(10);
        world.end(request);
    }

    fn close(self, world: &mut World) {
        self.close_in(world, 1_000);
    }
}

fn unreadable(world: &World) -> usize {
    world.events.iter().filter(|event| matches!(event, Event::Unreadable { .. })).count()
}

#[test]
fn what_is_there_of_a_line_when_a_window_ends_is_no_part() {
    for (half, rest, line) in [
        ("12", "345\n", "12345"),
        ("-1", ".5e3\n", "-1500.0"),
        ("{\"a\":[1,", "2]}\n", "{\"a\":[1,2]}"),
        ("\"tide", "gate\"\n", "\"tidegate\""),
        ("unde", "fined\n", "null"),
        ("[1]", "\n", "[1]"),
        ("[1]", " \n", "[1]"),
        ("7", "\n", "7"),
    ] {
        let entries = [((7, 0), "0\n1\n".to_owned() + half), ((8, 0), rest.to_owned()), ((9, 0), "9\n".into())];
        let log = Log { entries: entries.into() };
        let (mut world, principal) = World::with_token(1);
        let reader = world.subscribe(principal, "draft", None);
        for _ in 0..3 {
            let served = Served::next(&mut world, &log, 1);
            served.idle(&mut world, 5);
            served.close(&mut world);
        }
        Served::next(&mut world, &log, 3);
        assert_eq!(world.parts(reader), ["0", "1", line, "9"], "{half:?}");
        assert_eq!(unreadable(&world), 0, "{half:?}");
    }
}

#[test]
fn a_page_loaded_anew_has_a_line_once_whose_end_came_later() {
    let entries = [((7, 0), "[0]\n[1]".to_owned()), ((8, 0), "\n[2]\n".to_owned()), ((9, 0), "[3]\n".into())];
    let log = Log { entries: entries.into() };
    let (mut world, principal) = World::with_token(1);
    let mut reader = world.subscribe(principal, "draft", None);
    let served = Served::next(&mut world, &log, 1);
    served.idle(&mut world, 5);
    served.close(&mut world);
    assert_eq!(world.parts(reader), ["[0]", "[1]"]);
    for (end, expected) in [(2, "[2]"), (3, "[3]")] {
        let place = world.last_place(reader);
        world.command(Command::Unsubscribe(reader));
        world.requests.clear();
        reader = world.subscribe(principal, "draft", place.as_deref());
        Served::next(&mut world, &log, end);
        assert_eq!(world.parts(reader), [expected]);
    }
}

#[test]
fn a_number_after_a_silence_is_told_within_a_second() {
    let log = Log { entries: vec![((7, 0), "1\n".into()), ((8, 0), "2\n".into()), ((9, 0), "3\n".into())] };
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    let mut served = Served::next(&mut world, &log, 1);
    assert_eq!(world.parts(reader), ["1"]);
    served.idle(&mut world, 1);
    served.tell(&mut world, 2);
    world.advance(1_000);
    assert_eq!(world.parts(reader), ["1", "2"]);
    served.idle(&mut world, 1);
    served.tell(&mut world, 3);
    world.chunk(served.request, ": ping\n\n");
    assert_eq!(world.parts(reader), ["1", "2", "3"], "what something follows is whole");
}

/// Tells the reader that the run has finished.
fn finish(world: &mut World) {
    while world.run_requests.is_empty() {
        assert!(world.jump(), "the run is asked about");
    }
    let question = world.next_run_request();
    world.tell_run(&question, true);
}

fn has_ended(world: &World, reader: ChannelId) -> bool {
    world.statuses(reader).last().is_some_and(|status| status == "ended")
}

#[test]
fn a_log_whose_last_line_has_no_end_ends_with_its_run() {
    for (last, part) in [("[2]", Some("[2]")), ("2", Some("2")), ("[2", None)] {
        for size in [5, 1_000] {
            let log = Log { entries: vec![((7, 0), "1\n".into()), ((8, 0), last.into())] };
            let (mut world, principal) = World::with_token(1);
            let reader = world.subscribe(principal, "draft", None);
            Served::next(&mut world, &log, 2);
            finish(&mut world);
            for window in 0.. {
                assert!(window < 5, "{last:?}: it never ends");
                Served::next(&mut world, &log, 2).close_in(&mut world, size);
                if has_ended(&world, reader) {
                    break;
                }
            }
            assert_eq!(world.parts(reader), ["1"].into_iter().chain(part).collect::<Vec<_>>(), "{last:?}");
            assert_eq!(unreadable(&world), usize::from(part.is_none()), "{last:?}");
        }
    }
}

#[test]
fn a_line_that_ends_only_after_its_run_is_told_once() {
    let log = Log { entries: vec![((7, 0), "1\n".into()), ((8, 0), "[2]".into()), ((9, 0), "\n".into())] };
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    Served::next(&mut world, &log, 1);
    finish(&mut world);
    for end in [2, 3, 3] {
        if !has_ended(&world, reader) {
            Served::next(&mut world, &log, end).close(&mut world);
        }
    }
    assert!(has_ended(&world, reader));
    assert_eq!(world.parts(reader), ["1", "[2]"]);
}

#[test]
fn half_a_line_stays_in_doubt_while_nobody_reads_on() {
    let log = Log { entries: vec![((7, 0), "0\n12".into()), ((8, 0), "345\n".into())] };
    let (mut world, principal) = World::with_token(1);
    let reader = world.subscribe(principal, "draft", None);
    let Served { request, mut window } = Served::open(&mut world, &log);
    // All of the window waited while nobody read, and its end still does.
    world.command(Command::SetReading(reader, false));
    world.advance(70_000);
    world.command(Command::SetReading(reader, true));
    let told = window.tell(1) + ": ping\n\n" + &window.close();
    world.chunk(request, &told);
    world.command(Command::SetReading(reader, false));
    world.advance(70_000);
    world.command(Command::SetReading(reader, true));
    world.end(request);
    Served::next(&mut world, &log, 2);
    assert_eq!(world.parts(reader), ["0", "12345"]);
}

/// A reader of which an answer was waited for in vain.
fn starved(world: &mut World, principal: PrincipalId) -> ChannelId {
    let reader = world.subscribe(principal, "draft", None);
    let request = world.next_request();
    while !world.aborted.contains(&request.id) {
        world.advance(1_000);
        world.run_requests.clear();
    }
    reader
}

#[test]
fn a_number_is_not_taken_at_its_word_where_nothing_holds_answers_back_any_more() {
    let log = Log { entries: vec![((7, 0), "0\n12".into()), ((8, 0), "345\n".into())] };
    let (mut world, principal) = World::with_token(1);
    let reader = starved(&mut world, principal);
    Served::next(&mut world, &log, 1).close(&mut world);
    assert_eq!(world.parts(reader), ["0"]);
    let window = Served::next(&mut world, &log, 2);
    assert_eq!(world.parts(reader), ["0", "12345"]);
    window.idle(&mut world, 7);
    assert!(!world.aborted.contains(&window.request), "windows are long again");
}

#[test]
fn what_was_taken_at_its_word_does_not_hide_where_its_line_began() {
    let pieces = ["0\n1", "2", "3", "45\n", "[6]\n"];
    let log = Log { entries: (7..).map(|ms| (ms, 0)).zip(pieces.map(String::from)).collect() };
    let (mut world, principal) = World::with_token(1);
    let reader = starved(&mut world, principal);
    for end in [1, 2, 3, 4, 5] {
        held_back(&mut world, &log, end);
    }
    assert_eq!(world.parts(reader), ["0", "1", "12", "123", "12345", "[6]"]);
}

/// The server's next answer, over that much of the log, which comes when it is whole.
fn held_back(world: &mut World, log: &Log, end: usize) {
    while world.requests.is_empty() {
        world.run_requests.clear();
        assert!(world.jump(), "another window is opened");
    }
    let request = world.next_request();
    let mut window = Window::of(log, cursor_of(&request).as_deref());
    world.advance(5_000);
    world.input(Input::News(request.id, News::Head(status(200))));
    let told = window.tell(end) + &window.close();
    for piece in told.as_bytes().chunks(20) {
        world.input(Input::News(request.id, News::Chunk(piece)));
        world.advance(1);
    }
    world.end(request.id);
}

#[test]
fn half_a_line_is_no_part_behind_a_proxy_either_that_holds_answers_back() {
    let pieces = ["[1,1]\n[2]", "\n3", "\n[4,", "4]\n"];
    let log = Log { entries: (7..).map(|ms| (ms, 0)).zip(pieces.map(String::from)).collect() };
    let (mut world, principal) = World::with_token(1);
    let reader = starved(&mut world, principal);
    // A number is taken at its word: nothing would ever follow it.
    for (end, expected) in [(1, 2), (1, 2), (2, 3), (3, 3), (3, 3), (4, 4)] {
        held_back(&mut world, &log, end);
        assert_eq!(world.parts(reader), ["[1,1]", "[2]", "3", "[4,4]"][..expected], "{end}");
    }
    assert_eq!(unreadable(&world), 0);
}

#[test]
fn what_a_task_wrote_is_read_however_it_lies_in_the_store() {
    for seed in seeds() {
        let mut dice = Random::new(seed ^ 0xE11);
        let count = 1 + dice.below(150);
        // Pieces of them are JSON too, and would be taken for parts.
        let line = |n: u64| match n % 3 {
            0 => (n * 1_001).to_string(),
            1 if n % 50 == 4 => format!("[{n},{:?}]", "]".repeat(20_000)),
            _ => format!("[{n},{n}]"),
        };
        let lines: Vec<_> = (0..count).map(line).collect();
        let largest = [3, 12, 200][dice.below(3) as usize];
        let log = Log::of(&lines, largest, &mut dice);
        let (mut world, principal) = World::with_token(seed);
        let mut reader = world.subscribe(principal, "draft", None);
        // What earlier readers have read, and where the last one stood.
        let (mut before, mut place) = (Vec::new(), None);
        let (mut written, all) = (0, log.entries.len() as u64);
        for round in 0.. {
            assert!(round < 1_000, "seed {seed}: it never comes to the end");
            written += dice.below(all / 4 + 2).min(all - written);
            let mut served = Served::open(&mut world, &log);
            let mut told = served.window.tell(written as usize);
            let is_cut = dice.below(3) > 0;
            if is_cut {
                told.truncate(dice.below(told.len() as u64 + 1) as usize);
            }
            served.chunk(&mut world, &told);
            while !is_cut && dice.below(2) == 0 {
                served.idle(&mut world, 1 + dice.below(4));
                written += dice.below(all / 8 + 2).min(all - written);
                served.tell(&mut world, written as usize);
            }
            let is_whole = !is_cut && written == all;
            match dice.below(4) {
                0 if !is_cut => {
                    served.idle(&mut world, 5);
                    served.close(&mut world);
                }
                // The page is loaded anew.
                1 if !is_whole => {
                    before.extend(world.parts(reader));
                    place = world.last_place(reader).or(place);
                    world.command(Command::Unsubscribe(reader));
                    world.requests.clear();
                    reader = world.subscribe(principal, "draft", place.as_deref());
                }
                _ => {
                    world.advance(dice.below(2) * 1_000);
                    world.fail(served.request);
                }
            }
            let read = [before.clone(), world.parts(reader)].concat();
            assert!(lines.starts_with(&read), "seed {seed}: {read:?} of {lines:?}");
            assert_eq!(unreadable(&world), 0, "seed {seed}");
            if read.len() == lines.len() {
                break;
            }
        }
    }
}
