//! What is appended to a log.

/// What is appended: a body made of any JSON text and the id of the part.
pub(crate) struct Append<'a> {
    json: Option<&'a str>,
    id: &'a str,
    pub(super) once: Once<'a>,
}

/// What makes a repeated append a repeat.
pub(super) enum Once<'a> {
    Always,
    /// A key, remembered for the life of the log.
    Key(&'a str),
    /// The line number within what one client writes.
    Line {
        client: &'a str,
        index: u64,
    },
}

impl<'a> Append<'a> {
    pub(crate) const fn new(json: &'a str, id: &'a str) -> Self {
        Self { json: Some(json), id, once: Once::Always }
    }

    /// A record whose `data` is missing, which readers see as undefined.
    pub(crate) const fn without_data(id: &'a str) -> Self {
        Self { json: None, id, once: Once::Always }
    }

    /// At most one record with this key.
    pub(crate) fn once(mut self, key: Option<&'a str>) -> Self {
        if let Some(key) = key {
            self.once = Once::Key(key);
        }
        self
    }

    /// At most one record for this line of this client.
    pub(crate) const fn line(mut self, client: &'a str, index: u64) -> Self {
        self.once = Once::Line { client, index };
        self
    }

    /// The id of the part.
    pub(crate) const fn id(&self) -> &str {
        self.id
    }

    /// Whether anything makes a repeat of it a repeat.
    pub(crate) const fn is_keyed(&self) -> bool {
        !matches!(self.once, Once::Always)
    }

    pub(super) fn key(&self) -> Option<String> {
        if let Once::Key(key) = self.once { Some(key.to_owned()) } else { None }
    }

    pub(super) fn client_line(&self) -> Option<(String, u64)> {
        if let Once::Line { client, index } = self.once { Some((client.to_owned(), index)) } else { None }
    }

    /// What is written down.
    pub(crate) fn body(&self) -> String {
        let id = serde_json::Value::from(self.id);
        match self.json {
            Some(json) => format!(r#"{{"data":{json},"id":{id}}}"#),
            None => format!(r#"{{"id":{id}}}"#),
        }
    }
}
