//! The only file that names the YAML library. It knows text and types, not what they configure.

use serde::de::DeserializeOwned;

/// Reads a value, or says in which line and column it is wrong.
///
/// # Errors
/// The library's own words, with the position.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}
