//! Appends at S2 that come together, and what is cut meanwhile.

use fastrand::Rng;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tidegate_dev_server::Config;

use crate::fake_s2::{FakeS2, Fault};
use crate::folder::Folder;
use crate::support::{Answer, Server};

async fn behind(fake: &FakeS2) -> Server {
    let server = Server::with(Config { streams: fake.engine(None), ..Config::default() });
    server.prepare().await.unwrap();
    server
}

async fn append(server: &Server, run: &str, part: String) -> Answer {
    let ask = server.ask("POST", format!("/realtime/v1/streams/{run}/self/out/append")).header("x-part-id", &part);
    ask.body(part.clone()).answer().await
}

async fn ingest(server: &Server, run: &str, from: u64, lines: String) -> Answer {
    let ask = server.ask("POST", format!("/realtime/v1/streams/{run}/self/out")).header("x-client-id", "c1");
    ask.header("x-resume-from-chunk", &from.to_string()).body(lines).unannounced().answer().await
}

/// What was written through the server, without what others wrote past it.
fn ours(fake: &FakeS2) -> Vec<Value> {
    let bodies = fake.bodies("/out").into_iter().map(|body| body["data"].clone());
    bodies.filter(|data| data != "theirs").collect()
}

fn ok() -> Value {
    json!({ "ok": true })
}

#[tokio::test]
async fn what_comes_while_an_append_is_on_its_way_makes_the_next_one() {
    let fake = FakeS2::start().await;
    let server = behind(&fake).await;
    let run = server.idle_run().await;
    fake.will("append", &[Fault::Held]);
    let parts: Vec<String> = (0..100).map(|number| format!("p{number}")).collect();
    let append = |part: &String| append(&server, &run, part.clone());
    let rest = async {
        fake.reached("append", 1).await;
        let gate = async {
            // They are in line by then: nothing else is to be done.
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
            fake.open_gate();
        };
        tokio::join!(join_all(parts[1..].iter().map(append)), gate).0
    };
    let (first, rest) = tokio::join!(append(&parts[0]), rest);
    first.is(200, ok());
    rest.iter().for_each(|answer| answer.is(200, ok()));
    assert_eq!(ours(&fake), parts.iter().map(|part| json!(part)).collect::<Vec<_>>());
    assert_eq!(fake.count("append"), 2);
}

#[tokio::test]
async fn lines_that_come_together_leave_together() {
    let fake = FakeS2::start().await;
    let server = behind(&fake).await;
    let run = server.idle_run().await;
    let lines: String = (0..2500).map(|number| format!("{number}\n")).collect();
    ingest(&server, &run, 0, lines).await.is_text(200, "");
    assert_eq!(ours(&fake), (0..2500).map(|number| json!(number)).collect::<Vec<_>>());
    assert_eq!(fake.count("append"), 3);
    // By size, too: three of these are more than S2 takes at once.
    let large = format!("\"{}\"\n", "x".repeat(400_000)).repeat(3);
    ingest(&server, &run, 2500, large).await.is_text(200, "");
    assert_eq!((ours(&fake).len(), fake.count("append")), (2503, 5));
}

#[tokio::test]
async fn a_line_that_is_too_large_ends_its_batch_behind_those_before_it() {
    let fake = FakeS2::start().await;
    let server = behind(&fake).await;
    let run = server.idle_run().await;
    let lines = format!("1\n2\n\"{}\"\n4\n", "x".repeat(1_048_576));
    assert_eq!(ingest(&server, &run, 0, lines).await.status, 413);
    assert_eq!(ours(&fake), [json!(1), json!(2)]);
    let head = server.ask("HEAD", format!("/realtime/v1/streams/{run}/self/out")).header("x-client-id", "c1");
    assert_eq!(head.answer().await.header("x-last-chunk-index"), Some("1"));
}

#[tokio::test]
async fn a_sender_that_hangs_up_takes_nobody_with_it() {
    let fake = FakeS2::start().await;
    let server = behind(&fake).await;
    let run = server.idle_run().await;
    fake.will("append", &[Fault::Held]);
    let mut first = Box::pin(append(&server, &run, "p1".to_owned()));
    tokio::select! {
        _ = &mut first => panic!("nothing was held"),
        () = fake.reached("append", 1) => {}
    }
    let second = append(&server, &run, "p2".to_owned());
    let gate = async {
        drop(first);
        fake.open_gate();
    };
    let (second, ()) = tokio::join!(second, gate);
    second.is(200, ok());
    append(&server, &run, "p1".to_owned()).await.is(200, ok());
    assert_eq!(ours(&fake), [json!("p1"), json!("p2")]);
}

const FAULTS: [Fault; 6] = [
    Fault::Lost,
    Fault::Dropped,
    Fault::Delayed,
    Fault::Overtaken,
    Fault::Answer(503, "unavailable"),
    Fault::Answer(429, "rate_limited"),
];

#[tokio::test]
async fn wherever_it_is_cut_each_line_is_there_once_and_in_order() {
    let cut = async |fault, place| {
        let fake = FakeS2::start().await;
        let server = behind(&fake).await;
        let run = server.idle_run().await;
        for number in 0..4 {
            if number == place {
                fake.will("append", &[fault]);
            }
            let lines = format!("{}\n{}\n", 2 * number, 2 * number + 1);
            ingest(&server, &run, 2 * number, lines).await.is_text(200, "");
        }
        assert_eq!(ours(&fake), (0..8).map(|number| json!(number)).collect::<Vec<_>>(), "{fault:?} at {place}");
    };
    join_all(FAULTS.into_iter().flat_map(|fault| (0..4).map(move |place| (fault, place))).map(|(f, p)| cut(f, p)))
        .await;
}

/// A writer that loses its connection, and a server that is killed, now and then; and who comes back asks how far it got.
#[tokio::test]
async fn a_writer_that_comes_back_finds_each_line_once_and_in_order() {
    join_all((0..40).map(come_back)).await;
}

async fn come_back(seed: u64) {
    const LINES: u64 = 60;
    let mut dice = Rng::with_seed(seed);
    let fake = FakeS2::start().await;
    let mut folder = Folder::new();
    let config = || Config { streams: fake.engine(None), ..Config::default() };
    let mut server = Server::on_with(&folder.file(), config());
    server.prepare().await.unwrap();
    let run = server.idle_run().await;
    let mut next = 0;
    while next < LINES {
        let faults: Vec<Fault> = (0..dice.usize(0..4)).map(|_| FAULTS[dice.usize(0..FAULTS.len())]).collect();
        fake.will("append", &faults);
        if dice.u8(0..4) == 0 {
            fake.will("read", &[Fault::Answer(503, "unavailable"); 3]);
        }
        let until = (next + dice.u64(1..12)).min(LINES);
        let lines: String = (next..until).map(|number| format!("{number}\n")).collect();
        let answer = ingest(&server, &run, next, lines).await;
        assert!([200, 503].contains(&answer.status.as_u16()), "seed {seed}: {}", answer.body);
        fake.forget_faults();
        if dice.u8(0..5) == 0 {
            let killed = folder.killed();
            drop(server);
            server = Server::on_with(&killed.file(), config());
            folder = killed;
        }
        if dice.bool() {
            // Without asking: what was not answered is written again.
            next = if answer.status == 200 { until } else { next };
            continue;
        }
        let head = server.ask("HEAD", format!("/realtime/v1/streams/{run}/self/out")).header("x-client-id", "c1");
        let head = head.answer().await;
        let last: i64 = head.header("x-last-chunk-index").unwrap().parse().unwrap();
        next = u64::try_from(last + 1).unwrap();
    }
    assert_eq!(ours(&fake), (0..LINES).map(|number| json!(number)).collect::<Vec<_>>(), "seed {seed}");
}
