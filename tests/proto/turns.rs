//! Where connections are few, readers take turns.

use std::collections::BTreeMap;

use tidegate::proto::http::{CallKind, FeedKind, OutgoingRequest, RequestKind, Told};
use tidegate::proto::id::{ChannelId, PrincipalId, RequestId};
use tidegate::proto::input::{Command, Input, News};
use tidegate::proto::random::Random;
use tidegate::proto::turns::CLOSE_MS;

use super::harness::{World, batch, blind_token, cursor_of, secret_key, seeds};
use super::run_end::ping;
use super::shape::{UP_TO_DATE, follow};

const LIMIT: usize = 4;

struct Crowd {
    world: World,
    principal: PrincipalId,
    readers: Vec<ChannelId>,
    /// Open windows, by the key of their stream.
    open: BTreeMap<String, RequestId>,
    given_up: usize,
}

impl Crowd {
    fn new(size: usize) -> Self {
        let mut world = World::new(1);
        let principal = open_scarce(&mut world, "http://localhost:3030");
        let readers = (0..size).map(|n| world.subscribe(principal, &format!("s{n}"), None)).collect();
        Self { world, principal, readers, open: BTreeMap::new(), given_up: 0 }
    }

    /// Opens every window that is asked for, and closes those that are given up.
    fn step(&mut self) -> Vec<(String, Option<String>)> {
        let mut opened = Vec::new();
        let aborted = self.world.aborted.split_off(self.given_up.min(self.world.aborted.len()));
        self.open.retain(|_, window| !aborted.contains(window));
        self.world.aborted.extend(aborted);
        self.given_up = self.world.aborted.len();
        while let Some(request) = self.world.requests.pop_front() {
            let key = request.url.rsplit('/').next().unwrap_or_default().to_owned();
            opened.push((key.clone(), cursor_of(&request)));
            self.world.open(request.id);
            self.open.insert(key, request.id);
        }
        assert!(self.open.len() <= LIMIT, "{} windows are open", self.open.len());
        opened
    }
}

fn open_scarce(world: &mut World, base_url: &str) -> PrincipalId {
    let principal = world.client.next_principal();
    world.command(Command::OpenPrincipal { principal, base_url, branch: None, renewable: false, scarce: true });
    world.command(Command::SetToken(principal, &secret_key()));
    principal
}

/// What they asked for as turns came, in the milliseconds since the last look.
fn served(crowd: &mut Crowd, ms: u64) -> String {
    crowd.world.advance(ms);
    crowd.step().into_iter().map(|(key, _)| key).collect::<Vec<_>>().join(" ")
}

#[test]
fn four_are_open_and_the_others_come_round() {
    let mut crowd = Crowd::new(10);
    let turns = [0, 1_000, 1_000 + CLOSE_MS, 1_000, 1_000 + CLOSE_MS, 1_000, 1_000 + CLOSE_MS];
    let served = turns.map(|ms| served(&mut crowd, ms));
    assert_eq!(served, ["s0 s1 s2 s3", "", "s4 s5 s6 s7", "", "s0 s1 s8 s9", "", "s2 s3 s4 s5"]);
    let last = crowd.readers[9];
    assert_eq!(crowd.world.statuses(last), ["connecting", "live"], "a turn is nothing that a person should see");
}

#[test]
fn no_more_than_four_keep_what_they_have() {
    let mut crowd = Crowd::new(LIMIT);
    crowd.step();
    for _ in 0..10 {
        crowd.world.advance(10_000);
        for window in crowd.open.values() {
            crowd.world.chunk(*window, ": ping\n\n");
        }
    }
    assert!(crowd.world.requests.is_empty());
    let window = crowd.open["s3"];
    assert!(!crowd.world.aborted.contains(&window));
}

#[test]
fn a_connection_that_is_let_go_is_somebody_elses_once_it_has_closed() {
    let mut crowd = Crowd::new(6);
    crowd.step();
    let reader = crowd.readers[2];
    crowd.world.command(Command::Unsubscribe(reader));
    assert_eq!(served(&mut crowd, CLOSE_MS - 1), "");
    assert_eq!(served(&mut crowd, 1), "s4");
    // What broke is closed already.
    let window = crowd.open.remove("s0").expect("it is open");
    crowd.world.fail(window);
    assert_eq!(served(&mut crowd, 0), "s5");
}

#[test]
fn who_makes_room_leaves_first_and_all_who_wait_come_together() {
    let mut crowd = Crowd::new(LIMIT + 3);
    crowd.step();
    crowd.world.advance(2_000);
    assert_eq!(crowd.world.aborted.len(), 3);
    assert_eq!(served(&mut crowd, CLOSE_MS - 1), "");
    assert_eq!(served(&mut crowd, 1), "s4 s5 s6");
}

#[test]
fn while_one_closes_what_is_free_is_taken_by_who_waited_longest() {
    let mut crowd = Crowd::new(LIMIT);
    crowd.step();
    let reader = crowd.readers[0];
    crowd.world.command(Command::Unsubscribe(reader));
    let principal = crowd.principal;
    crowd.world.subscribe(principal, "early", None);
    crowd.world.subscribe(principal, "late", None);
    let window = crowd.open.remove("s1").expect("it is open");
    crowd.world.fail(window);
    assert_eq!(served(&mut crowd, 0), "early");
    assert_eq!(served(&mut crowd, CLOSE_MS), "late");
}

#[test]
fn nobody_waits_for_a_connection_that_closes_elsewhere() {
    let mut crowd = Crowd::new(LIMIT);
    crowd.step();
    let reader = crowd.readers[0];
    crowd.world.command(Command::Unsubscribe(reader));
    let elsewhere = open_scarce(&mut crowd.world, "http://localhost:4040");
    for n in 0..LIMIT {
        crowd.world.subscribe(elsewhere, &format!("e{n}"), None);
    }
    assert_eq!(crowd.world.requests.len(), LIMIT);
}

#[test]
fn whoever_it_was_that_closed_counts_until_it_has() {
    let mut crowd = Crowd::new(LIMIT);
    crowd.step();
    let principal = crowd.principal;
    crowd.world.command(Command::ClosePrincipal(principal));
    let again = open_scarce(&mut crowd.world, "http://localhost:3030");
    crowd.world.subscribe(again, "next", None);
    assert!(crowd.world.requests.is_empty());
    crowd.world.advance(CLOSE_MS);
    assert_eq!(crowd.world.requests.len(), 1);
}

#[test]
fn all_end_with_their_run_however_long_they_were_idle() {
    let mut crowd = Crowd::new(20);
    let silence_ms = 600_000;
    let ended = |crowd: &Crowd| {
        let is_over = |&&reader: &&ChannelId| crowd.world.statuses(reader).last().is_some_and(|last| last == "ended");
        crowd.readers.iter().filter(is_over).count()
    };
    while crowd.world.now_ms() < silence_ms + 120_000 && ended(&crowd) < 20 {
        for (key, _) in crowd.step() {
            crowd.world.chunk(crowd.open[&key], &ping(0));
        }
        while let Some(question) = crowd.world.run_requests.pop_front() {
            let is_over = crowd.world.now_ms() > silence_ms;
            crowd.world.tell_run(&question, is_over);
        }
        crowd.world.advance(500);
    }
    assert_eq!(ended(&crowd), 20, "at {} ms", crowd.world.now_ms());
}

#[test]
fn sends_wait_for_nobody() {
    let mut crowd = Crowd::new(20);
    crowd.step();
    let principal = crowd.principal;
    crowd.world.send(principal, "approval", "true");
    let request = crowd.world.next_request();
    assert!(matches!(request.kind, RequestKind::Send { .. }));
}

#[test]
fn every_server_has_its_own_connections() {
    let mut crowd = Crowd::new(5);
    let again = open_scarce(&mut crowd.world, "http://localhost:3030");
    crowd.world.subscribe(again, "same", None);
    let elsewhere = open_scarce(&mut crowd.world, "http://localhost:4040");
    crowd.world.subscribe(elsewhere, "other", None);
    let asked: Vec<_> = crowd.world.requests.iter().map(|request| request.url.clone()).collect();
    assert_eq!(asked.len(), LIMIT + 1);
    assert!(asked[LIMIT].starts_with("http://localhost:4040/"), "{asked:?}");
}

#[test]
fn offline_nobody_has_a_turn() {
    let mut crowd = Crowd::new(6);
    crowd.step();
    crowd.world.input(Input::Online(false));
    for window in std::mem::take(&mut crowd.open).into_values() {
        crowd.world.fail(window);
    }
    crowd.world.advance(60_000);
    assert!(crowd.world.requests.is_empty());
    crowd.world.input(Input::Online(true));
    assert_eq!(crowd.step().len(), LIMIT);
}

#[test]
fn all_is_read_that_was_written() {
    for seed in seeds().take(100) {
        let mut dice = Random::new(seed);
        let mut crowd = Crowd::new(2 + dice.below(20) as usize);
        let mut logs = vec![0_u64; crowd.readers.len()];
        let mut told: BTreeMap<String, u64> = BTreeMap::new();
        for round in 0..400 {
            for (key, cursor) in crowd.step() {
                told.insert(key, cursor.map_or(0, |id| id.parse::<u64>().expect("a number") + 1));
            }
            if round < 200 {
                logs[dice.below(crowd.readers.len() as u64) as usize] += dice.below(3);
            }
            for (key, window) in crowd.open.clone() {
                let number: usize = key[1..].parse().expect("a number");
                let from = told[&key];
                let records: Vec<_> = (from..logs[number]).map(|n| (n, n.to_string())).collect();
                let records: Vec<_> = records.iter().map(|(n, text)| (*n, text.as_str())).collect();
                let chunk = if records.is_empty() { ": ping\n\n".to_owned() } else { batch(&records) };
                crowd.world.chunk(window, &chunk);
                told.insert(key, logs[number]);
            }
            let ms = dice.below(1_500);
            crowd.world.advance(ms);
        }
        for (number, &reader) in crowd.readers.iter().enumerate() {
            let expected: Vec<_> = (0..logs[number]).map(|n| n.to_string()).collect();
            assert_eq!(crowd.world.parts(reader), expected, "seed {seed}, stream {number}");
        }
    }
}

#[test]
fn turns_end_in_time_at_every_server() {
    let mut crowd = Crowd::new(LIMIT + 1);
    crowd.step();
    crowd.world.advance(1_000);
    let elsewhere = open_scarce(&mut crowd.world, "http://localhost:4040");
    for n in 0..=LIMIT {
        crowd.world.subscribe(elsewhere, &format!("e{n}"), None);
    }
    crowd.world.requests.clear();
    crowd.world.advance(1_000 + CLOSE_MS);
    let urls: Vec<_> = crowd.world.requests.iter().map(|request| request.url.clone()).collect();
    assert_eq!(urls.len(), 1, "{urls:?}");
    assert!(urls[0].ends_with("/s4"), "{urls:?}");
}

#[test]
fn who_has_no_token_keeps_nobody_waiting() {
    let mut world = World::new(1);
    let without = world.client.next_principal();
    let base_url = "http://localhost:3030";
    let open = Command::OpenPrincipal { principal: without, base_url, branch: None, renewable: true, scarce: true };
    world.command(open);
    world.subscribe(without, "early", None);
    let with = open_scarce(&mut world, base_url);
    world.subscribe(with, "late", None);
    assert_eq!(world.requests.len(), 1, "connections are free");
}

#[test]
fn who_is_refused_takes_nobodys_connection() {
    let mut crowd = Crowd::new(LIMIT);
    crowd.step();
    let refused = crowd.world.client.next_principal();
    let base_url = "http://localhost:3030";
    crowd.world.command(Command::OpenPrincipal {
        principal: refused,
        base_url,
        branch: None,
        renewable: false,
        scarce: true,
    });
    crowd.world.command(Command::SetToken(refused, &blind_token()));
    let reader = crowd.world.subscribe(refused, "secret", None);
    crowd.world.advance(10_000);
    assert_eq!(crowd.world.statuses(reader), ["connecting", "failed:forbidden"]);
    assert_eq!(crowd.world.aborted, []);
}

#[test]
fn a_server_that_takes_its_time_is_given_it() {
    let mut crowd = Crowd::new(LIMIT + 1);
    crowd.world.advance(5_000);
    assert_eq!(crowd.world.aborted, [], "nobody has been answered yet");
    crowd.step();
    assert_eq!(served(&mut crowd, 2_000 + CLOSE_MS), "s4");
}

#[test]
fn one_too_many_costs_one_connect_a_turn() {
    let mut crowd = Crowd::new(LIMIT + 1);
    let turn_ms = 2_000 + CLOSE_MS;
    let served = [0, turn_ms, turn_ms, turn_ms, turn_ms, turn_ms].map(|ms| served(&mut crowd, ms));
    assert_eq!(served, ["s0 s1 s2 s3", "s4", "s0", "s1", "s2", "s3"]);
}

/// A feed of a run that has a snapshot already, or its poll.
fn serve_feed(crowd: &mut Crowd, request: &OutgoingRequest) {
    let told = Told { handle: "h", offset: "1_1", schema: "{}", ..Told::default() };
    crowd.world.input(Input::News(request.id, News::Head(super::harness::status(200))));
    crowd.world.input(Input::News(request.id, News::Body(UP_TO_DATE, told)));
}

#[test]
fn feeds_and_readers_come_round_together() {
    let mut crowd = Crowd::new(3);
    let names = ["a", "b", "c", "d", "e"];
    let principal = crowd.principal;
    for name in names {
        follow(&mut crowd.world, principal, FeedKind::Run, name);
    }
    // What is under way, by the id of its request.
    let mut open = BTreeMap::new();
    let (mut polled, mut connected) = (BTreeMap::new(), BTreeMap::new());
    for _ in 0..200 {
        let aborted = core::mem::take(&mut crowd.world.aborted);
        open.retain(|id, _| !aborted.contains(id));
        while let Some(request) = crowd.world.requests.pop_front() {
            let name =
                request.url.split('?').next().and_then(|url| url.rsplit('/').next()).unwrap_or_default().to_owned();
            if request.kind != RequestKind::Feed {
                crowd.world.open(request.id);
                *connected.entry(name).or_insert(0) += 1;
            } else if request.url.contains("live=true") {
                *polled.entry(name).or_insert(0) += 1;
            } else {
                assert!(open.len() < LIMIT, "a snapshot takes its turn as well");
                serve_feed(&mut crowd, &request);
                continue;
            }
            open.insert(request.id, request.url);
            assert!(open.len() <= LIMIT, "{} are open", open.len());
        }
        crowd.world.advance(500);
    }
    assert_eq!((polled.len(), connected.len()), (5, 3), "{polled:?} {connected:?}");
    let turns: Vec<usize> = polled.into_values().chain(connected.into_values()).collect();
    let (least, most) = (turns.iter().min(), turns.iter().max());
    assert!(least >= Some(&20) && most <= least.map(|least| least + 4).as_ref(), "{turns:?}");
}

#[test]
fn calls_wait_for_no_turn() {
    let mut crowd = Crowd::new(0);
    let principal = crowd.principal;
    for name in ["a", "b", "c", "d", "e"] {
        follow(&mut crowd.world, principal, FeedKind::Run, name);
    }
    assert_eq!(crowd.world.requests.len(), LIMIT);
    let call = crowd.world.client.next_subscription();
    let (kind, name, body) = (CallKind::Trigger, "task", "{}");
    crowd.world.command(Command::Call { call, principal, kind, name, body });
    assert_eq!(crowd.world.requests.len(), LIMIT + 1);
}
