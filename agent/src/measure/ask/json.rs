//! From JSON to numbers that can be counted with. What is not one finite number has a name and no value.

use meridian_core::evidence::{Amount, AskFailure};
use serde_json::Value;

/// A JSON number, or text that is one, as Prometheus writes them.
pub(super) fn number(value: &Value) -> Result<f64, AskFailure> {
    let number = match value {
        Value::Null => return Err(AskFailure::NoData),
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let number = number.ok_or(AskFailure::NotANumber)?;
    if number.is_finite() { Ok(number) } else { Err(AskFailure::NotFinite) }
}

/// What lies below zero is as little as nothing is, for any limit that can be set.
pub(super) fn amount(number: f64) -> Amount {
    // Saturates at both ends.
    Amount::from_millionths((number * 1e6).round() as u64)
}

/// A count, without its fraction: Prometheus extrapolates.
pub(super) fn count(number: f64) -> Result<u64, AskFailure> {
    // Negative zero is none.
    if number < 0.0 { Err(AskFailure::Negative) } else { Ok(number as u64) }
}
