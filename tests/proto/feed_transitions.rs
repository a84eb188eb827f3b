//! The table of a feed's transitions, as its module's page prints it, held against the machine: every stage, every input, every flag.
//! A new stage or input does not compile here without its row or column, and a new method is missed by name.

use std::rc::Rc;

use tidegate::proto::error::{ErrorCode, Problem};
use tidegate::proto::http::{FeedKind, Told};
use tidegate::proto::random::Random;
use tidegate::proto::runs::Runs;
use tidegate::proto::shape::{Shape, Stage};
use tidegate::proto::time::Instant;

use crate::transition_table::{assert_printed, changing_methods, table};

const SOURCE: &str = include_str!("../../src/proto/shape.rs");

const UP_TO_DATE: &str = r#"[{"headers":{"control":"up-to-date"}}]"#;
const ENDED: &str = r#"[{"key":"1","value":{"completedAt":"then"},"headers":{"operation":"insert"}},{"headers":{"control":"up-to-date"}}]"#;
const REFETCH: &str = r#"[{"headers":{"control":"must-refetch"}}]"#;

const TOLD: Told<'_> = Told { handle: "h", offset: "1_1", cursor: "1", schema: "{}", token: "" };

const STAGES: [Stage; 6] = [
    Stage::Waiting,
    Stage::Reading,
    Stage::Polling,
    Stage::Ended,
    Stage::Failed { by_token: false },
    Stage::Failed { by_token: true },
];

#[derive(Clone, Copy, PartialEq)]
enum Step {
    Start,
    Open,
    Answer,
    OfAnotherLog,
    WithoutHeader,
    Cut,
    Refetch,
    Loss,
    Absence,
    Refusal,
    StaleToken,
    Revive,
    Hurry,
    Hidden,
    Seen,
    Overdue,
    Pause,
    YieldTurn,
}

const STEPS: [Step; 18] = [
    Step::Start,
    Step::Open,
    Step::Answer,
    Step::OfAnotherLog,
    Step::WithoutHeader,
    Step::Cut,
    Step::Refetch,
    Step::Loss,
    Step::Absence,
    Step::Refusal,
    Step::StaleToken,
    Step::Revive,
    Step::Hurry,
    Step::Hidden,
    Step::Seen,
    Step::Overdue,
    Step::Pause,
    Step::YieldTurn,
];

/// Who it comes from, which says where it can.
#[derive(PartialEq)]
enum Source {
    /// To a feed that wants to ask.
    Door,
    /// To one that has asked.
    Network,
    /// To any.
    Outside,
}

#[derive(Clone, Copy, PartialEq)]
enum Flag {
    None,
    Unseen,
    Finished,
}

const FLAGS: [(Flag, &str); 2] = [(Flag::Unseen, "unseen"), (Flag::Finished, "finished")];

impl Step {
    /// Its name in the table, the method, and who calls that.
    const fn describe(self) -> (&'static str, &'static str, Source) {
        match self {
            Self::Start => ("start", "start", Source::Door),
            Self::Open => ("open", "handle_open", Source::Network),
            Self::Answer => ("answer", "handle_answer", Source::Network),
            Self::OfAnotherLog => ("answer: of another log", "handle_answer", Source::Network),
            Self::WithoutHeader => ("answer: without a header", "handle_answer", Source::Network),
            Self::Cut => ("answer: cut", "handle_answer", Source::Network),
            Self::Refetch => ("refetch", "handle_refetch", Source::Network),
            Self::Loss => ("loss", "handle_loss", Source::Network),
            Self::Absence => ("absence", "handle_absence", Source::Network),
            Self::Refusal => ("refusal", "handle_refusal", Source::Outside),
            Self::StaleToken => ("stale token", "handle_stale_token", Source::Network),
            Self::Revive => ("revive", "revive", Source::Outside),
            Self::Hurry => ("hurry", "hurry", Source::Outside),
            Self::Hidden => ("timeout: unseen", "handle_timeout", Source::Outside),
            Self::Seen => ("set visible", "set_visible", Source::Outside),
            Self::Overdue => ("timeout", "handle_timeout", Source::Outside),
            Self::Pause => ("pause", "pause", Source::Door),
            Self::YieldTurn => ("yield turn", "yield_turn", Source::Network),
        }
    }

    /// Does it, and says whether the request is to be given up.
    fn apply(self, feed: &mut Shape) -> bool {
        let dice = &mut Random::new(1);
        let problem = Rc::new(Problem::new(ErrorCode::Server));
        match self {
            Self::Start => {
                feed.start(at(2_000));
            }
            Self::Open => feed.handle_open(at(2_000)),
            Self::Answer => feed.handle_answer(at(2_000), UP_TO_DATE, &TOLD, dice),
            Self::OfAnotherLog => feed.handle_answer(at(2_000), REFETCH, &TOLD, dice),
            Self::WithoutHeader => feed.handle_answer(at(2_000), UP_TO_DATE, &Told { offset: "", ..TOLD }, dice),
            Self::Cut => feed.handle_answer(at(2_000), &UP_TO_DATE[..20], &TOLD, dice),
            Self::Refetch => feed.handle_refetch(at(2_000), "", dice),
            Self::Loss => feed.handle_loss(at(2_000), problem, 0, dice),
            Self::Absence => feed.handle_absence(at(2_000), Rc::new(Problem::new(ErrorCode::NotFound)), dice),
            Self::Refusal => feed.handle_refusal(problem),
            Self::StaleToken => feed.handle_stale_token(at(2_000)),
            Self::Revive => feed.revive(at(2_000)),
            Self::Hurry => return feed.hurry(at(2_000)),
            Self::Hidden => return feed.handle_timeout(at(6_000), dice),
            Self::Seen => feed.set_visible(at(2_000), true),
            Self::Overdue => return feed.handle_timeout(at(60_000), dice),
            Self::Pause => feed.pause(),
            Self::YieldTurn => feed.yield_turn(at(4_000)),
        }
        false
    }
}

const fn at(ms: u64) -> Instant {
    Instant::from_millis(100_000 + ms)
}

/// A feed in that stage since a moment ago. Its snapshot has been read, but where it reads it.
fn feed(stage: Stage, flag: Flag) -> Shape {
    let mut feed = Shape::new(Runs::given().expect("a default feature"), FeedKind::Run, false);
    let dice = &mut Random::new(1);
    let body = if flag == Flag::Finished { ENDED } else { UP_TO_DATE };
    if stage != Stage::Reading {
        feed.start(at(0));
        feed.handle_answer(at(0), body, &TOLD, dice);
    }
    if flag == Flag::Unseen {
        feed.set_visible(at(0), false);
    }
    match stage {
        Stage::Waiting => {}
        Stage::Reading | Stage::Polling => {
            feed.start(at(0));
        }
        Stage::Ended => {
            feed.start(at(0));
            feed.handle_answer(at(0), ENDED, &TOLD, dice);
            feed.start(at(0));
            feed.handle_answer(at(1_000), UP_TO_DATE, &TOLD, dice);
        }
        Stage::Failed { by_token: false } => feed.handle_refusal(Rc::new(Problem::new(ErrorCode::NotFound))),
        Stage::Failed { by_token: true } => feed.handle_refusal(Rc::new(Problem::new(ErrorCode::Unauthorized))),
    }
    assert_eq!(feed.stage(), stage);
    feed
}

const fn title(stage: Stage) -> &'static str {
    match stage {
        Stage::Waiting => "Waiting",
        Stage::Reading => "Reading",
        Stage::Polling => "Polling",
        Stage::Ended => "Ended",
        Stage::Failed { by_token: false } => "Failed",
        Stage::Failed { by_token: true } => "Failed, by token",
    }
}

/// What becomes of each stage.
fn cells(step: Step, flag: Flag) -> Vec<String> {
    let cell = |stage| {
        let mut feed = feed(stage, flag);
        let (.., source) = step.describe();
        let possible = match source {
            Source::Door => feed.wants_request(at(2_000)),
            Source::Network => feed.is_connected(),
            // Nobody is refused who has neither asked nor wants to.
            Source::Outside if step == Step::Refusal => feed.is_connected() || feed.wants_request(at(2_000)),
            Source::Outside => true,
        };
        if !possible {
            return String::new();
        }
        let given_up = step.apply(&mut feed);
        let name = if feed.stage() == stage { "=" } else { title(feed.stage()) };
        if given_up { format!("{name}, aborts") } else { name.to_owned() }
    };
    STAGES.map(cell).to_vec()
}

#[test]
fn the_table_on_the_page_is_what_the_machine_does() {
    let steps = STEPS.map(|step| (step, step.describe().0));
    let made = table(&STAGES.map(title), &steps, Flag::None, &FLAGS, cells);
    assert_printed("src/proto/shape.rs", SOURCE, &made);
}

#[test]
fn every_method_that_changes_a_feed_has_its_row() {
    // Those that tell leave the stage alone.
    let changing = changing_methods(SOURCE, "Shape", &["poll_rows", "poll_status"]);
    assert_eq!(changing, STEPS.iter().map(|step| step.describe().1).collect());
}
