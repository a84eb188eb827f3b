//! Which runs a feed shows, and what has become of them since its reader looked.

use serde::{Deserialize, Serialize};

use super::columns::{COUNT, cells};
use super::runs::Run;

/// What a feed is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Run(String),
    /// Runs that carry all these tags and were created from a time on.
    Tagged {
        tags: Vec<String>,
        created_from: u64,
    },
    Batch(String),
}

/// What a waiting reader listens to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    Run(String),
    Tag(String),
    Batch(String),
    Any,
}

impl Shape {
    pub(super) fn topic(&self) -> Topic {
        match self {
            Self::Run(run) => Topic::Run(run.clone()),
            Self::Tagged { tags, .. } => tags.first().map_or(Topic::Any, |tag| Topic::Tag(tag.clone())),
            Self::Batch(batch) => Topic::Batch(batch.clone()),
        }
    }

    pub(super) fn holds(&self, run: &Run) -> bool {
        match self {
            Self::Run(id) => run.id == *id,
            Self::Tagged { tags, created_from } => {
                run.created_at >= *created_from && tags.iter().all(|tag| run.tags.contains(tag))
            }
            Self::Batch(batch) => run.batch.as_ref() == Some(batch),
        }
    }
}

/// How a run changed in the eyes of a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    In,
    Within,
    Out,
}

#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) run: Run,
    pub(crate) how: Move,
    /// For each column whether it changed.
    pub(crate) columns: [bool; COUNT],
}

/// Runs, and the place in the history of all changes at which they were read.
#[derive(Clone, Debug)]
pub(crate) struct Reading<T> {
    pub(crate) items: Vec<T>,
    pub(crate) sequence: u64,
}

/// A run and when what of it changed, in numbers of changes since the store began.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) run: Run,
    pub(super) created: u64,
    pub(super) changed: u64,
    pub(super) columns: [u64; COUNT],
    pub(super) memberships: Vec<Membership>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Membership {
    tag: String,
    from: u64,
    until: Option<u64>,
}

impl Kept {
    pub(super) fn new(run: Run, sequence: u64) -> Self {
        let member = |tag: &String| Membership { tag: tag.clone(), from: sequence, until: None };
        let memberships = run.tags.iter().map(member).collect();
        Self { run, created: sequence, changed: sequence, columns: [sequence; COUNT], memberships }
    }

    /// Puts the run in the place of what it was.
    pub(super) fn replace(&mut self, run: Run, sequence: u64) {
        for ((before, after), changed) in cells(&self.run).iter().zip(&cells(&run)).zip(&mut self.columns) {
            if before != after {
                *changed = sequence;
            }
        }
        for membership in self.memberships.iter_mut().filter(|membership| membership.until.is_none()) {
            if !run.tags.contains(&membership.tag) {
                membership.until = Some(sequence);
            }
        }
        for tag in run.tags.iter().filter(|tag| !self.run.tags.contains(tag)) {
            self.memberships.push(Membership { tag: tag.clone(), from: sequence, until: None });
        }
        (self.run, self.changed) = (run, sequence);
    }

    /// What to tell a reader of this shape who has seen everything up to `seen`.
    pub(super) fn since(&self, seen: u64, shape: &Shape) -> Option<Change> {
        let how = match (self.was_in(shape, seen), shape.holds(&self.run)) {
            (false, false) => return None,
            (false, true) => Move::In,
            (true, true) => Move::Within,
            (true, false) => Move::Out,
        };
        Some(Change { run: self.run.clone(), how, columns: self.columns.map(|changed| changed > seen) })
    }

    fn was_in(&self, shape: &Shape, seen: u64) -> bool {
        match shape {
            // Who asks for one run asks for one that there is.
            Shape::Run(_) => shape.holds(&self.run),
            Shape::Batch(_) => self.created <= seen && shape.holds(&self.run),
            Shape::Tagged { tags, created_from } => {
                let was_there = self.created <= seen && self.run.created_at >= *created_from;
                was_there && tags.iter().all(|tag| self.had(tag, seen))
            }
        }
    }

    fn had(&self, tag: &str, seen: u64) -> bool {
        let covers =
            |one: &Membership| one.tag == tag && one.from <= seen && one.until.is_none_or(|until| until > seen);
        self.memberships.iter().any(covers)
    }

    /// Everyone who may be told of this run.
    pub(super) fn topics(&self) -> impl Iterator<Item = Topic> {
        let tags = self.memberships.iter().map(|membership| Topic::Tag(membership.tag.clone()));
        let batch = self.run.batch.iter().map(|batch| Topic::Batch(batch.clone()));
        [Topic::Run(self.run.id.clone()), Topic::Any].into_iter().chain(tags).chain(batch)
    }
}
