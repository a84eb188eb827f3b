//! The server, of either dialect: what it has, and what it answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidegate::proto::http::{FeedKind, OutgoingRequest, RequestFailure, RequestKind, ResponseHead, Told};
use tidegate::proto::id::RequestId;
use tidegate::proto::input::{Input, News};

use super::super::harness::status;
use super::{Dialect, Simulation};

#[derive(Clone)]
pub(super) struct Answer {
    status: u16,
    handle: String,
    /// A version of the table, and a place in it.
    offset: (u64, u64),
    live: bool,
    schema: bool,
    retry_after_ms: u64,
    body: String,
}

pub(super) enum Reply {
    Answer(Answer),
    Fail,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    handle: String,
    offset: Option<(u64, u64)>,
    live: bool,
}

impl Simulation {
    pub(super) fn rotate(&mut self) {
        self.log += 1;
        self.snapshot = self.versions.len() - 1;
        // Who waits for news of the old log is told that it is over.
        for (id, asked, _) in core::mem::take(&mut self.held) {
            let answer = self.answer(&asked);
            self.soon(id, Reply::Answer(answer));
        }
    }

    /// Writes another state: a run gets on, or is new, or is no more.
    pub(super) fn change(&mut self, completed: Option<bool>) {
        self.counter += 1;
        let mut table = self.versions.last().cloned().unwrap_or_default();
        let rows = if self.kind == FeedKind::Run { 1 } else { 6 };
        let key = format!("\"public\".\"TaskRun\"/\"{}\"", self.dice.below(rows));
        let electric = self.dialect == Dialect::Electric;
        let message = if electric && rows > 1 && table.contains_key(&key) && self.dice.below(4) == 0 {
            table.remove(&key);
            json!({ "headers": { "operation": "delete" }, "key": key, "value": { "id": "x" } })
        } else {
            let is_new = !table.contains_key(&key);
            let row = table.entry(key.clone()).or_default();
            let mut set = BTreeMap::new();
            let text = format!("{}\"{{[\\ü", self.counter);
            for column in ["status", "metadata", "number"].iter().take(1 + self.dice.below(3) as usize) {
                set.insert((*column).to_owned(), json!(text));
            }
            if let Some(completed) = completed {
                set.insert(
                    "completedAt".into(),
                    if completed { json!("2026-11-22T08:00:00.000") } else { Value::Null },
                );
            }
            row.extend(set.clone());
            let value = if electric { set } else { row.clone() };
            json!({ "key": key, "value": value, "headers": { "operation": if is_new { "insert" } else { "update" } } })
        };
        self.versions.push(table);
        self.changes.push(vec![message]);
        for (id, asked, _) in core::mem::take(&mut self.held) {
            let answer = self.answer(&asked);
            self.soon(id, Reply::Answer(answer));
        }
    }

    pub(super) fn take(&mut self, request: &OutgoingRequest) {
        assert_eq!(request.kind, RequestKind::Feed);
        let asked = read_url(&request.url);
        let id = request.id;
        if !self.is_calm() {
            if !self.online {
                return self.soon(id, Reply::Fail);
            }
            match self.dice.below(24) {
                0 => return self.refuse(id, 503, 0),
                1 => {
                    let seconds = self.dice.below(5);
                    return self.refuse(id, 429, 1_000 * seconds);
                }
                // Not a renewed token: that would be the end, and rightly.
                2 if !core::mem::replace(&mut self.refused, true) => return self.refuse(id, 401, 0),
                3 => return self.soon(id, Reply::Fail),
                // Nobody answers.
                4 if self.dice.below(3) == 0 => return,
                5 | 6 => {
                    let mut answer = self.answer(&asked);
                    let mut cut = self.dice.below(answer.body.len() as u64) as usize;
                    while !answer.body.is_char_boundary(cut) {
                        cut -= 1;
                    }
                    answer.body.truncate(cut);
                    return self.soon(id, Reply::Answer(answer));
                }
                7 | 8 => {
                    if let Some(answer) = self.stale(&asked) {
                        return self.soon(id, Reply::Answer(answer));
                    }
                }
                9 if self.dialect == Dialect::Electric && asked.offset.is_some() => {
                    self.rotate();
                    let mut answer = self.answer(&asked);
                    if self.dice.below(2) == 0 {
                        // In the old way.
                        (answer.status, answer.offset) = (200, (u64::MAX, 0));
                        answer.handle.clone_from(&asked.handle);
                    }
                    return self.soon(id, Reply::Answer(answer));
                }
                _ => self.refused = false,
            }
        }
        let is_new = asked.offset.is_none_or(|(version, _)| !self.is_current(version)) || asked.handle != self.handle();
        let hasty = self.world.now_ms() < self.hasty_until_ms;
        if asked.live && !(is_new && self.dialect == Dialect::Electric && asked.handle != self.handle()) && !hasty {
            let version = asked.offset.map_or(0, |(version, _)| version);
            if self.is_current(version) {
                let until = self.world.now_ms() + 17_000 + self.dice.below(6_000);
                self.held.push((id, asked, until));
                return;
            }
        }
        let answer = self.answer(&asked);
        self.soon(id, Reply::Answer(answer));
    }

    fn refuse(&mut self, id: RequestId, code: u16, retry_after_ms: u64) {
        let body = "{\"error\":\"no\"}".to_owned();
        let (handle, offset) = (String::new(), (0, 0));
        let answer = Answer { status: code, handle, offset, live: false, schema: false, retry_after_ms, body };
        self.soon(id, Reply::Answer(answer));
    }

    fn handle(&self) -> String {
        match self.dialect {
            Dialect::Native => "run-1".into(),
            Dialect::Electric => format!("shape-{}", self.log),
        }
    }

    fn is_current(&self, version: u64) -> bool {
        let latest = self.versions.len() as u64 - 1;
        match self.dialect {
            Dialect::Native => version == 1_000 + latest,
            Dialect::Electric => version == latest || (version == 0 && self.snapshot as u64 == latest),
        }
    }

    /// An answer that was given before, to a request that had got no further.
    fn stale(&mut self, asked: &Asked) -> Option<Answer> {
        let mut fit = self.given.iter().filter(|(is_first, answer)| match asked.offset {
            None => *is_first,
            Some(offset) => answer.offset <= offset,
        });
        let count = fit.clone().count() as u64;
        if count == 0 {
            return None;
        }
        fit.nth(self.dice.below(count) as usize).map(|(_, answer)| answer.clone())
    }

    /// What the server says, now.
    pub(super) fn answer(&mut self, asked: &Asked) -> Answer {
        let answer = match self.dialect {
            Dialect::Native => self.answer_natively(asked),
            Dialect::Electric => self.answer_as_electric(asked),
        };
        if answer.status == 200 {
            self.given.push_back((asked.offset.is_none(), answer.clone()));
            if self.given.len() > 12 {
                self.given.pop_front();
            }
        }
        answer
    }

    fn answer_natively(&mut self, asked: &Asked) -> Answer {
        let latest = self.versions.len() - 1;
        self.counter += 1;
        let offset = (1_000 + latest as u64, self.counter);
        let from = asked.offset.filter(|_| asked.live).map(|(version, _)| version as usize - 1_000);
        let old = from.map(|from| &self.versions[from]);
        let rows = self.versions[latest].iter().filter(|(key, row)| old.is_none_or(|old| old.get(*key) != Some(*row)));
        let operation = if asked.live { "update" } else { "insert" };
        let mut messages: Vec<_> =
            rows.map(|(key, row)| json!({ "key": key, "value": row, "headers": { "operation": operation } })).collect();
        let offset = if messages.is_empty() { asked.offset.unwrap_or(offset) } else { offset };
        messages.push(control("up-to-date"));
        let handle = if asked.handle.is_empty() { self.handle() } else { asked.handle.clone() };
        let handle = if asked.offset.is_none() { self.handle() } else { handle };
        let body = json!(messages).to_string();
        Answer { status: 200, handle, offset, live: asked.live, schema: !asked.live, retry_after_ms: 0, body }
    }

    fn answer_as_electric(&mut self, asked: &Asked) -> Answer {
        let (live, handle, latest) = (asked.live, self.handle(), self.versions.len() - 1);
        let none =
            Answer { status: 200, handle, offset: (0, 0), live, schema: false, retry_after_ms: 0, body: String::new() };
        let Some((version, place)) = asked.offset.filter(|_| asked.handle == none.handle) else {
            if asked.offset.is_some() {
                let handle = if self.dice.below(3) == 0 { String::new() } else { none.handle.clone() };
                let body = json!([control("must-refetch")]).to_string();
                return Answer { status: 409, handle, body, ..none };
            }
            return self.chunk(0, none);
        };
        if version == 0 && place != u64::MAX {
            return self.chunk(place as usize + 1, none);
        }
        let from = if version == 0 { self.snapshot } else { version as usize };
        let to = (from + 1 + self.dice.below(4) as usize).min(latest);
        let mut messages: Vec<_> = self.changes[from + 1..=to].iter().flatten().cloned().collect();
        if to == latest {
            messages.push(control("up-to-date"));
        }
        let offset = if to == from { (version, place) } else { (to as u64, 0) };
        Answer { offset, schema: !live && self.dice.below(2) == 0, body: json!(messages).to_string(), ..none }
    }

    /// A part of the snapshot.
    fn chunk(&mut self, at: usize, none: Answer) -> Answer {
        let rows: Vec<_> = self.versions[self.snapshot].iter().collect();
        let mut chunks = rows.chunks(2);
        let last = chunks.len().saturating_sub(1);
        let rows = chunks.nth(at).unwrap_or_default();
        let mut messages: Vec<_> = rows
            .iter()
            .map(|(key, row)| json!({ "key": key, "value": row, "headers": { "operation": "insert" } }))
            .collect();
        if at >= last && self.snapshot == self.versions.len() - 1 && self.dice.below(2) == 0 {
            messages.push(control("up-to-date"));
        }
        let place = if at >= last { u64::MAX } else { at as u64 };
        Answer { offset: (0, place), schema: true, body: json!(messages).to_string(), ..none }
    }

    pub(super) fn reply(&mut self, id: RequestId, reply: &Reply) {
        self.under_way.retain(|other| *other != id);
        let Reply::Answer(answer) = reply else { return self.world.fail(id) };
        let offset = match answer.offset {
            (major, u64::MAX) => format!("{major}_inf"),
            (major, minor) => format!("{major}_{minor}"),
        };
        let head = ResponseHead { retry_after_ms: answer.retry_after_ms, ..status(answer.status) };
        let told = Told {
            handle: &answer.handle,
            offset: if answer.status == 200 { &offset } else { "" },
            cursor: if answer.live { "7" } else { "" },
            schema: if answer.schema { "{}" } else { "" },
            token: "",
        };
        self.world.input(Input::News(id, News::Head(head)));
        if !self.is_calm() && self.dice.below(20) == 0 {
            return self.world.input(Input::News(id, News::Failed(RequestFailure::Network)));
        }
        self.world.input(Input::News(id, News::Body(&answer.body, told)));
    }
}

fn control(word: &str) -> Value {
    json!({ "headers": { "control": word } })
}

fn read_url(url: &str) -> Asked {
    let query = url.split_once('?').expect("a feed has parameters").1;
    let mut asked = Asked::default();
    let names: Vec<_> = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default()).collect();
    assert!(names.is_sorted(), "{url}");
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "handle" => asked.handle = value.into(),
            "live" => asked.live = true,
            "offset" if value != "-1" => {
                let (major, minor) = value.split_once('_').expect("an offset of ours");
                let minor = if minor == "inf" { u64::MAX } else { minor.parse().expect("a number") };
                asked.offset = Some((major.parse().expect("a number"), minor));
            }
            _ => {}
        }
    }
    asked
}
