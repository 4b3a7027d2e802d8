//! JSON for programs: two spaces, keys in order.

use serde_json::Value;

/// A list.
pub(crate) fn list(values: impl Iterator<Item = Value>) -> String {
    one(&Value::Array(values.collect()))
}

/// One value.
pub(crate) fn one(value: &Value) -> String {
    format!("{value:#}\n")
}
