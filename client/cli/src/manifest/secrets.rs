//! Refuses what looks like a secret, wherever it stands in a document: manifests are kept, shown and exported. The text itself
//! is not repeated.

use meridian_core::text::secret::Secret;

use super::error::Finding;
use super::report::Report;
use super::shape::join;
use super::yaml::{Content, Node, Place};

/// Adds a refusal for each scalar and each key that looks like a secret.
pub(super) fn check(node: &Node, path: &str, report: &mut Report<'_>) {
    match &node.content {
        Content::Scalar(scalar) => refuse(&scalar.text, path, node.at, report),
        Content::List(items) => {
            items.iter().enumerate().for_each(|(index, item)| check(item, &format!("{path}[{index}]"), report));
        }
        Content::Map(entries) => {
            for entry in entries {
                refuse(&entry.key, path, entry.key_at, report);
                check(&entry.value, &join(path, &entry.key), report);
            }
        }
    }
}

fn refuse(text: &str, path: &str, at: Place, report: &mut Report<'_>) {
    let Some(secret) = Secret::of(text) else { return };
    let finding = Finding {
        code: "SECRET",
        field: path.to_owned(),
        value: String::new(),
        message: format!("this looks like {}", secret.as_str()),
        fix: "take it out, and change it if anybody has seen it; secrets are files on the servers, named by `secret:`"
            .to_owned(),
    };
    report.add_unshown(at, finding);
}
