//! A send whose answer was lost: the stream is asked, and tells, or does not.

use tidegate::proto::http::{OutgoingRequest, RequestKind, ResponseHead, StreamVersion};
use tidegate::proto::id::{PrincipalId, SendId};
use tidegate::proto::input::{Command, Input, News};

use super::harness::{World, body_of, cursor_of, input_log, is_read, key_of, status};

const OK: &str = "{\"ok\":true}";

/// What the store's clock shows when the device's shows nothing: nobody has set either by the other.
const STORE_MS: u64 = 5_000_000_000_000;

struct Scene {
    world: World,
    principal: PrincipalId,
}

impl Scene {
    fn new() -> Self {
        let (world, principal) = World::with_token(1);
        Self { world, principal }
    }

    fn store_now(&self) -> u64 {
        STORE_MS + self.world.wall_ms()
    }

    fn send(&mut self, json: &str) -> SendId {
        self.world.send(self.principal, "chat", json)
    }

    /// A send whose connection breaks, and the question that follows.
    #[track_caller]
    fn lose(&mut self, json: &str) -> (SendId, OutgoingRequest, OutgoingRequest) {
        let send = self.send(json);
        let post = self.world.next_request();
        self.world.fail(post.id);
        let question = self.question();
        (send, post, question)
    }

    #[track_caller]
    fn question(&mut self) -> OutgoingRequest {
        while self.world.requests.is_empty() {
            assert!(self.world.jump(), "something is due");
        }
        let question = self.world.next_request();
        assert!(is_read(&question), "{question:?}");
        question
    }

    /// Answers with these records: how long ago, and what.
    fn tell(&mut self, question: &OutgoingRequest, from: u64, records: &[(u64, &str)]) {
        let now = self.store_now();
        let records: Vec<_> = records.iter().map(|&(ago_ms, json)| (now - ago_ms, json)).collect();
        self.world.open(question.id);
        self.world.chunk(question.id, &input_log(from, &records, now));
    }

    #[track_caller]
    fn accept_next(&mut self) -> OutgoingRequest {
        while self.world.requests.is_empty() {
            assert!(self.world.jump(), "something is due");
        }
        let post = self.world.next_request();
        self.world.answer(post.id, status(200), OK);
        post
    }
}

#[test]
fn what_is_in_the_stream_was_accepted() {
    let mut scene = Scene::new();
    let send = scene.send("{\"text\":\"caf\u{e9} \\\"1\\\"\"}");
    let post = scene.world.next_request();
    scene.world.fail(post.id);
    assert_eq!(scene.world.due_in_ms(), Some(2_000), "what is on its way is given the time to arrive");
    let question = scene.question();
    assert_eq!(question.url, post.url);
    let RequestKind::Stream { timeout_seconds: 1, .. } = question.kind else { panic!("{question:?}") };
    assert_eq!(cursor_of(&question), None);
    scene.tell(&question, 0, &[(90_000, "\"hello\""), (1_990, "{\"text\":\"caf\u{e9} \\\"1\\\"\"}")]);
    assert_eq!(scene.world.states(send), ["queued:turn", "sending", "accepted"]);
    assert_eq!(scene.world.aborted, [question.id], "the rest of the window is nobody's concern");
    assert!(scene.world.requests.is_empty());
}

#[test]
fn what_is_not_there_is_sent_again() {
    for head in [None, Some(500), Some(503)] {
        let mut scene = Scene::new();
        let send = scene.send("1");
        let post = scene.world.next_request();
        match head {
            None => scene.world.fail(post.id),
            Some(code) => scene.world.answer(post.id, status(code), ""),
        }
        let question = scene.question();
        scene.tell(&question, 0, &[(60_000, "2")]);
        let again = scene.accept_next();
        assert_eq!((body_of(&again), key_of(&again)), (body_of(&post), key_of(&post)));
        assert_eq!(scene.world.states(send), ["queued:turn", "sending", "queued:backoff", "sending", "accepted"]);
    }
}

#[test]
fn an_equal_record_from_before_is_not_it() {
    let mut scene = Scene::new();
    scene.world.advance(30_000);
    let (send, _, question) = scene.lose("1");
    scene.tell(&question, 0, &[(9_000, "1")]);
    scene.accept_next();
    assert_eq!(scene.world.state(send), "accepted");
}

#[test]
fn an_equal_record_of_our_own_is_not_it_either() {
    for (copies, expected) in [(1, "queued:backoff"), (2, "accepted")] {
        let mut scene = Scene::new();
        scene.send("1");
        scene.accept_next();
        scene.world.advance(100);
        let (send, _, question) = scene.lose("1");
        scene.tell(&question, 0, &[(2_100, "1"), (2_000, "1")][..copies]);
        assert_eq!(scene.world.state(send), expected, "{copies} in the stream");
    }
}

#[test]
fn our_own_other_records_are_nobody_elses() {
    let mut scene = Scene::new();
    scene.send("1");
    scene.accept_next();
    let (send, _, question) = scene.lose("2");
    scene.tell(&question, 0, &[(2_010, "1")]);
    assert_eq!(scene.world.state(send), "queued:backoff");
}

#[test]
fn beside_a_record_of_somebody_else_nobody_can_tell() {
    let mut scene = Scene::new();
    let (send, _, question) = scene.lose("{\"a\":1.0}");
    // Perhaps ours, as a server wrote it down that reads and writes numbers its own way.
    scene.tell(&question, 0, &[(1_990, "{\"a\":1}")]);
    assert_eq!(scene.world.state(send), "unknown:blocked");
}

#[test]
fn a_device_that_slept_looks_further_back() {
    let mut scene = Scene::new();
    let send = scene.send("1");
    let post = scene.world.next_request();
    scene.world.sleep(3_600_000);
    scene.world.fail(post.id);
    let question = scene.question();
    scene.tell(&question, 0, &[(3_601_900, "1")]);
    assert_eq!(scene.world.state(send), "accepted");
}

#[test]
fn a_silent_server_may_still_be_at_it() {
    for (records, expected) in [(&[][..], "unknown:timeout"), (&[(30_000, "1")][..], "accepted")] {
        let mut scene = Scene::new();
        let send = scene.send("1");
        scene.world.next_request();
        let question = scene.question();
        scene.tell(&question, 0, records);
        assert_eq!(scene.world.state(send), expected);
        assert!(scene.world.requests.is_empty(), "not found after a minute is no proof");
    }
}

#[test]
fn a_token_that_may_not_read_asks_nothing() {
    let (mut world, principal) = World::with_blind_token(1);
    let send = world.send(principal, "chat", "1");
    let post = world.next_request();
    world.fail(post.id);
    assert_eq!(world.state(send), "unknown:blocked");
    assert!(world.requests.is_empty());
}

#[test]
fn the_other_backend_cannot_tell() {
    let mut scene = Scene::new();
    let (send, _, question) = scene.lose("1");
    scene.world.input(Input::News(question.id, News::Head(status(200))));
    assert_eq!(scene.world.state(send), "unknown:blocked");
    assert_eq!(scene.world.aborted, [question.id]);
}

#[test]
fn a_server_that_drops_repeats_says_so_to_the_question_too() {
    let mut scene = Scene::new();
    let (send, post, question) = scene.lose("1");
    let head = ResponseHead { version: StreamVersion::V2, idempotent: true, ..status(200) };
    scene.world.input(Input::News(question.id, News::Head(head)));
    assert_eq!(key_of(&scene.accept_next()), key_of(&post));
    assert_eq!(scene.world.state(send), "accepted");
}

#[test]
fn the_question_is_asked_four_times() {
    let mut scene = Scene::new();
    let (send, _, mut question) = scene.lose("1");
    for round in 0..4 {
        assert_eq!(scene.world.state(send), "sending");
        match round {
            0 => scene.world.fail(question.id),
            1 => scene.world.answer(question.id, status(503), ""),
            2 => {
                scene.world.open(question.id);
                scene.world.end(question.id);
            }
            _ => scene.world.advance(15_000),
        }
        if round < 3 {
            question = scene.question();
        }
    }
    assert_eq!(scene.world.state(send), "unknown:blocked", "the cause is what went wrong with the send");
    assert_eq!(scene.world.due_in_ms(), None);
    let next = scene.send("2");
    scene.accept_next();
    assert_eq!(scene.world.state(next), "accepted", "the line moves on");
}

#[test]
fn a_refusal_of_the_question_is_no_answer() {
    for code in [403, 404] {
        let mut scene = Scene::new();
        let (send, _, question) = scene.lose("1");
        scene.world.answer(question.id, status(code), "{}");
        assert_eq!(scene.world.state(send), "unknown:blocked", "{code}");
    }
}

#[test]
fn a_ping_before_the_end_proves_nothing() {
    let mut scene = Scene::new();
    let (send, _, question) = scene.lose("1");
    let now = scene.store_now();
    scene.world.open(question.id);
    scene.world.chunk(
        question.id,
        &format!("event: ping\ndata: {{\"timestamp\":{now},\"tail\":{{\"seq_num\":1,\"timestamp\":0}}}}\n\n"),
    );
    assert_eq!(scene.world.state(send), "sending");
    scene.world.chunk(question.id, &input_log(0, &[(now - 2_000, "1")], now));
    assert_eq!(scene.world.state(send), "accepted");
}

#[test]
fn the_next_in_line_waits_for_the_answer() {
    let mut scene = Scene::new();
    let (send, _, question) = scene.lose("1");
    let next = scene.send("2");
    assert_eq!(scene.world.state(next), "queued:turn");
    assert!(scene.world.requests.is_empty());
    scene.tell(&question, 0, &[]);
    assert_eq!(body_of(&scene.accept_next()), "{\"data\":1}");
    assert_eq!(body_of(&scene.accept_next()), "{\"data\":2}");
    assert_eq!([send, next].map(|id| scene.world.state(id)), ["accepted"; 2]);
}

#[test]
fn a_second_question_begins_where_the_first_ended() {
    let mut scene = Scene::new();
    let (_, _, question) = scene.lose("1");
    scene.tell(&question, 0, &[(50_000, "0"), (1_900, "1")]);
    let (second, _, question) = scene.lose("1");
    assert_eq!(cursor_of(&question).as_deref(), Some("1"));
    scene.tell(&question, 2, &[]);
    scene.accept_next();
    assert_eq!(scene.world.state(second), "accepted");
}

#[test]
fn taken_back_while_the_stream_is_asked() {
    let mut scene = Scene::new();
    let (send, _, question) = scene.lose("1");
    scene.world.command(Command::CancelSend(send));
    assert_eq!(scene.world.state(send), "unknown:aborted");
    assert_eq!(scene.world.aborted, [question.id]);
    let next = scene.send("2");
    scene.accept_next();
    assert_eq!(scene.world.state(next), "accepted");
}

#[test]
fn nothing_is_asked_offline() {
    let mut scene = Scene::new();
    let send = scene.send("1");
    let post = scene.world.next_request();
    scene.world.fail(post.id);
    scene.world.input(Input::Online(false));
    scene.world.advance(600_000);
    assert_eq!(scene.world.state(send), "sending");
    assert!(scene.world.requests.is_empty());
    scene.world.input(Input::Online(true));
    let question = scene.question();
    scene.tell(&question, 0, &[(599_900, "1")]);
    assert_eq!(scene.world.state(send), "accepted");
}

#[test]
fn a_send_that_the_page_has_forgotten_is_remembered_here() {
    let mut scene = Scene::new();
    let first = scene.send("1");
    scene.accept_next();
    scene.world.command(Command::ForgetSend(first));
    scene.world.advance(100);
    let (second, _, question) = scene.lose("1");
    scene.tell(&question, 0, &[(2_090, "1")]);
    assert_eq!(scene.world.state(second), "queued:backoff", "the record is the first one's");
}

#[test]
fn an_answer_that_was_long_in_coming_is_remembered_as_long() {
    let mut scene = Scene::new();
    scene.send("1");
    let slow = scene.world.next_request();
    scene.world.advance(25_000);
    scene.world.answer(slow.id, status(200), OK);
    scene.send("2");
    scene.accept_next();
    let (third, _, question) = scene.lose("1");
    scene.tell(&question, 0, &[(2_100, "1"), (2_050, "2")]);
    assert_eq!(scene.world.state(third), "queued:backoff", "the record is the first one's");
}

#[test]
fn what_a_server_would_drop_may_still_have_arrived() {
    let lost = || {
        let mut scene = Scene::new();
        let (send, _, question) = scene.lose("1");
        let head = ResponseHead { version: StreamVersion::V2, idempotent: true, ..status(200) };
        scene.world.input(Input::News(question.id, News::Head(head)));
        (scene, send)
    };
    let (mut scene, send) = lost();
    scene.world.command(Command::CancelSend(send));
    assert_eq!(scene.world.state(send), "unknown:aborted");
    let (mut scene, send) = lost();
    while scene.world.requests.is_empty() {
        assert!(scene.world.jump());
    }
    let repeat = scene.world.next_request();
    let body = "{\"ok\":false,\"error\":\"Cannot send to input stream on a completed run\"}";
    scene.world.answer(repeat.id, status(400), body);
    assert_eq!(scene.world.state(send), "unknown:run-finished");
}

#[test]
fn a_stream_that_cannot_be_read_on_is_asked_again() {
    let mut scene = Scene::new();
    scene.send("1");
    scene.accept_next();
    let (second, _, question) = scene.lose("2");
    scene.world.open(question.id);
    scene.world.chunk(question.id, "event: error\ndata: away\n\n");
    assert_eq!(scene.world.state(second), "sending");
    let question = scene.question();
    assert_eq!(cursor_of(&question), None, "nothing of it was seen");
    scene.tell(&question, 0, &[(3_000, "1")]);
    assert_eq!(scene.world.state(second), "queued:backoff", "the record is the first one's");
}

#[test]
fn a_record_without_a_time_may_be_of_any_time() {
    for json in ["1", "2"] {
        let mut scene = Scene::new();
        let (send, _, question) = scene.lose("1");
        let log = input_log(0, &[(77, json)], scene.store_now()).replace(",\"timestamp\":77", "");
        scene.world.open(question.id);
        scene.world.chunk(question.id, &log);
        assert_eq!(scene.world.state(send), "unknown:blocked", "{json}");
    }
}

#[test]
fn a_log_that_begins_anew_is_read_from_its_beginning() {
    let mut scene = Scene::new();
    let (_, _, question) = scene.lose("1");
    scene.tell(&question, 0, &[(50_000, "0"), (1_900, "1")]);
    let (second, _, question) = scene.lose("2");
    assert_eq!(cursor_of(&question).as_deref(), Some("1"));
    // The log has one record: the second send's.
    scene.tell(&question, 1, &[]);
    assert_eq!(scene.world.state(second), "unknown:blocked", "what is behind the end proves nothing");
    let (third, _, question) = scene.lose("3");
    assert_eq!(cursor_of(&question), None);
    scene.tell(&question, 0, &[(5_000, "2"), (1_900, "3")]);
    assert_eq!(scene.world.state(third), "accepted");
}

#[test]
fn what_was_claimed_is_not_claimed_again() {
    let mut scene = Scene::new();
    let (first, _, question) = scene.lose("1");
    scene.tell(&question, 0, &[(1_900, "1")]);
    assert_eq!(scene.world.state(first), "accepted");
    let (second, _, question) = scene.lose("1");
    // Somebody between has dropped `Last-Event-ID`, and the answer is slow.
    let now = scene.store_now();
    scene.world.advance(6_000);
    scene.world.open(question.id);
    scene.world.chunk(question.id, &input_log(0, &[(now - 3_900, "1")], now));
    assert_eq!(scene.world.state(second), "queued:backoff");
}

#[test]
fn an_answer_from_before_a_sleep_tells_no_time() {
    let mut scene = Scene::new();
    scene.world.advance(600_000);
    let (send, _, question) = scene.lose("1");
    let log = input_log(0, &[(scene.store_now() - 300_000, "1")], scene.store_now());
    // It was in the network's hands when the device fell asleep.
    scene.world.sleep(3_600_000);
    scene.world.open(question.id);
    scene.world.chunk(question.id, &log);
    assert_eq!(scene.world.state(send), "sending");
    let question = scene.question();
    scene.tell(&question, 0, &[(3_902_000, "1")]);
    assert_eq!(scene.world.state(send), "queued:backoff");
}

#[test]
fn a_record_that_may_be_another_identitys_proves_nothing() {
    for (json, expected) in [("1", "unknown:blocked"), ("2", "accepted")] {
        let mut scene = Scene::new();
        let other = scene.world.open_principal(false);
        scene.world.command(Command::SetToken(other, "tr_dev_other"));
        scene.world.send(other, "chat", json);
        scene.accept_next();
        let (send, _, question) = scene.lose("1");
        scene.tell(&question, 0, &[(2_010, "1")]);
        assert_eq!(scene.world.state(send), expected, "beside a send of {json}");
    }
}
