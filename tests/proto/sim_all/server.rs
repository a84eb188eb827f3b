//! The server: what it takes, when it answers, and what it has to tell.

use tidegate::proto::http::{OutgoingRequest, RequestKind, ResponseHead, StreamVersion, Told};
use tidegate::proto::id::RequestId;
use tidegate::proto::input::{Input, News};

use super::super::harness::{batch, cursor_of, input_log, status};
use super::Simulation;

/// What comes of a request, later.
pub(super) enum Reply {
    Answer(ResponseHead, String),
    Fail,
    Open(usize),
    /// What a feed is told at that time, behind that offset.
    Feed(Option<u64>),
    Chunk(String),
    End,
}

/// A connection to a reader: what it has been sent of, and until when what was sent is on its way.
pub(super) struct Window {
    url: String,
    next: usize,
    busy_ms: u64,
}

impl Simulation {
    /// How far the row of a run has come: it changes now and then, with its end, and once more behind that.
    pub(super) fn place(&self, run: usize, at_ms: u64) -> u64 {
        let end = self.finishes_ms[run];
        at_ms.min(end + 2_000) / 7_000 + u64::from(at_ms >= end) + u64::from(at_ms >= end + 2_000)
    }

    /// Tells a feed how its run stands.
    fn tell_feed(&mut self, id: RequestId, url: &str, behind: Option<u64>) {
        let run: usize = url.split("run_").nth(1).and_then(|rest| rest[..1].parse().ok()).expect("a run");
        let now_ms = self.world.now_ms();
        let place = self.place(run, now_ms);
        let completed = if now_ms >= self.finishes_ms[run] { "\"then\"" } else { "null" };
        let row = format!(
            "{{\"key\":\"1\",\"value\":{{\"place\":{place},\"completedAt\":{completed}}},\"headers\":{{\"operation\":\"update\"}}}},"
        );
        let row = if behind == Some(place) { String::new() } else { row };
        let body = format!("[{row}{{\"headers\":{{\"control\":\"up-to-date\"}}}}]");
        let (offset, schema) = (format!("{place}_0"), if behind.is_none() { "{}" } else { "" });
        let told = Told { handle: "h", offset: &offset, schema, ..Told::default() };
        self.world.input(Input::News(id, News::Head(status(200))));
        self.world.input(Input::News(id, News::Body(&body, told)));
    }

    fn take_feed(&mut self, request: &OutgoingRequest) {
        let polls = request.url.contains("live=true");
        let offset = request.url.split("&offset=").nth(1).or_else(|| request.url.split("?offset=").nth(1));
        let behind = offset.and_then(|text| text.split('_').next()).and_then(|text| text.parse().ok());
        match self.dice.below(16) {
            0 => self.refuse(request.id, 503),
            1 if self.dice.below(6) == 0 => self.refuse(request.id, 401),
            2 => self.refuse(request.id, 409),
            3 => self.soon(request.id, 2_000, Reply::Fail),
            // Nobody answers.
            4 if self.dice.below(4) == 0 => {}
            _ => self.soon(request.id, if polls { 20_000 } else { 1_000 }, Reply::Feed(behind)),
        }
    }

    fn now(&self) -> u64 {
        self.world.wall_ms() + self.store_ahead_ms
    }

    fn soon(&mut self, id: RequestId, within_ms: u64, reply: Reply) {
        let due = self.world.now_ms() + self.dice.below(within_ms);
        self.later.push((due, id, reply));
    }

    fn refuse(&mut self, id: RequestId, code: u16) {
        self.soon(id, 500, Reply::Answer(status(code), "{}".into()));
    }

    pub(super) fn take(&mut self, request: &OutgoingRequest) {
        if !self.online && self.dice.below(2) == 0 {
            return self.soon(request.id, 100, Reply::Fail);
        }
        match request.kind {
            RequestKind::Feed => return self.take_feed(request),
            RequestKind::Call { .. } => return self.take_call(request),
            RequestKind::Send { .. } => return self.take_send(request),
            RequestKind::Stream { .. } | RequestKind::Run => {}
        }
        match self.dice.below(12) {
            0 => self.refuse(request.id, 503),
            1 if self.dice.below(6) == 0 => self.refuse(request.id, 401),
            1 => self.soon(request.id, 2_000, Reply::Fail),
            // Nobody answers.
            2 if self.dice.below(4) == 0 => {}
            _ => {
                let next = cursor_of(request).map_or(0, |id| id.parse::<usize>().expect("a sequence number") + 1);
                let within_ms = [300, 3_000][self.dice.below(2) as usize];
                self.soon(request.id, within_ms, Reply::Open(next));
            }
        }
    }

    fn take_call(&mut self, request: &OutgoingRequest) {
        match self.dice.below(10) {
            0 => self.refuse(request.id, 500),
            1 => self.refuse(request.id, 429),
            2 => self.soon(request.id, 500, Reply::Fail),
            3 => self.refuse(request.id, 404),
            4 => {}
            5 if self.dice.below(6) == 0 => self.refuse(request.id, 401),
            _ => self.soon(request.id, 1_000, Reply::Answer(status(200), "{\"id\":1}".into())),
        }
    }

    fn take_send(&mut self, request: &OutgoingRequest) {
        let (id, dice) = (request.id, self.dice.below(12));
        if dice == 0 {
            return self.refuse(id, 429);
        }
        if dice == 1 {
            return self.refuse(id, 413);
        }
        if dice > 4 || self.dice.below(2) == 0 {
            let RequestKind::Send { body, .. } = &request.kind else { panic!("{request:?}") };
            let digits = body.trim_start_matches("{\"data\":").trim_end_matches('}');
            let (number, now) = (digits.parse().expect("a number"), self.now());
            let log = self.stored.entry(request.url.clone()).or_default();
            if self.dice.below(20) == 0 {
                log.push((1_000 + self.dice.below(1_000) as usize, now));
            }
            log.push((number, now));
            if dice > 4 {
                let within_ms = [500, 40_000][usize::from(self.dice.below(8) == 0)];
                return self.soon(id, within_ms, Reply::Answer(status(200), "{\"ok\":true}".into()));
            }
        }
        match dice {
            2 => self.soon(id, 500, Reply::Fail),
            3 => self.refuse(id, 500),
            _ => {}
        }
    }

    pub(super) fn tell_run(&mut self, request: &OutgoingRequest) {
        let run: usize = request.url.rsplit('_').next().and_then(|digits| digits.parse().ok()).expect("a run");
        match self.dice.below(6) {
            0 => self.refuse(request.id, 503),
            1 => self.soon(request.id, 500, Reply::Fail),
            2 if self.dice.below(4) == 0 => {}
            _ => {
                let finished = self.finishes_ms[run] <= self.world.now_ms();
                let body = if finished { "{\"finishedAt\":\"then\"}" } else { "{\"finishedAt\":null}" };
                self.soon(request.id, 500, Reply::Answer(status(200), body.into()));
            }
        }
    }

    /// Sends what is new to those who read.
    pub(super) fn write(&mut self) {
        let ids: Vec<_> = self.windows.keys().copied().collect();
        for id in ids {
            let Some(window) = self.windows.get(&id) else { continue };
            let (url, from, now_ms) = (window.url.clone(), window.next, self.world.now_ms());
            let times = &self.written[&url];
            let tail = times.iter().filter(|&&time| time < now_ms).count();
            let to = from + self.dice.below((tail - from.min(tail)) as u64 + 1) as usize;
            let due = window.busy_ms.max(now_ms + self.dice.below(2) * self.dice.below(800));
            let numbers: Vec<_> = (from..to).map(|n| (n as u64, n.to_string())).collect();
            let records: Vec<_> = numbers.iter().map(|(n, text)| (*n, text.as_str())).collect();
            let mut text = if records.is_empty() { String::new() } else { batch(&records) };
            if self.dice.below(2) == 0 {
                text += &format!("event: ping\ndata: {{\"timestamp\":1,\"tail\":{{\"seq_num\":{tail}}}}}\n\n");
            }
            let (next, busy_ms) = (to, due);
            self.windows.insert(id, Window { url, next, busy_ms });
            self.later.push((due, id, Reply::Chunk(text)));
            match self.dice.below(40) {
                0 => self.later.push((due, id, Reply::Fail)),
                1 if to == tail => {
                    self.later.push((due + 1_000, id, Reply::Chunk("data: [DONE]\n\n".into())));
                    self.later.push((due + 1_000, id, Reply::End));
                    self.windows.remove(&id);
                }
                _ => {}
            }
        }
    }

    pub(super) fn reply(&mut self, id: RequestId, reply: Reply) {
        let Some(request) = self.under_way.get(&id) else { return };
        let url = request.url.clone();
        let is_unread = self.readers.iter().any(|reader| reader.url == url && reader.held);
        match reply {
            Reply::Chunk(_) | Reply::End if is_unread => {
                // And so does what follows on the same connection.
                let due = self.world.now_ms() + 1_000;
                self.later.insert(0, (due, id, reply));
                for (behind, ..) in self.later.iter_mut().filter(|(_, other, _)| *other == id) {
                    *behind = due.max(*behind);
                }
                if let Some(window) = self.windows.get_mut(&id) {
                    window.busy_ms = due.max(window.busy_ms);
                }
                self.later.sort_by_key(|(due, ..)| *due);
            }
            Reply::Answer(head, body) => self.world.answer(id, head, &body),
            Reply::Fail => self.world.fail(id),
            Reply::Chunk(text) => self.world.chunk(id, &text),
            Reply::End => self.world.end(id),
            Reply::Feed(behind) => self.tell_feed(id, &url, behind),
            Reply::Open(next) => {
                let head = ResponseHead { version: StreamVersion::V2, ..status(200) };
                self.world.input(Input::News(id, News::Head(head)));
                if url.contains("/input/") {
                    self.questions += 1;
                    let log = self.stored.entry(url).or_default();
                    let texts: Vec<_> = log.iter().map(|(number, time)| (*time, number.to_string())).collect();
                    let records: Vec<_> = texts[next..].iter().map(|(time, text)| (*time, text.as_str())).collect();
                    let text = input_log(next as u64, &records, self.now());
                    self.soon(id, 3_000, Reply::Chunk(text));
                } else {
                    self.windows.insert(id, Window { url, next, busy_ms: 0 });
                }
            }
        }
        self.later.sort_by_key(|(due, ..)| *due);
    }
}
