//! The table of a reader's transitions, as its module's page prints it, held against the machine: every stage, every input, every
//! flag. A new stage or input does not compile here without its row or column, and a new method is missed by name.

use std::rc::Rc;

use tidegate::proto::error::{ErrorCode, Problem};
use tidegate::proto::http::StreamVersion;
use tidegate::proto::random::Random;
use tidegate::proto::subscription::{Stage, Subscription};
use tidegate::proto::time::Instant;

use crate::transition_table::{assert_printed, changing_methods, table};

const SOURCE: &str = include_str!("../../src/proto/subscription.rs");

const STAGES: [Stage; 6] = [
    Stage::Waiting,
    Stage::Connecting,
    Stage::Live,
    Stage::Ended,
    Stage::Failed { by_token: false },
    Stage::Failed { by_token: true },
];

#[derive(Clone, Copy, PartialEq)]
enum Step {
    Start,
    Open,
    Chunk,
    Tail,
    Error,
    End,
    EarlyEnd,
    Loss,
    Refusal,
    StaleToken,
    Revive,
    Hurry,
    Timeout,
    Pause,
    SetReading,
    RunFinished,
    YieldTurn,
}

const STEPS: [Step; 17] = [
    Step::Start,
    Step::Open,
    Step::Chunk,
    Step::Tail,
    Step::Error,
    Step::End,
    Step::EarlyEnd,
    Step::Loss,
    Step::Refusal,
    Step::StaleToken,
    Step::Revive,
    Step::Hurry,
    Step::Timeout,
    Step::Pause,
    Step::SetReading,
    Step::RunFinished,
    Step::YieldTurn,
];

/// Who it comes from, which says where it can.
#[derive(PartialEq)]
enum Source {
    /// To a reader that wants a connection.
    Door,
    /// To one that has a connection, or is making one.
    Network,
    /// To any.
    Outside,
}

#[derive(Clone, Copy, PartialEq)]
enum Flag {
    None,
    Held,
    Paused,
    HeldBack,
    RunFinished,
}

const FLAGS: [(Flag, &str); 4] =
    [(Flag::Held, "held"), (Flag::Paused, "paused"), (Flag::HeldBack, "held back"), (Flag::RunFinished, "finished")];

impl Step {
    /// Its name in the table, the method, and who calls that.
    const fn describe(self) -> (&'static str, &'static str, Source) {
        match self {
            Self::Start => ("start", "start", Source::Door),
            Self::Open => ("open", "handle_open", Source::Network),
            Self::Chunk => ("chunk", "handle_chunk", Source::Network),
            Self::Tail => ("chunk: the log's end", "handle_chunk", Source::Network),
            Self::Error => ("chunk: an error", "handle_chunk", Source::Network),
            Self::End => ("end", "handle_end", Source::Network),
            Self::EarlyEnd => ("end: too soon", "handle_end", Source::Network),
            Self::Loss => ("loss", "handle_loss", Source::Network),
            Self::Refusal => ("refusal", "handle_refusal", Source::Outside),
            Self::StaleToken => ("stale token", "handle_stale_token", Source::Network),
            Self::Revive => ("revive", "revive", Source::Outside),
            Self::Hurry => ("hurry", "hurry", Source::Outside),
            Self::Timeout => ("timeout", "handle_timeout", Source::Outside),
            Self::Pause => ("pause", "pause", Source::Door),
            Self::SetReading => ("set reading", "set_reading", Source::Outside),
            Self::RunFinished => ("run finished", "handle_run_finished", Source::Outside),
            Self::YieldTurn => ("yield turn", "yield_turn", Source::Network),
        }
    }

    /// Does it, and says whether the request is to be given up. Between one step and the next there is the time it needs.
    fn apply(self, reader: &mut Subscription) -> bool {
        let dice = &mut Random::new(1);
        let problem = Rc::new(Problem::new(ErrorCode::Server));
        match self {
            Self::Start => {
                reader.start(at(2_000));
            }
            Self::Open => reader.handle_open(at(2_000), StreamVersion::V2),
            Self::Chunk => return reader.handle_chunk(at(2_000), b": ping\n\n", dice),
            Self::Tail => {
                let ping = b"event: ping\ndata: {\"timestamp\":1,\"tail\":{\"seq_num\":0}}\n\n";
                return reader.handle_chunk(at(2_000), ping, dice);
            }
            Self::Error => return reader.handle_chunk(at(2_000), b"event: error\ndata: away\n\n", dice),
            Self::End => reader.handle_end(at(2_000), dice),
            Self::EarlyEnd => reader.handle_end(at(500), dice),
            Self::Loss => reader.handle_loss(at(2_000), problem, 0, dice),
            Self::Refusal => reader.handle_refusal(problem),
            Self::StaleToken => reader.handle_stale_token(at(2_000)),
            Self::Revive => reader.revive(at(2_000)),
            Self::Hurry => return reader.hurry(at(20_000), true),
            Self::Timeout => return reader.handle_timeout(at(60_000), dice),
            Self::Pause => reader.pause(),
            Self::SetReading => reader.set_reading(at(2_000), true),
            Self::RunFinished => return reader.handle_run_finished(at(2_000)),
            Self::YieldTurn => reader.yield_turn(at(4_000)),
        }
        false
    }
}

const fn at(ms: u64) -> Instant {
    Instant::from_millis(100_000 + ms)
}

/// A reader in that stage since a moment ago.
fn reader(stage: Stage, flag: Flag) -> Subscription {
    let mut reader = Subscription::new("", 0);
    let failed = |code| Rc::new(Problem::new(code));
    match flag {
        Flag::None => {}
        Flag::Held => reader.set_reading(at(0), false),
        Flag::Paused => reader.pause(),
        Flag::HeldBack => {
            reader.start(Instant::from_millis(1_000));
            assert!(reader.handle_timeout(Instant::from_millis(31_000), &mut Random::new(1)));
        }
        Flag::RunFinished => assert!(!reader.handle_run_finished(at(0))),
    }
    match stage {
        Stage::Waiting => {}
        Stage::Connecting => {
            reader.start(at(0));
        }
        Stage::Live => {
            reader.start(at(0));
            reader.handle_open(at(0), StreamVersion::V2);
        }
        Stage::Ended => {
            reader.start(at(0));
            reader.handle_open(at(0), StreamVersion::V2);
            reader.handle_run_finished(at(0));
            reader.start(at(0));
            reader.handle_open(at(0), StreamVersion::V2);
            Step::Tail.apply(&mut reader);
        }
        Stage::Failed { by_token: false } => reader.handle_refusal(failed(ErrorCode::NotFound)),
        Stage::Failed { by_token: true } => reader.handle_refusal(failed(ErrorCode::Unauthorized)),
    }
    assert_eq!(reader.stage(), stage);
    reader
}

const fn title(stage: Stage) -> &'static str {
    match stage {
        Stage::Waiting => "Waiting",
        Stage::Connecting => "Connecting",
        Stage::Live => "Live",
        Stage::Ended => "Ended",
        Stage::Failed { by_token: false } => "Failed",
        Stage::Failed { by_token: true } => "Failed, by token",
    }
}

/// What becomes of each stage.
fn cells(step: Step, flag: Flag) -> Vec<String> {
    let cell = |stage| {
        let mut reader = reader(stage, flag);
        let (.., source) = step.describe();
        let possible = match source {
            Source::Door => reader.wants_request(at(2_000)),
            Source::Network => reader.is_connected(),
            // Nobody is refused who has neither asked nor wants to.
            Source::Outside if step == Step::Refusal => reader.is_connected() || reader.wants_request(at(2_000)),
            Source::Outside => true,
        };
        if !possible {
            return String::new();
        }
        let given_up = step.apply(&mut reader);
        let name = if reader.stage() == stage { "=" } else { title(reader.stage()) };
        if given_up { format!("{name}, aborts") } else { name.to_owned() }
    };
    STAGES.map(cell).to_vec()
}

#[test]
fn the_table_on_the_page_is_what_the_machine_does() {
    let steps = STEPS.map(|step| (step, step.describe().0));
    let made = table(&STAGES.map(title), &steps, Flag::None, &FLAGS, cells);
    assert_printed("src/proto/subscription.rs", SOURCE, &made);
}

#[test]
fn every_method_that_changes_a_reader_has_its_row() {
    // Those that tell leave the stage alone.
    let changing = changing_methods(SOURCE, "Subscription", &["poll_effect", "poll_run_wanted"]);
    assert_eq!(changing, STEPS.iter().map(|step| step.describe().1).collect());
}
