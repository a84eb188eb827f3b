//! Where connections are few, readers take turns: who has waited for longest comes next, and who has had a connection for
//! longest makes room.

use super::id::ChannelId;
use super::subscription::Subscription;
use super::time::Instant;

/// How many streams may be open at a server: over HTTP/1.1 a browser has six connections to one, for every page and for sends too.
const STREAM_LIMIT: usize = 4;

/// How long a reader keeps its connection when others wait for one, and how long it then leaves it to them.
pub const TURN_MS: u64 = 2_000;

/// What a reader gets that wants a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// One is free, and nobody has waited for longer.
    Now,
    /// Another one has waited for longer.
    Later,
    /// All are taken. The one that has had its own for longest keeps it until then.
    Behind(ChannelId, Instant),
}

/// Whether it is the turn of `mine`, among all readers of its server: each with whether it would connect.
pub fn turn<'a>(
    id: ChannelId,
    mine: &Subscription,
    readers: impl Iterator<Item = (ChannelId, &'a Subscription, bool)>,
) -> Turn {
    let (mut open, mut longest) = (0, None);
    for (other, reader, wants) in readers {
        if reader.is_connected() {
            open += 1;
            let since = reader.turn_began();
            if longest.is_none_or(|(_, least)| since < least) {
                longest = Some((other, since));
            }
        } else if wants && (reader.last_turn(), other) < (mine.last_turn(), id) {
            return Turn::Later;
        }
    }
    match longest {
        Some((other, since)) if open >= STREAM_LIMIT => Turn::Behind(other, since.after(TURN_MS)),
        _ => Turn::Now,
    }
}
