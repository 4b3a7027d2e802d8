//! Rules on proof: no `#[ignore]` anywhere, and no `sleep(` in tests unless the line says that it paces a load or a poll.
//! A sleep that waits for things to settle is a race with a comment. It does not know what a test tests.

use super::finding::Finding;
use super::source::{SourceFile, Tree};

/// At the end of a line, it says that the sleep is the load's rhythm or a poll's, not a hope.
pub const PACED: &str = "// tidy: paced";

/// Checks every Rust file for ignored tests, proof for sleeps.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.files.iter().filter(|file| file.is_rust()).flat_map(of_file).collect()
}

fn of_file(file: &SourceFile) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let (code, place) = (line.trim_start(), (file.path.as_str(), index + 1));
        if code.starts_with("//") {
            continue;
        }
        if code.starts_with("#[ignore") {
            let fix = "make it pass, or delete it with its reason in the commit";
            found.push(Finding::error("ignored-test", place, "a test nobody runs", fix));
        }
        if file.is_proof() && code.contains("sleep(") && !code.trim_end().ends_with(PACED) {
            let fix = format!("wait on a condition; a load's or poll's rhythm ends its line with `{PACED}`");
            found.push(Finding::error("sleeping-test", place, "sleeps for a fixed time", fix));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_and_sleeping_tests_are_found() {
        let text = "//! Doc.\n#[test]\n#[ignore = \"slow\"]\nfn t() {\n    sleep(TICK);\n}\n";
        let found = check(&Tree::of(&[("a/tests/t.rs", text), ("a/src/x.rs", "//! Doc.\nfn f() { sleep(T) }\n")]));
        let rules: Vec<_> = found.iter().map(|finding| (finding.rule, finding.line)).collect();
        assert_eq!(rules, [("ignored-test", 3), ("sleeping-test", 5)]);
    }

    #[test]
    fn a_paced_sleep_is_the_rhythm_of_a_load() {
        let text = format!("//! Doc.\nfn t() {{\n    sleep(TICK).await; {PACED}\n    // no sleep(\n}}\n");
        assert!(check(&Tree::of(&[("tests/load/src/lib.rs", &text)])).is_empty());
    }
}
