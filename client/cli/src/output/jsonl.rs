//! JSON lines: one value a line, so that a reader can begin before the writer ends.

use serde_json::Value;

/// Each value on its own line.
pub(crate) fn list(values: impl IntoIterator<Item = Value>) -> String {
    values.into_iter().map(|value| format!("{value}\n")).collect()
}
