//! The map on the crate's page, held against what the files say: the levels of `src/proto`, whose list is in its `mod.rs`, and
//! the layers of `js/src`.
#![cfg(not(target_family = "wasm"))]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What would make the core depend on the outside: its tests run natively, and the same inputs give the same outputs.
const OUTSIDE: &[(&str, &str)] = &[
    ("wasm_bindgen", "JavaScript is reached from src/web only"),
    ("js_sys", "JavaScript is reached from src/web only"),
    ("web_sys", "the browser is reached from src/web only"),
    ("crate::web", "the core is driven by the shell and does not know it"),
    ("super::super", "a module names its neighbours, and nothing above src/proto"),
    ("Instant::now", "time is an input: take `Now`"),
    ("SystemTime", "time is an input: take `Now`"),
    ("println", "the core has no output but `poll_output`"),
    ("eprint", "the core has no output but `poll_output`"),
    ("std::fs", "the core does no I/O"),
    ("std::net", "the core does no I/O"),
    ("std::thread", "the core does not run by itself"),
    ("HashMap", "the order of a hash map differs from run to run"),
];

/// The folders of `js/src`, and those that each imports from.
const LAYERS: [(&str, &[&str]); 7] = [
    ("wasm", &[]),
    ("client", &["wasm"]),
    ("store", &["wasm", "client"]),
    ("react", &["wasm", "client", "store"]),
    ("server", &["wasm", "client"]),
    ("task", &["wasm", "client", "server"]),
    ("devtools", &["client"]),
];

#[test]
fn every_module_of_the_core_has_a_level() {
    let levels = levels();
    let listed: BTreeSet<_> = levels.keys().cloned().collect();
    let present: BTreeSet<_> = sources().into_iter().map(|(module, _)| module).collect();
    assert!(listed.len() > 10, "src/proto/mod.rs lists its modules under lines `// Level n: …`; found only {listed:?}");
    assert_eq!(listed, present, "src/proto/mod.rs lists every file of src/proto, each under its level, and no other");
}

#[test]
fn a_module_uses_modules_of_lower_levels_only() {
    let levels = levels();
    let mut broken = Vec::new();
    let mut uses = 0;
    for (module, code) in sources() {
        for used in neighbours(&code) {
            let (Some(own), Some(other)) = (levels.get(&module), levels.get(&used)) else {
                broken.push(format!("{module} uses {used}, which src/proto/mod.rs does not list"));
                continue;
            };
            uses += 1;
            if other >= own {
                let rule = if other == own { "modules of one level do not know each other" } else { "it is above" };
                broken.push(format!("{module} (level {own}) uses {used} (level {other}): {rule}"));
            }
        }
    }
    assert!(broken.is_empty(), "a module of src/proto uses lower levels only:\n{}", broken.join("\n"));
    assert!(uses > 40, "only {uses} uses were found: has the way they are written changed?");
}

#[test]
fn the_core_names_nothing_outside_itself() {
    for (module, code) in sources() {
        for (word, rule) in OUTSIDE {
            assert!(!code.contains(word), "src/proto/{module}.rs says `{word}`: {rule}");
        }
    }
}

#[test]
fn a_layer_of_the_shim_imports_from_the_layers_below_it() {
    let mut imports = 0;
    for (layer, below) in LAYERS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("js/src").join(layer);
        let files = fs::read_dir(&folder).expect("js/src has a folder for each layer");
        let files = files.map(|file| file.expect("it can be read").path()).filter(|file| is_shipped(file));
        for file in files {
            let text = fs::read_to_string(&file).expect("a source file is text");
            for path in text.split('"').filter_map(|quoted| quoted.strip_prefix("../")) {
                let from = path.split('/').next().unwrap_or_default();
                imports += 1;
                assert!(
                    below.contains(&from),
                    "{} imports from {from}: {layer} may import from {below:?} only",
                    file.display(),
                );
            }
        }
    }
    assert!(imports > 15, "only {imports} imports were found: has the way they are written changed?");
}

#[test]
fn uses_are_found_however_they_are_written() {
    let code = without_comments(
        "use super::json::Scanner;\nuse super::{time, id::{SendId, RequestId}, table::Table as T};\n\
         use crate::proto::http::classify; // use super::commented::Out\n/// [`x`](super::linked::X)\n\
         fn f() { super::random::Random::new(0); crate::proto::{sse, text}; }\nuse super::super::above;",
    );
    let found: Vec<_> = neighbours(&code).into_iter().collect();
    assert_eq!(found, ["http", "id", "json", "random", "sse", "super", "table", "text", "time"]);
}

/// Each module's level, by the comments above the lists in `mod.rs`.
fn levels() -> BTreeMap<String, u32> {
    let text = fs::read_to_string(folder().join("mod.rs")).expect("src/proto/mod.rs is there");
    let mut levels = BTreeMap::new();
    let mut level = None;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("// Level ") {
            let number = heading.split(':').next().and_then(|number| number.parse().ok());
            level = Some(number.unwrap_or_else(|| panic!("src/proto/mod.rs: `{line}` begins with no `// Level n:`")));
        }
        let module = line.trim_start_matches("pub ").strip_prefix("mod ").and_then(|name| name.strip_suffix(';'));
        if let Some(module) = module {
            let level = level.unwrap_or_else(|| panic!("src/proto/mod.rs: {module} stands under no `// Level n:`"));
            levels.insert(module.to_owned(), level);
        }
    }
    levels
}

/// Every module's code. The core is flat: a file is a module.
fn sources() -> Vec<(String, String)> {
    let files = fs::read_dir(folder()).expect("src/proto can be read").map(|file| file.expect("it can be read").path());
    let mut sources = Vec::new();
    for file in files.filter(|file| file.file_name().is_some_and(|name| name != "mod.rs")) {
        if file.is_dir() {
            let inside = fs::read_dir(&file).expect("it can be read").count();
            assert_eq!(inside, 0, "{} is a folder: src/proto has one file for each module", file.display());
        } else {
            let module = file.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            sources.push((module, without_comments(&fs::read_to_string(&file).expect("a source file is text"))));
        }
    }
    sources
}

/// A file of the package, as opposed to its tests.
fn is_shipped(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    (name.ends_with(".ts") || name.ends_with(".tsx")) && !name.contains(".test")
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/proto")
}

/// The code alone: comments may name anything. No string of the core holds two slashes.
fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The modules beside it that a file names, in `use` lines and elsewhere.
fn neighbours(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for root in ["super::", "crate::proto::"] {
        for (at, _) in code.match_indices(root) {
            let rest = &code[at + root.len()..];
            let continues_a_path = code[..at].ends_with("::");
            if !continues_a_path {
                found.extend(first_names(rest));
            }
        }
    }
    found
}

/// `a::…` names `a`; `{a::{…}, b}` names `a` and `b`.
fn first_names(path: &str) -> Vec<String> {
    let name =
        |text: &str| -> String { text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut names, mut depth, mut item) = (Vec::new(), 0, String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(&std::mem::take(&mut item))),
            _ => item.push(c),
        }
    }
    names.push(name(&item));
    names.retain(|name| !name.is_empty());
    names
}
