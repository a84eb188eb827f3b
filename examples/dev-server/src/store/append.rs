//! What is appended to a log.

use std::borrow::Cow;

/// What is appended: a body made of any JSON text and the id of the part.
pub(crate) struct Append<'a> {
    json: Option<Cow<'a, str>>,
    id: Cow<'a, str>,
    pub(super) once: Once<'a>,
}

/// What makes a repeated append a repeat.
pub(super) enum Once<'a> {
    Always,
    /// A key, remembered for the life of the log.
    Key(Cow<'a, str>),
    /// The line number within what one client writes.
    Line {
        client: Cow<'a, str>,
        index: u64,
    },
}

impl<'a> Append<'a> {
    pub(crate) fn new(json: impl Into<Cow<'a, str>>, id: impl Into<Cow<'a, str>>) -> Self {
        Self { json: Some(json.into()), id: id.into(), once: Once::Always }
    }

    /// A record whose `data` is missing, which readers see as undefined.
    pub(crate) fn without_data(id: impl Into<Cow<'a, str>>) -> Self {
        Self { json: None, id: id.into(), once: Once::Always }
    }

    /// At most one record with this key.
    pub(crate) fn once(mut self, key: Option<impl Into<Cow<'a, str>>>) -> Self {
        if let Some(key) = key {
            self.once = Once::Key(key.into());
        }
        self
    }

    /// At most one record for this line of this client.
    pub(crate) fn line(mut self, client: impl Into<Cow<'a, str>>, index: u64) -> Self {
        self.once = Once::Line { client: client.into(), index };
        self
    }

    /// The same, for as long as it takes.
    pub(crate) fn to_owned(&self) -> Append<'static> {
        let owned = |text: &str| Cow::Owned(text.to_owned());
        let once = match &self.once {
            Once::Always => Once::Always,
            Once::Key(key) => Once::Key(owned(key)),
            Once::Line { client, index } => Once::Line { client: owned(client), index: *index },
        };
        Append { json: self.json.as_deref().map(owned), id: owned(&self.id), once }
    }

    /// The id of the part.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Whether anything makes a repeat of it a repeat.
    pub(crate) const fn is_keyed(&self) -> bool {
        !matches!(self.once, Once::Always)
    }

    pub(crate) fn key(&self) -> Option<String> {
        if let Once::Key(key) = &self.once { Some(key.clone().into_owned()) } else { None }
    }

    pub(crate) fn client_line(&self) -> Option<(String, u64)> {
        if let Once::Line { client, index } = &self.once { Some((client.clone().into_owned(), *index)) } else { None }
    }

    /// What is written down.
    pub(crate) fn body(&self) -> String {
        let id = serde_json::Value::from(&*self.id);
        match &self.json {
            Some(json) => format!(r#"{{"data":{json},"id":{id}}}"#),
            None => format!(r#"{{"id":{id}}}"#),
        }
    }
}
