//! What a server says to a request for metadata.

use super::document::{DOCUMENT_DEPTH, Document, Json};
use super::error::{ErrorCode, Problem};
use super::http::error_message;
use super::json::Scanner;

/// The head of an answer, and its body.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, or 0.
    pub retry_after_ms: u64,
    /// `x-tidegate-idempotent: 1`.
    pub idempotent: bool,
    /// The whole body.
    pub body: &'a str,
}

impl Answer<'_> {
    /// Whether it is what was asked for.
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// The document: as it is behind a `PUT`, as a text or `null` behind a `GET`.
    pub fn document(&self) -> Option<Document> {
        let mut scanner = Scanner::new(self.body);
        scanner.begin_object()?;
        let mut document = None;
        let mut is_super = false;
        while let Some(key) = scanner.next_key()? {
            match (key, scanner.peek()?) {
                ("metadata", b'"') => document = Some(scanner.string()?.into_owned()),
                ("metadata", b'{') => document = Some(scanner.value()?.into()),
                ("metadata", b'n') => {
                    scanner.value()?;
                    document = Some("{}".into());
                }
                ("metadataType", b'"') => is_super = scanner.string()? == "application/super+json",
                _ => {
                    scanner.value()?;
                }
            }
        }
        let mut document = Document::parse(&document?, DOCUMENT_DEPTH)?;
        if !is_super {
            return Some(document);
        }
        let Json::Object(plain) = core::mem::replace(document.get_mut("json")?, Json::Null) else { return None };
        Some(plain)
    }

    /// What is wrong, where it is no 2xx.
    pub fn problem(&self) -> Problem {
        let server_message = error_message(self.body);
        let is_over = server_message.as_deref().is_some_and(|words| words.ends_with("completed run"));
        let code = match self.status {
            422 if is_over => ErrorCode::RunFinished,
            400 | 422 => ErrorCode::InvalidData,
            401 => ErrorCode::Unauthorized,
            403 => ErrorCode::Forbidden,
            404 | 410 => ErrorCode::NotFound,
            408 | 504 => ErrorCode::Timeout,
            413 => ErrorCode::TooLarge,
            429 => ErrorCode::RateLimited,
            500.. => ErrorCode::Server,
            _ => ErrorCode::Protocol,
        };
        Problem { status: Some(self.status), server_message, ..Problem::new(code) }
    }
}
