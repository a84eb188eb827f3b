//! The table of transitions on top of a machine's source, made anew from what the machine does.

use std::collections::BTreeSet;

/// A row for each step, and one for each flag that makes it different. `cells` says what becomes of each stage.
pub(crate) fn table<S: Copy, F: Copy>(
    stages: &[&str],
    steps: &[(S, &str)],
    usual: F,
    flags: &[(F, &str)],
    cells: impl Fn(S, F) -> Vec<String>,
) -> Vec<String> {
    let row = |name: &str, cells: &[String]| format!("| {name} | {} |", cells.join(" | ")).replace("|  ", "| ");
    let titles: Vec<_> = stages.iter().map(|&stage| stage.to_owned()).collect();
    let mut rows = vec![row("", &titles), format!("|---|{}", "---|".repeat(stages.len()))];
    for &(step, name) in steps {
        let without = cells(step, usual);
        rows.push(row(name, &without));
        for &(flag, word) in flags {
            let with = cells(step, flag);
            if with != without {
                rows.push(row(&format!("{name} ({word})"), &with));
            }
        }
    }
    rows
}

/// Holds the table in the docs of a source against that one.
pub(crate) fn assert_printed(path: &str, source: &str, made: &[String]) {
    let printed: Vec<_> =
        source.lines().filter_map(|line| line.strip_prefix("//! ")).filter(|line| line.starts_with('|')).collect();
    let wanted: String = made.iter().map(|row| format!("//! {row}\n")).collect();
    assert_eq!(printed.join("\n"), made.join("\n"), "the table belongs on top of {path}:\n{wanted}");
}

/// The public methods of a machine that take it by `&mut`, but for those named.
pub(crate) fn changing_methods<'a>(source: &'a str, machine: &str, but: &[&str]) -> BTreeSet<&'a str> {
    let methods = source.split(&format!("\nimpl {machine} {{")).nth(1).and_then(|rest| rest.split("\n}\n").next());
    let public = methods.expect("the machine has methods").split("    pub ").skip(1);
    public
        .filter(|text| text.split(')').next().is_some_and(|head| head.contains("&mut self")))
        .filter_map(|text| text.trim_start_matches("const ").trim_start_matches("fn ").split('(').next())
        .filter(|name| !but.contains(name))
        .collect()
}
