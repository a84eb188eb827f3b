//! Numbers that cannot be swapped for one another. Who owns what they name makes them, counting from 1.

use super::table::Key;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(u32);

        impl $name {
            /// The id with this number.
            pub const fn new(number: u32) -> Self {
                Self(number)
            }

            /// The number that stands for it outside.
            pub const fn number(self) -> u32 {
                self.0
            }
        }

        impl Key for $name {
            fn number(self) -> u32 {
                self.0
            }

            fn from_number(number: u32) -> Self {
                Self(number)
            }
        }
    };
}

id! {
    /// One identity at one endpoint: a token, and where it is used.
    PrincipalId
}
id! {
    /// One send of one value.
    SendId
}
id! {
    /// One stream of one run as one principal uses it. A reader is known by it.
    ChannelId
}
id! {
    /// One HTTP request.
    RequestId
}
id! {
    /// One input stream of a run, as the task reads it.
    StreamId
}
id! {
    /// Who wants records of one: a handler, or somebody in the line.
    TakerId
}
id! {
    /// One of the tokens a principal has had, counted up.
    Generation
}

/// Counts ids up.
#[derive(Debug, Default)]
pub(crate) struct Counter(u32);

impl Counter {
    pub(crate) const fn next(&mut self) -> u32 {
        self.0 += 1;
        self.0
    }
}
