//! Request bodies that are read whole.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use futures_util::StreamExt;

use crate::respond::Refusal;

/// The largest limit of any route: what is beyond it is read and thrown away.
const KEPT: usize = 3 * 1024 * 1024;
/// Past this the connection is given up.
const READ: usize = 64 * 1024 * 1024;

/// A body and the length it announced. It is read to its end even when it is too large, because a browser whose upload
/// is cut off reports a network failure and never sees the 413.
pub(crate) struct Upload {
    declared: Option<usize>,
    bytes: Vec<u8>,
}

impl Upload {
    /// The bytes, when the announced length is within the limit.
    ///
    /// # Errors
    /// 413 when it is over, and when no length was announced: the original takes no chunked uploads.
    pub(crate) fn within(self, limit: usize) -> Result<Bytes, Refusal> {
        match self.declared {
            Some(length) if length <= limit => Ok(self.bytes.into()),
            Some(_) | None => Err(Refusal::BodyTooLarge),
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Refusal;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Refusal> {
        let declared = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Self { declared, bytes: read(request, KEPT).await? })
    }
}

/// A body that may be long, and whose length need not be announced.
pub(crate) struct LongUpload(pub(crate) Vec<u8>);

impl<S: Send + Sync> FromRequest<S> for LongUpload {
    type Rejection = Refusal;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Refusal> {
        read(request, READ).await.map(Self)
    }
}

/// The body, of which what is beyond `kept` may be missing.
async fn read(request: Request, kept: usize) -> Result<Vec<u8>, Refusal> {
    let mut chunks = request.into_body().into_data_stream();
    let (mut bytes, mut read) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let cut_off = |_| Refusal::Error(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error".to_owned());
        let chunk = chunk.map_err(cut_off)?;
        read += chunk.len();
        if read > READ {
            return Err(Refusal::BodyTooLarge);
        }
        if read <= kept {
            bytes.extend_from_slice(&chunk);
        }
    }
    Ok(bytes)
}
