//! Rule on manifests: every member takes the workspace's lints, and every version and feature of a dependency is written
//! in the root manifest alone. It reads lines of TOML; who may depend on whom is in arrows.rs.

use super::finding::Finding;
use super::source::Tree;
use super::workspace::Workspace;

/// Checks every member's Cargo.toml.
#[must_use]
pub fn check(tree: &Tree, workspace: &Workspace) -> Vec<Finding> {
    let paths: Vec<String> = workspace.members.iter().map(|member| format!("{}/Cargo.toml", member.folder)).collect();
    let manifests = tree.files.iter().filter(|file| paths.contains(&file.path));
    manifests.flat_map(|manifest| of_manifest(&manifest.path, &manifest.text)).collect()
}

fn of_manifest(path: &str, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut section = String::new();
    let mut takes_lints = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']).to_owned();
        } else if section == "lints" && line.replace(' ', "") == "workspace=true" {
            takes_lints = true;
        } else if section.ends_with("dependencies") && declares(line) {
            found.extend(of_dependency((path, index + 1), line));
        }
    }
    if !takes_lints {
        let fix = "add `[lints]` with `workspace = true`";
        found.push(Finding::error("member-lints", (path, 1), "does not take the workspace's lints", fix));
    }
    found
}

/// Whether the line declares a dependency, and is not the rest of one.
fn declares(line: &str) -> bool {
    line.starts_with(|first: char| first.is_ascii_alphabetic()) && line.contains('=')
}

fn of_dependency(place: (&str, usize), line: &str) -> Option<Finding> {
    let squeezed = line.replace(' ', "");
    let fix = "move versions and features to the root's [workspace.dependencies]";
    // A crate that switches itself on for its own tests can name itself only by its place.
    let is_itself = squeezed.contains("path=\".\"");
    if !squeezed.contains("workspace=true") && !is_itself {
        return Some(Finding::error("member-dependency", place, format!("`{line}` is not the workspace's"), fix));
    }
    // Our own crates have switches that only proof turns on; features of others are the same for everybody.
    let is_ours = squeezed.starts_with("meridian-");
    (squeezed.contains("features=") && !is_ours)
        .then(|| Finding::error("member-dependency", place, format!("`{line}` adds features of its own"), fix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<(&'static str, usize)> {
        of_manifest("a/Cargo.toml", text).iter().map(|finding| (finding.rule, finding.line)).collect()
    }

    #[test]
    fn lints_come_from_the_workspace() {
        assert_eq!(rules("[package]\nname = \"a\"\n"), [("member-lints", 1)]);
        assert!(rules("[lints]\nworkspace = true\n").is_empty());
    }

    #[test]
    fn versions_and_features_stand_in_the_root() {
        let text = "[lints]\nworkspace = true\n[dependencies]\nx = \"1\"\ny.workspace = true\n\
                    z = { workspace = true, features = [\"f\"] }\n\
                    meridian-store = { workspace = true, features = [\"test-util\"] }\n";
        assert_eq!(rules(text), [("member-dependency", 4), ("member-dependency", 6)]);
    }
}
