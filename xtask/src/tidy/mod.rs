//! Runs every house rule over the tree. It knows the order of the rules and nothing about any of them; each rule is one
//! file beside this one and takes the tree, so that its tests can hand it three lines instead of a workspace.

pub mod dead;
pub mod errors;
pub mod finding;
pub mod functions;
pub mod manifests;
pub mod metrics;
pub mod names;
pub mod pacing;
pub mod purity;
pub mod sizes;
pub mod source;
pub mod traces;
pub mod workspace;

use crate::arrows;
use finding::{Finding, Level};
use source::Tree;
use std::path::Path;
use workspace::Workspace;

/// Why the rules could not be checked at all.
#[derive(Debug, thiserror::Error)]
pub enum TidyError {
    /// A file of the tree could not be read.
    #[error("read {path}")]
    Read {
        /// The file, from the root.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// `cargo metadata` could not be started or failed.
    #[error("cargo metadata: {0}")]
    Metadata(String),
}

/// Checks every rule over the workspace at `root` and returns what it found, worst first, then by place.
///
/// # Errors
/// If files cannot be read or `cargo metadata` fails; a rule that is broken is a finding, not an error.
pub fn check(root: &Path) -> Result<Vec<Finding>, TidyError> {
    let tree = Tree::read(root)?;
    let workspace = Workspace::read(root)?;
    let mut found = tree.unparsable();
    found.extend(sizes::check(&tree));
    found.extend(functions::check(&tree));
    found.extend(names::check(&tree));
    found.extend(pacing::check(&tree));
    found.extend(purity::check(&tree));
    found.extend(metrics::check(&tree, &workspace));
    found.extend(errors::check(&tree));
    found.extend(traces::check(&tree));
    found.extend(dead::check(&tree, &workspace));
    found.extend(manifests::check(&tree, &workspace));
    found.extend(arrows::check(&workspace));
    found.sort_by(|a, b| (a.level, &a.file, a.line).cmp(&(b.level, &b.file, b.line)));
    Ok(found)
}

/// Only what must be mended, of what [`check`] returned.
#[must_use]
pub fn errors_only(findings: Vec<Finding>) -> Vec<Finding> {
    findings.into_iter().filter(|f| f.level == Level::Error).collect()
}
