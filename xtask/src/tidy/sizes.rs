//! Rules on files as wholes: opens with `//!`, length of a file and of `main.rs`, files per folder. It does not look at
//! what is in them.

use super::finding::Finding;
use super::source::{SourceFile, Tree};
use std::collections::BTreeMap;

/// Lines from which a file is worth a look: two screens beyond the budget of 300.
pub const FILE_LINES_WARN: usize = 500;
/// Lines no file may pass, tests included.
pub const FILE_LINES_MAX: usize = 1000;
/// Lines of a `main.rs`: the composition root is elsewhere.
pub const MAIN_LINES_MAX: usize = 30;
/// Files in one folder: what a reader can take in as one list.
pub const FOLDER_FILES_MAX: usize = 14;
/// Folders that are collections (one page or one recording each), not lists to be read at once.
const COLLECTIONS: [&str; 5] = ["docs", "snapshots", "scenarios", "fixtures", "testdata"];

/// Checks every file and folder.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut found: Vec<Finding> = tree.files.iter().filter(|file| file.is_rust()).flat_map(of_file).collect();
    found.extend(crowded_folders(tree));
    found
}

fn of_file(file: &SourceFile) -> Vec<Finding> {
    let mut found = Vec::new();
    let lines = file.text.lines().count();
    if !file.text.starts_with("//!") {
        let fix = "say in a `//!` what the file is and what it does not know";
        found.push(Finding::error("file-doc", (&file.path, 1), "does not open with `//!`", fix));
    }
    if lines > FILE_LINES_MAX {
        let what = format!("{lines} lines, {FILE_LINES_MAX} allowed");
        found.push(Finding::error("file-length", (&file.path, lines), what, "split it by concept"));
    } else if lines >= FILE_LINES_WARN {
        let what = format!("{lines} lines, budget 300");
        let finding = Finding::error("file-length", (&file.path, lines), what, "look for the second concept in it");
        found.push(finding.as_warning());
    }
    if file.name() == "main.rs" && lines > MAIN_LINES_MAX {
        let what = format!("{lines} lines, {MAIN_LINES_MAX} allowed");
        found.push(Finding::error("main-length", (&file.path, lines), what, "move the work to app.rs"));
    }
    found
}

fn crowded_folders(tree: &Tree) -> Vec<Finding> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for file in &tree.files {
        *counts.entry(file.folder()).or_default() += 1;
    }
    let crowded = counts.into_iter().filter(|(folder, count)| {
        *count > FOLDER_FILES_MAX && !folder.split('/').any(|part| COLLECTIONS.contains(&part))
    });
    crowded
        .map(|(folder, count)| {
            let what = format!("{count} files, {FOLDER_FILES_MAX} allowed");
            let place = if folder.is_empty() { "." } else { folder };
            Finding::error("folder-size", (place, 0), what, "group those that belong together in a folder")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(files: &[(&str, &str)]) -> Vec<&'static str> {
        check(&Tree::of(files)).iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn a_file_must_open_with_its_doc() {
        assert_eq!(rules(&[("a/src/lib.rs", "use std::fmt;\n//! late\n")]), ["file-doc"]);
        assert!(rules(&[("a/src/lib.rs", "//! Doc.\n")]).is_empty());
    }

    #[test]
    fn lengths_have_a_budget_and_a_ceiling() {
        let long = format!("//! Doc.\n{}", "// x\n".repeat(FILE_LINES_MAX));
        let warned = format!("//! Doc.\n{}", "// x\n".repeat(FILE_LINES_WARN));
        let found = check(&Tree::of(&[("a/src/long.rs", &long), ("a/src/warned.rs", &warned)]));
        let levels: Vec<_> = found.iter().map(|finding| (finding.rule, finding.level)).collect();
        use super::super::finding::Level;
        assert_eq!(levels, [("file-length", Level::Error), ("file-length", Level::Warning)]);
        let main = format!("//! Doc.\n{}", "// x\n".repeat(MAIN_LINES_MAX));
        assert_eq!(rules(&[("a/src/main.rs", &main)]), ["main-length"]);
    }

    #[test]
    fn a_folder_holds_what_one_list_can_show() {
        let paths: Vec<String> = (0..=FOLDER_FILES_MAX).map(|n| format!("a/src/f{n}.rs")).collect();
        let files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "//! Doc.\n")).collect();
        assert_eq!(rules(&files), ["folder-size"]);
        let pages: Vec<String> = (0..=FOLDER_FILES_MAX).map(|n| format!("docs/errors/E-{n}.md")).collect();
        let files: Vec<(&str, &str)> = pages.iter().map(|path| (path.as_str(), "text\n")).collect();
        assert!(rules(&files).is_empty());
    }
}
