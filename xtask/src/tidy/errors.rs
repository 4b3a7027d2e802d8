//! Rule on error codes: each code an operator may read (`E-0007`) has its page in docs/errors, and each page a code that
//! can still be read. It does not know what the codes mean.

use super::finding::Finding;
use super::metrics::literals;
use super::source::Tree;
use std::collections::BTreeMap;

const PAGES: &str = "docs/errors";

/// Checks codes in product code against pages; says nothing while the folder of pages does not exist.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let pages: Vec<_> = tree.files.iter().filter(|file| file.folder() == PAGES).collect();
    if pages.is_empty() {
        return Vec::new();
    }
    let mut codes: BTreeMap<String, (String, usize)> = BTreeMap::new();
    for file in tree.files.iter().filter(|file| file.is_rust() && !file.is_proof()) {
        for (text, line) in literals(file).into_iter().filter(|(text, _)| is_code(text)) {
            codes.entry(text).or_insert((file.path.clone(), line));
        }
    }
    let mut found = Vec::new();
    for (code, (path, line)) in &codes {
        if !pages.iter().any(|page| page.name() == format!("{code}.md")) {
            let fix = format!("write {PAGES}/{code}.md: what it means, its cause, the cure");
            found.push(Finding::error("error-page", (path, *line), format!("{code} has no page"), fix));
        }
    }
    for page in pages {
        let Some(code) = page.name().strip_suffix(".md").filter(|stem| is_code(stem)) else {
            continue;
        };
        if !codes.contains_key(code) {
            let what = format!("no code says {code}");
            found.push(Finding::error("error-page", (&page.path, 1), what, "delete the page, or use its code"));
        }
        let title = page.text.lines().next().unwrap_or_default();
        if !title.starts_with(&format!("# {code}")) {
            let what = format!("the title does not start with `# {code}`");
            found.push(Finding::error("error-page", (&page.path, 1), what, "title it with its code"));
        }
    }
    found
}

/// `E-` and four digits, nothing else.
fn is_code(text: &str) -> bool {
    text.strip_prefix("E-").is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "//! D.\nconst A: &str = \"E-0001\";\n";

    #[test]
    fn a_code_needs_a_page_and_a_page_a_code() {
        let found = check(&Tree::of(&[("a/src/x.rs", CODE), ("docs/errors/E-0002.md", "# E-0002: lost\n")]));
        let whats: Vec<_> = found.iter().map(|finding| finding.what.as_str()).collect();
        assert_eq!(whats, ["E-0001 has no page", "no code says E-0002"]);
    }

    #[test]
    fn a_pair_is_fine_and_no_folder_is_no_duty() {
        assert!(check(&Tree::of(&[("a/src/x.rs", CODE), ("docs/errors/E-0001.md", "# E-0001 x\n")])).is_empty());
        assert!(check(&Tree::of(&[("a/src/x.rs", CODE)])).is_empty());
    }
}
