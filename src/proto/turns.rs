//! Where connections are few, readers and feeds take turns: who has waited for longest comes next, and who has had a connection for
//! longest makes room.

use super::id::ChannelId;
use super::time::Instant;

/// How many streams and polls may be open at a server: over HTTP/1.1 a browser has six connections to one, for every page and for sends too.
const STREAM_LIMIT: usize = 4;

/// How long one keeps its connection when others wait for one, and how long it then leaves it to them.
pub const TURN_MS: u64 = 2_000;

/// How long a connection that was given up still counts. Servers were seen to notice 2 to 48 ms later, of which a browser says nothing
/// to its page; one that is opened meanwhile would be a fifth. Twice as long costs others a twentieth of a turn.
pub const CLOSE_MS: u64 = 100;

/// What one gets that wants a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// One is free, and nobody has waited for longer.
    Now,
    /// Others have waited for longer.
    Later,
    /// One that was given up closes until then.
    Closing(Instant),
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

/// Whether it is the turn of `mine`, among all that take turns at its server: each with whether it would connect. `closing` says until
/// when each connection counts there that was given up, the first of them first.
pub fn turn(id: ChannelId, mine: Place, all: &[(ChannelId, Place, bool)], closing: &[Instant]) -> Turn {
    let (mut open, mut ahead, mut longest) = (0, 0, None);
    for &(other, place, wants) in all {
        if let Some(since) = place.began {
            open += 1;
            if longest.is_none_or(|(_, least)| since < least) {
                longest = Some((other, since));
            }
        } else if wants && (place.last, other) < (mine.last, id) {
            ahead += 1;
        }
    }
    match (closing.first(), longest) {
        _ if open + ahead + closing.len() < STREAM_LIMIT => Turn::Now,
        (Some(&until), _) if open + ahead < STREAM_LIMIT => Turn::Closing(until),
        // Who has waited for longer gets what is free, and what will be.
        (_, Some((other, since))) if ahead == 0 || open + ahead == STREAM_LIMIT => {
            Turn::Behind(other, since.after(TURN_MS))
        }
        _ => Turn::Later,
    }
}
