//! Every input of the corpus, given to its target: what was once found, and what shows the decoders their edges.
#![cfg(not(target_family = "wasm"))]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

#[test]
fn sse() {
    replay("sse", tidegate_fuzz::sse::check);
}

#[test]
fn json() {
    replay("json", tidegate_fuzz::json::check);
}

#[test]
fn records() {
    replay("records", tidegate_fuzz::records::check);
}

#[test]
fn shape() {
    replay("shape", tidegate_fuzz::shape::check);
}

#[test]
fn token() {
    replay("token", tidegate_fuzz::token::check);
}

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut files: Vec<_> =
        fs::read_dir(&folder).expect("the corpus is there").map(|file| file.expect("it is listed").path()).collect();
    files.sort();
    assert!(files.len() >= 10, "{} holds only {} files", folder.display(), files.len());
    // All of them, so that one run names everything that is broken.
    let failed: Vec<_> = files
        .iter()
        .filter(|file| {
            let input = fs::read(file).expect("a file of the corpus can be read");
            catch_unwind(AssertUnwindSafe(|| check(&input))).is_err()
        })
        .map(|file| file.display().to_string())
        .collect();
    assert!(failed.is_empty(), "the target {target} fails on\n{}", failed.join("\n"));
}
