//! v1 streams as their server reads them: a log of entries, each with a piece of the text that a task wrote, wherever that was cut. An
//! event has the id of the entry that ends its line, so that several may share one, and who asks for what is behind an id gets the
//! log from the next entry on, also if that begins in the middle of a line. A line without text is no event.

use tidegate::proto::http::StreamVersion;
use tidegate::proto::input::{Command, Input, News};
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

    /// What the server says to a request with that `Last-Event-ID`.
    fn behind(&self, cursor: Option<&str>) -> String {
        let behind = cursor.map(|id| {
            let (ms, n) = id.split_once('-').expect("an id of the store");
            (ms.parse::<u64>().expect("a number"), n.parse::<u64>().expect("a number"))
        });
        let (mut events, mut line) = (String::new(), String::new());
        for ((ms, n), piece) in self.entries.iter().filter(|(id, _)| Some(*id) > behind) {
            for part in piece.split_inclusive('\n') {
                line.push_str(part);
                if line.ends_with('\n') {
                    if line.len() > 1 {
                        events += &format!("id: {ms}-{n}\ndata: {line}\n");
                    }
                    line.clear();
                }
            }
        }
        events
    }
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

#[test]
fn what_a_task_wrote_is_read_however_it_lies_in_the_store() {
    for seed in seeds() {
        let mut dice = Random::new(seed ^ 0xE11);
        let count = 1 + dice.below(150);
        // Pieces of them are JSON too, and would be taken for parts.
        let lines: Vec<_> = (0..count).map(|n| if n % 3 == 0 { n.to_string() } else { format!("[{n},{n}]") }).collect();
        let largest = [3, 12, 200][dice.below(3) as usize];
        let log = Log::of(&lines, largest, &mut dice);
        let (mut world, principal) = World::with_token(seed);
        let mut reader = world.subscribe(principal, "draft", None);
        // What earlier readers have read, and where the last one stood.
        let (mut before, mut place) = (Vec::new(), None);
        for round in 0.. {
            assert!(round < 5_000, "seed {seed}: it never comes to the end");
            let Some(request) = world.requests.pop_front() else {
                assert!(world.jump(), "seed {seed}: nothing is due");
                continue;
            };
            let told = log.behind(cursor_of(&request).as_deref());
            let is_whole = round > 30 || dice.below(8) == 0;
            let end = if is_whole { told.len() } else { dice.below(told.len() as u64 + 1) as usize };
            assert_eq!(StreamVersion::default(), StreamVersion::V1);
            world.input(Input::News(request.id, News::Head(status(200))));
            world.chunk(request.id, &told[..end]);
            let read = [before.clone(), world.parts(reader)].concat();
            assert!(lines.starts_with(&read), "seed {seed}: {read:?} of {lines:?}");
            if is_whole {
                assert_eq!(read, lines, "seed {seed}");
                break;
            }
            if dice.below(3) == 0 {
                // The page is loaded anew.
                before = read;
                place = world.last_place(reader).or(place);
                world.command(Command::Unsubscribe(reader));
                world.requests.clear();
                reader = world.subscribe(principal, "draft", place.as_deref());
            } else {
                world.fail(request.id);
            }
        }
    }
}
