//! YAML of JSON values, for what is not a manifest. Every text is quoted, so that no reader takes it for something else.

use serde_json::Value;

/// Documents, one after the other.
pub(crate) fn list(documents: impl Iterator<Item = String>) -> String {
    documents.collect::<Vec<_>>().join("---\n")
}

/// One document.
pub(crate) fn print(value: &Value) -> String {
    let mut out = String::new();
    put(&mut out, value, 0);
    out
}

fn put(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                indent(out, depth);
                out.push_str(&format!("{}:", Value::from(key.as_str())));
                after_key(out, value, depth);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                indent(out, depth);
                out.push('-');
                after_key(out, item, depth);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            out.push_str(&format!("{value}\n"))
        }
    }
}

fn after_key(out: &mut String, value: &Value, depth: usize) {
    let is_nested = match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    out.push(if is_nested { '\n' } else { ' ' });
    put(out, value, depth + 1);
}

fn indent(out: &mut String, depth: usize) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_blocks() {
        let value = serde_json::json!({"a": [1, {"b": "no"}, []], "c": {}, "d": null});
        let text = "\"a\":\n  - 1\n  -\n    \"b\": \"no\"\n  - []\n\"c\": {}\n\"d\": null\n";
        assert_eq!(print(&value), text);
    }
}
