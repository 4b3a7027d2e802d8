//! The checker is checked: ten histories as they should be pass, ten with one thing wrong each fail for that thing. And the
//! page of failure modes names tests that exist.
#![allow(clippy::unwrap_used, missing_docs)]

mod clean;
mod doctored;
mod story;

use std::path::Path;

#[test]
fn every_failure_mode_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/failure-modes.md")).unwrap();
    let mut rows = 0;
    for row in page.lines().filter(|line| line.starts_with("| ") && line.contains(".rs`")) {
        let shown = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let names: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        let (path, tests) = names.split_first().unwrap();
        let source = std::fs::read_to_string(root.join(path)).unwrap_or_else(|why| panic!("{path}: {why}"));
        assert!(!tests.is_empty(), "{row} names no test");
        for test in tests {
            assert!(source.contains(&format!("fn {test}(")), "{path} has no test {test}");
        }
        rows += 1;
    }
    assert!(rows >= 30, "only {rows} rows");
}
