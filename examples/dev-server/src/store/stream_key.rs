//! What a log is called here.

use std::collections::BTreeMap;

/// One append-only log of a run. Inputs and outputs are apart: an output key cannot name an input.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum StreamKey {
    Input { run: String, stream: String },
    Output { run: String, stream: String },
}

impl StreamKey {
    pub(crate) fn input(run: &str, stream: &str) -> Self {
        Self::Input { run: run.to_owned(), stream: stream.to_owned() }
    }

    pub(crate) fn output(run: &str, stream: &str) -> Self {
        Self::Output { run: run.to_owned(), stream: stream.to_owned() }
    }

    pub(crate) fn run(&self) -> &str {
        match self {
            Self::Input { run, .. } | Self::Output { run, .. } => run,
        }
    }
}

/// What a map that is ordered by them has of one run.
pub(super) fn of_run<'a, T>(
    map: &'a BTreeMap<StreamKey, T>,
    run: &'a str,
) -> impl Iterator<Item = (&'a StreamKey, &'a T)> + use<'a, T> {
    let from = |first: StreamKey| map.range(first..).take_while(move |(key, _)| key.run() == run);
    from(StreamKey::input(run, ""))
        .take_while(|(key, _)| matches!(key, StreamKey::Input { .. }))
        .chain(from(StreamKey::output(run, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_streams_of_a_run_are_found_among_others() {
        let keys = [
            StreamKey::input("run_1", "b"),
            StreamKey::input("run_10", "a"),
            StreamKey::input("run_2", "a"),
            StreamKey::output("run_0", "z"),
            StreamKey::output("run_1", ""),
            StreamKey::output("run_1", "a"),
            StreamKey::output("run_2", "a"),
        ];
        let map: BTreeMap<_, _> = keys.iter().cloned().map(|key| (key, ())).collect();
        let found = |run| of_run(&map, run).map(|(key, ())| key.clone()).collect::<Vec<_>>();
        assert_eq!(found("run_1"), [keys[0].clone(), keys[4].clone(), keys[5].clone()]);
        assert_eq!(found("run_10"), [keys[1].clone()]);
        assert_eq!(found("run_0"), [keys[3].clone()]);
        assert_eq!(found("run_3"), []);
    }
}
