//! Where connections are few, readers and feeds take turns: who has waited for longest comes next, and who has had a connection for
//! longest makes room.

use super::id::ChannelId;
use super::time::Instant;

/// How many streams and polls may be open at a server: over HTTP/1.1 a browser has six connections to one, for every page and for sends too.
const STREAM_LIMIT: usize = 4;

/// How long one keeps its connection when others wait for one, and how long it then leaves it to them.
pub const TURN_MS: u64 = 2_000;

/// What one gets that wants a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// One is free, and nobody has waited for longer.
    Now,
    /// Another one has waited for longer.
    Later,
    /// All are taken. The one that has had its own for longest keeps it until then.
    Behind(ChannelId, Instant),
}

/// What one that takes turns has had of them.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Since when its turn counts, where it has a connection.
    pub began: Option<Instant>,
    /// When it last made one. At first, never.
    pub last: Instant,
}

/// Whether it is the turn of `mine`, among all that take turns at its server: each with whether it would connect.
pub fn turn(id: ChannelId, mine: Place, all: impl Iterator<Item = (ChannelId, Place, bool)>) -> Turn {
    let (mut open, mut longest) = (0, None);
    for (other, place, wants) in all {
        if let Some(since) = place.began {
            open += 1;
            if longest.is_none_or(|(_, least)| since < least) {
                longest = Some((other, since));
            }
        } else if wants && (place.last, other) < (mine.last, id) {
            return Turn::Later;
        }
    }
    match longest {
        Some((other, since)) if open >= STREAM_LIMIT => Turn::Behind(other, since.after(TURN_MS)),
        _ => Turn::Now,
    }
}
