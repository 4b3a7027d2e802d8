//! The tree as the rules see it: every text file that is or would be tracked, Rust files parsed once. It knows git's
//! list of files and syn; it does not know any rule.

use super::TidyError;
use super::finding::Finding;
use std::path::Path;
use std::process::Command;

/// Files larger than this are data, not text somebody reads; no rule looks into them.
const BYTES_MAX: u64 = 2 * 1024 * 1024;

/// One text file.
pub struct SourceFile {
    /// Path from the root, with `/`.
    pub path: String,
    /// The whole text.
    pub text: String,
    /// The syntax tree of a Rust file; `Err` names the line and the complaint.
    pub ast: Option<Result<syn::File, (usize, String)>>,
}

impl SourceFile {
    /// A file with the given text, parsed if its name ends in `.rs`.
    #[must_use]
    pub fn new(path: &str, text: &str) -> Self {
        let ast = path
            .ends_with(".rs")
            .then(|| syn::parse_file(text).map_err(|error| (error.span().start().line, error.to_string())));
        Self { path: path.to_owned(), text: text.to_owned(), ast }
    }

    /// The syntax tree, if this is a Rust file that parses.
    #[must_use]
    pub fn syntax(&self) -> Option<&syn::File> {
        self.ast.as_ref().and_then(|parsed| parsed.as_ref().ok())
    }

    /// Whether the file is Rust.
    #[must_use]
    pub fn is_rust(&self) -> bool {
        self.ast.is_some()
    }

    /// The last part of the path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The folder, without a slash at the end; empty for the root.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Whether the file proves rather than ships: in a folder `tests` or `benches`, or a `tests.rs`.
    #[must_use]
    pub fn is_proof(&self) -> bool {
        self.name() == "tests.rs" || self.folder().split('/').any(|part| part == "tests" || part == "benches")
    }
}

/// All files of the workspace, in path order.
pub struct Tree {
    /// The files.
    pub files: Vec<SourceFile>,
}

impl Tree {
    /// Reads the tree: what git tracks or would track; without git, everything that is not built or hidden.
    ///
    /// # Errors
    /// If a listed text file cannot be read.
    pub fn read(root: &Path) -> Result<Self, TidyError> {
        let mut paths = listed_by_git(root).unwrap_or_else(|| walked(root));
        paths.sort();
        paths.dedup();
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            if let Some(text) = read_text(root, &path)? {
                files.push(SourceFile::new(&path, &text));
            }
        }
        Ok(Self { files })
    }

    /// A tree out of literals, for tests of rules.
    #[must_use]
    pub fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| SourceFile::new(path, text)).collect() }
    }

    /// Rust files with their syntax trees.
    pub fn rust(&self) -> impl Iterator<Item = (&SourceFile, &syn::File)> {
        self.files.iter().filter_map(|file| file.syntax().map(|ast| (file, ast)))
    }

    /// Rust files that do not parse: no rule can vouch for them.
    #[must_use]
    pub fn unparsable(&self) -> Vec<Finding> {
        let broken = self.files.iter().filter_map(|file| match &file.ast {
            Some(Err((line, complaint))) => Some((file, *line, complaint)),
            Some(Ok(_)) | None => None,
        });
        broken
            .map(|(file, line, complaint)| {
                Finding::error("parses", (&file.path, line), complaint.clone(), "mend the syntax")
            })
            .collect()
    }
}

fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let listing = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .ok()?;
    if !listing.status.success() {
        return None;
    }
    let text = String::from_utf8(listing.stdout).ok()?;
    let paths: Vec<String> = text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    (!paths.is_empty()).then_some(paths)
}

fn walked(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let skipped = ["target", ".git", ".tools", "node_modules"].iter().any(|skip| name == *skip);
            let path = entry.path();
            if skipped {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(relative) = path.strip_prefix(root) {
                found.push(relative.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found
}

/// The text of a file; `None` if it is gone (deleted but still listed), too large, or not text.
fn read_text(root: &Path, path: &str) -> Result<Option<String>, TidyError> {
    let full = root.join(path);
    let Ok(about) = std::fs::metadata(&full) else {
        return Ok(None);
    };
    if !about.is_file() || about.len() > BYTES_MAX {
        return Ok(None);
    }
    let bytes = std::fs::read(&full).map_err(|source| TidyError::Read { path: path.to_owned(), source })?;
    Ok(String::from_utf8(bytes).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_does_not_parse_is_found_with_its_line() {
        let tree = Tree::of(&[("a/src/lib.rs", "//! Doc.\n\nfn broken( {}\n")]);
        let found = tree.unparsable();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].rule, found[0].line), ("parses", 3));
    }

    #[test]
    fn proof_is_told_from_product_by_its_place() {
        for (path, proof) in [
            ("core/src/plan/tests.rs", true),
            ("tests/harness/src/lib.rs", true),
            ("server/tests/api.rs", true),
            ("server/src/contests.rs", false),
        ] {
            assert_eq!(SourceFile::new(path, "//! x\n").is_proof(), proof, "{path}");
        }
    }
}
