//! Rule on tracked text: nothing of the machine it was written on and no issue number, both of which mean nothing to the
//! next reader. It looks for the obvious forms only.

use super::finding::Finding;
use super::source::{SourceFile, Tree};

/// Beginnings of paths on one machine. Written in halves, so that this file does not break its own rule.
const MACHINE_PATHS: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tmp/br", "iefs")];
/// Parts of addresses that end in an issue's number.
const ISSUE_PATHS: [&str; 2] = [concat!("/iss", "ues/"), concat!("/pu", "ll/")];

/// Checks every tracked text.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.files.iter().filter(|file| file.name() != "Cargo.lock").flat_map(of_file).collect()
}

fn of_file(file: &SourceFile) -> Vec<Finding> {
    let mut found = Vec::new();
    let is_prose = file.path.ends_with(".md");
    for (index, line) in file.text.lines().enumerate() {
        let place = (file.path.as_str(), index + 1);
        if let Some(path) = MACHINE_PATHS.iter().find(|path| starts_a_path(line, path)) {
            let what = format!("names a path of one machine (`{path}`)");
            found.push(Finding::error("machine-path", place, what, "use a path from the root, or an example path"));
        }
        let remark = if is_prose { Some(line) } else { remark_of(file, line) };
        if remark.is_some_and(names_an_issue) {
            let fix = "say the reason itself; trackers move, sentences stay";
            found.push(Finding::error("issue-number", place, "points to an issue number", fix));
        }
    }
    found
}

/// Whether the path is there and begins there: `/srv/work/x` is somebody's example, not this machine.
fn starts_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        line[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric() && !"-_.}~$*".contains(before))
    })
}

fn remark_of<'a>(file: &SourceFile, line: &'a str) -> Option<&'a str> {
    let mark = if file.is_rust() || file.path.ends_with(".proto") { "//" } else { "# " };
    let (before, remark) = line.split_once(mark)?;
    // An address in a string also has two slashes.
    (!before.ends_with(':')).then_some(remark)
}

fn names_an_issue(text: &str) -> bool {
    let hash = text.match_indices('#').any(|(at, _)| {
        let opens = text[..at].chars().next_back().is_none_or(|before| before == ' ' || before == '(');
        let digits = text[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
        let after = text[at + 1 + digits..].chars().next();
        let closes = after.is_none_or(|after| !after.is_alphanumeric() && after != '`');
        opens && digits >= 1 && closes
    });
    let address = ISSUE_PATHS.iter().any(|path| {
        text.match_indices(path).any(|(at, _)| text[at + path.len()..].starts_with(|c: char| c.is_ascii_digit()))
    });
    hash || address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<&'static str> {
        check(&Tree::of(&[(path, text)])).iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn paths_of_a_machine_are_found() {
        let text = format!("see `{}main/x`\n", MACHINE_PATHS[0]);
        assert_eq!(rules("docs/a.md", &text), ["machine-path"]);
        assert!(rules("docs/a.md", &format!("/srv{}x\n", MACHINE_PATHS[0])).is_empty());
    }

    #[test]
    fn issue_numbers_are_found_in_prose_and_remarks() {
        let (hash, address) = (format!("see {}12 for why\n", '#'), format!("https://x{}7\n", ISSUE_PATHS[0]));
        assert_eq!(rules("docs/a.md", &hash), ["issue-number"]);
        assert_eq!(rules("docs/a.md", &address), ["issue-number"]);
        assert_eq!(rules("a/src/x.rs", &format!("//! D.\n// {hash}")), ["issue-number"]);
    }

    #[test]
    fn colours_headings_and_codes_are_no_issues() {
        for text in ["# 1 Words\n", "colour #0a0b0c\n", "rule 12\n", "`#[ignore]`\n"] {
            assert!(rules("docs/a.md", text).is_empty(), "{text}");
        }
    }
}
