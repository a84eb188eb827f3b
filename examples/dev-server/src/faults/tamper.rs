//! What can happen to the body of an answer on its way.

use std::future::pending;
use std::io;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::{StreamExt, stream};
use tokio::task::yield_now;
use tokio::time::sleep;

/// Far enough apart that a reader gets two chunks and not one.
const APART: Duration = Duration::from_millis(5);

/// How a body ends before its time.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// The connection breaks off.
    Broken,
    /// Nothing more comes.
    Silent,
}

/// Ends a body after so many bytes; a shorter one is left alone.
pub(super) fn end(body: Body, bytes: usize, end: End) -> Body {
    let pieces = stream::unfold((body.into_data_stream(), bytes), move |(mut chunks, left)| async move {
        if left > 0 {
            let chunk = next(&mut chunks).await?;
            let piece = chunk.slice(..chunk.len().min(left));
            let left = left - piece.len();
            return Some((Ok(piece), (chunks, left)));
        }
        match end {
            // What came before is written only while there is nothing to do.
            End::Broken => yield_now().await,
            End::Silent => pending().await,
        }
        Some((Err(io::Error::from(io::ErrorKind::ConnectionReset)), (chunks, left)))
    });
    Body::from_stream(pieces)
}

/// Ends a chunk inside every character of more than one byte.
pub(super) fn split(body: Body) -> Body {
    let pieces = stream::unfold((body.into_data_stream(), Bytes::new()), |(mut chunks, mut rest)| async move {
        if rest.is_empty() {
            rest = next(&mut chunks).await?;
        } else {
            sleep(APART).await;
        }
        let lead = rest.iter().position(|byte| byte & 0b1100_0000 == 0b1100_0000);
        let piece = rest.split_to(lead.map_or(rest.len(), |at| at + 1));
        Some((Ok::<_, io::Error>(piece), (chunks, rest)))
    });
    Body::from_stream(pieces)
}

/// Gives every batch twice. The chunks of this server's streams are whole events.
pub(super) fn duplicate(body: Body) -> Body {
    Body::from_stream(body.into_data_stream().map(|chunk| {
        chunk.map(|event| if event.starts_with(b"event: batch") { event.repeat(2).into() } else { event })
    }))
}

async fn next(chunks: &mut BodyDataStream) -> Option<Bytes> {
    chunks.next().await?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pieces(body: Body) -> Vec<Option<Vec<u8>>> {
        body.into_data_stream().map(|piece| piece.ok().map(Vec::from)).take(9).collect().await
    }

    fn body(chunks: &'static [&'static str]) -> Body {
        Body::from_stream(stream::iter(chunks.iter().map(|chunk| Ok::<_, io::Error>(*chunk))))
    }

    fn piece(text: &[u8]) -> Option<Vec<u8>> {
        Some(text.to_vec())
    }

    #[tokio::test]
    async fn cuts_where_it_was_told() {
        let cut = pieces(end(body(&["abc", "def"]), 4, End::Broken)).await;
        assert_eq!(cut[..3], [piece(b"abc"), piece(b"d"), None]);
        assert_eq!(pieces(end(body(&["abc"]), 4, End::Broken)).await, [piece(b"abc")], "longer than there is");
    }

    #[tokio::test(start_paused = true)]
    async fn stalls_without_an_end() {
        let mut chunks = end(body(&["abc"]), 2, End::Silent).into_data_stream();
        assert_eq!(chunks.next().await.unwrap().unwrap(), "ab");
        tokio::time::timeout(Duration::from_secs(3600), chunks.next()).await.unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn splits_every_character_that_can_be_split() {
        let expected = [b"g\xc3".as_slice(), b"\xa4t\xf0", b"\x9f\x90\x9ae", b"x"].map(piece);
        assert_eq!(pieces(split(body(&["gät🐚e", "x"]))).await, expected);
    }

    #[tokio::test]
    async fn duplicates_batches_only() {
        let doubled = pieces(duplicate(body(&["event: batch\n\n", "event: ping\n\n"]))).await;
        assert_eq!(doubled, [piece(b"event: batch\n\nevent: batch\n\n"), piece(b"event: ping\n\n")]);
    }
}
