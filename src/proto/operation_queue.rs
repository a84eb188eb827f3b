//! Operations that wait, in their order: which of them become one, which may be done twice, and how they leave.

use alloc::string::String;
use alloc::vec::Vec;

use super::document::Document;
use super::operation::{Key, Merged, Operation};

/// How much goes into one request: well under what a server takes.
const BODY_LIMIT: usize = 1_000_000;

/// How many operations are looked at for one that the next can be taken into.
const LOOK_BACK: usize = 64;

/// Whose document an operation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The run's own.
    Own = 0,
    /// That of the run that triggered it.
    Parent = 1,
    /// That of the first run of its line.
    Root = 2,
}

/// Operations on one document.
#[derive(Debug, Default)]
pub struct OperationQueue(Vec<Operation>);

/// Operations on the document of the run, and on those above it.
#[derive(Debug, Default)]
pub struct Queues([OperationQueue; 3]);

impl OperationQueue {
    /// Behind the last, or taken into one before it: operations on different members do not know of each other.
    pub fn push(&mut self, next: Operation) {
        if matches!(next, Operation::Update(_)) {
            self.0.clear();
        }
        for (back, earlier) in self.0.iter_mut().rev().take(LOOK_BACK).enumerate() {
            let (one, other) = (earlier.member(), next.member());
            let is_apart = one.is_some() && other.is_some() && one != other;
            if is_apart {
                continue;
            }
            // Across others only where the order of members stays: `*` asks about it.
            let may_merge = back == 0 || earlier.makes_member();
            if may_merge && earlier.merge(&next) == Merged::One {
                return;
            }
            break;
        }
        self.0.push(next);
    }

    /// Does all of them.
    pub fn apply(&self, document: &mut Document) {
        for operation in &self.0 {
            operation.apply(document);
        }
    }

    /// A list that is shortened and then written to by place is another one when that is done twice.
    pub fn can_repeat(&self) -> bool {
        let removes = self.0.iter().any(|operation| matches!(operation, Operation::Remove(..)));
        let by_place = self.0.iter().any(|operation| matches!(operation, Operation::Set(Key::Path(..), _)));
        self.0.iter().all(Operation::is_repeatable) && !(removes && by_place)
    }

    /// Takes out what must not be done twice; tells how much that was.
    pub fn give_up(&mut self) -> usize {
        let before = self.0.len();
        self.0.retain(Operation::is_repeatable);
        if !self.can_repeat() {
            self.0.retain(|operation| !matches!(operation, Operation::Remove(..)));
        }
        before - self.0.len()
    }

    /// Whether two documents are the same where the operations reach.
    pub fn is_alike(&self, one: &Document, other: &Document) -> bool {
        let members: Option<Vec<&str>> = self.0.iter().map(Operation::member).collect();
        match members {
            Some(members) if !members.is_empty() => members.iter().all(|member| one.get(member) == other.get(member)),
            Some(_) => true,
            None => one == other,
        }
    }
}

impl Queues {
    /// Those of one document.
    pub const fn of(&mut self, target: Target) -> &mut OperationQueue {
        let [own, parent, root] = &mut self.0;
        match target {
            Target::Own => own,
            Target::Parent => parent,
            Target::Root => root,
        }
    }

    /// Those of the run's own document.
    pub const fn own(&self) -> &OperationQueue {
        &self.0[0]
    }

    /// Whether there is nothing in them.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|queue| queue.0.len()).sum()
    }

    /// Whether there are some for documents above.
    pub fn has_above(&self) -> bool {
        let [_, above @ ..] = &self.0;
        above.iter().any(|queue| !queue.0.is_empty())
    }

    /// Whether all may be done twice.
    pub fn can_repeat(&self) -> bool {
        self.0.iter().all(OperationQueue::can_repeat)
    }

    /// Takes out what must not be done twice; tells how much that was.
    pub fn give_up(&mut self) -> usize {
        self.0[0].give_up() + self.give_up_above()
    }

    /// The same, of what is for documents above.
    pub fn give_up_above(&mut self) -> usize {
        let [_, parent, root] = &mut self.0;
        parent.give_up() + root.give_up()
    }

    /// Takes the first of them: so many at most, and no more than one request may hold.
    pub fn take(&mut self, most: usize) -> Self {
        let mut taken = Self::default();
        let mut room = most;
        let mut length = 0;
        for (queue, taken) in self.0.iter_mut().zip(&mut taken.0) {
            let fits = queue.0.iter().take_while(|operation| {
                let mut text = String::new();
                operation.push(&mut text);
                let is_first = length == 0;
                length += text.len() + 1;
                let fits = room > 0 && (is_first || length <= BODY_LIMIT);
                room -= usize::from(fits);
                fits
            });
            let count = fits.count();
            taken.0 = queue.0.drain(..count).collect();
            if !queue.0.is_empty() {
                room = 0;
            }
        }
        taken
    }

    /// Puts back what was taken.
    pub fn put_back(&mut self, taken: Self) {
        for (queue, taken) in self.0.iter_mut().zip(taken.0) {
            queue.0.splice(..0, taken.0);
        }
    }

    /// As a request has them.
    pub fn body(&self) -> String {
        let mut out = String::from("{");
        for (name, queue) in
            ["\"operations\":[", ",\"parentOperations\":[", ",\"rootOperations\":["].iter().zip(&self.0)
        {
            out.push_str(name);
            for (index, operation) in queue.0.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                operation.push(&mut out);
            }
            out.push(']');
        }
        out.push('}');
        out
    }
}
