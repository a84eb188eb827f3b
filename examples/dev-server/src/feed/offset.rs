//! How far a reader has come.

/// Written `<time of the newest row, ms>_<changes seen>`. Clients take it as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offset {
    pub(crate) newest_ms: u64,
    pub(crate) seen: u64,
}

impl Offset {
    /// `None` for what no answer ever said, `-1` among it.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (newest_ms, seen) = text.split_once('_')?;
        Some(Self { newest_ms: newest_ms.parse().ok()?, seen: seen.parse().ok()? })
    }
}

impl std::fmt::Display for Offset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}_{}", self.newest_ms, self.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::Offset;

    #[test]
    fn reads_what_it_writes_and_nothing_else() {
        let offset = Offset { newest_ms: 1_795_301_650_352, seen: 3 };
        assert_eq!(Offset::read(&offset.to_string()), Some(offset));
        for text in ["", "-1", "zzz", "1", "1_", "_1", "1_-1", "1_2_3", "0_inf"] {
            assert_eq!(Offset::read(text), None, "{text}");
        }
    }
}
