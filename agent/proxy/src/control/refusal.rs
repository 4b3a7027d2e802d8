//! How the control API says no: what is wrong, with which value, and what to do. It knows the shape, not the checks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The codes of [`Refusal::code`].
pub mod code {
    /// 422: the weights do not sum to 10 000.
    pub const SPLIT_SUM: &str = "SPLIT_SUM";
    /// 422: a slot that gets requests has no target.
    pub const SLOT_WITHOUT_TARGET: &str = "SLOT_WITHOUT_TARGET";
    /// 422: an address is not `host:port`.
    pub const ADDRESS_INVALID: &str = "ADDRESS_INVALID";
    /// 422: a header or cookie name, a share or a hash is not usable.
    pub const VALUE_INVALID: &str = "VALUE_INVALID";
    /// 409: the epoch is lower than the one in effect.
    pub const EPOCH_FENCED: &str = "EPOCH_FENCED";
    /// 409: the epoch is the one in effect, but the content is another (other addresses of slots are none).
    pub const EPOCH_CONFLICT: &str = "EPOCH_CONFLICT";
    /// 400: not JSON of the expected shape.
    pub const MALFORMED: &str = "MALFORMED";
    /// 413: the body is larger than the limit.
    pub const BODY_TOO_LARGE: &str = "BODY_TOO_LARGE";
    /// 404: no such path.
    pub const NOT_FOUND: &str = "NOT_FOUND";
    /// 404: no routing was ever told.
    pub const NO_ROUTING: &str = "NO_ROUTING";
    /// 405: the path exists, the method does not.
    pub const METHOD_NOT_ALLOWED: &str = "METHOD_NOT_ALLOWED";
    /// 500: the state file could not be written; nothing changed.
    pub const STATE_NOT_WRITTEN: &str = "STATE_NOT_WRITTEN";
}

/// A refusal: nothing changed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub struct Refusal {
    /// One of [`code`]; a newer proxy may know more.
    pub code: String,
    /// The path of the field, such as `slots.green.address`; empty when it is about the request as a whole.
    pub field: String,
    /// What was found there.
    pub value: String,
    /// What to do about it.
    pub fix: String,
}

impl Refusal {
    /// A refusal of a value.
    pub(crate) fn new(code: &str, field: impl Into<String>, value: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { code: code.to_owned(), field: field.into(), value: value.into(), fix: fix.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.code)?;
        if !self.field.is_empty() {
            write!(f, "{} is `{}`: ", self.field, self.value)?;
        }
        f.write_str(&self.fix)
    }
}
