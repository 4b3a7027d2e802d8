//! Every way the wire can be wrong: which field, what stood there, and why it is not taken. It knows nothing about the
//! messages themselves; each conversion adds the path of its own fields.

use std::fmt;

use meridian_core::digest::InvalidDigest;
use meridian_core::id::InvalidName;
use meridian_core::plan::parameters::ParametersRefused;

/// The longest part of a refused value that is shown: enough to recognise it, too little to flood a log.
pub const VALUE_SHOWN_BYTES_MAX: usize = 128;

/// A message that was not taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Invalid {
    /// Path of the field from the message's root, e.g. `stages[0].waves[1].steps[2].weight_basis_points`.
    pub field: String,
    /// What stood there, at most [`VALUE_SHOWN_BYTES_MAX`] bytes of it.
    pub value: String,
    /// What is wrong with it.
    pub why: InvalidKind,
}

/// What is wrong with a field.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidKind {
    /// Not set, and there is no default.
    #[error("is missing")]
    Missing,
    /// No parameters of a service.
    #[error("can't be parameters: {0}")]
    BadParameters(Box<ParametersRefused>),
    /// It looks like a secret.
    #[error("looks like {0}; Meridian keeps no secrets: take it out, and name a file on the servers by `secret`")]
    Secret(&'static str),
    /// A number that the enumeration does not have.
    #[error("is not a known value")]
    UnknownEnum,
    /// A text that is not one of the known words.
    #[error("is not one of {0}")]
    UnknownWord(&'static str),
    /// A number outside its bounds, both inclusive.
    #[error("is not between {min} and {max}")]
    OutOfRange {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// Not a name.
    #[error("is not a name: {0}")]
    BadName(InvalidName),
    /// Not a resource name of the wanted form.
    #[error("is not of the form `{0}`")]
    BadResource(&'static str),
    /// Not a digest of content.
    #[error("is not a digest: {0}")]
    BadDigest(InvalidDigest),
    /// A hash that is not 32 bytes long.
    #[error("is not a hash of 32 bytes")]
    BadHash,
    /// Not a semantic version.
    #[error("is not a semantic version")]
    BadVersion,
    /// Not an address of a place.
    #[error("is not an address such as `https://reports.example/7`")]
    NoAddress,
    /// Not a decimal number of at most six digits after the point.
    #[error("is not a decimal number of at most six digits after the point")]
    BadDecimal,
    /// The carried hash is not that of the fields beside it.
    #[error("is not the hash of the fields that it covers")]
    HashMismatch,
    /// Weights that do not sum to the whole.
    #[error("does not sum to 10000 basis points")]
    SplitNotWhole,
    /// The epoch before any decision, where a decision is spoken of.
    #[error("is the epoch before any decision")]
    EpochZero,
    /// An epoch at the end of its counter: no decision could follow.
    #[error("is past the last epoch")]
    EpochExhausted,
    /// Before 1970, after 9999, negative, or longer than ten thousand years.
    #[error("is a time outside what can be said")]
    TimeOutOfRange,
    /// Finer than a millisecond: it would be rounded.
    #[error("is finer than a millisecond")]
    TimeTooFine,
    /// A text or value of too many bytes.
    #[error("is longer than {max} bytes")]
    TooLong {
        /// The most.
        max: usize,
    },
    /// A list of too many items.
    #[error("has more than {max} items")]
    TooMany {
        /// The most.
        max: usize,
    },
    /// Nested deeper than anything we write.
    #[error("is nested deeper than {max}")]
    TooDeep {
        /// The most.
        max: usize,
    },
    /// A list that needs an item has none.
    #[error("is empty")]
    Empty,
    /// The same key a second time.
    #[error("is there a second time")]
    Duplicate,
    /// Names something that the plan does not have.
    #[error("is not part of the plan")]
    NotInPlan,
    /// Fits its type, but not what stands beside it.
    #[error("contradicts {0}")]
    Contradiction(&'static str),
    /// Bytes inside a message that do not decode as the message they should be.
    #[error("does not decode")]
    Undecodable,
    /// A record written by a newer version, which must not be half-read.
    #[error("was written with a newer schema")]
    SchemaTooNew,
}

impl InvalidKind {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing => "MISSING",
            Self::BadParameters(why) => why.code(),
            Self::Secret(_) => "SECRET",
            Self::UnknownEnum => "UNKNOWN_ENUM",
            Self::UnknownWord(_) => "UNKNOWN_WORD",
            Self::OutOfRange { .. } => "OUT_OF_RANGE",
            Self::BadName(_) => "BAD_NAME",
            Self::BadResource(_) => "BAD_RESOURCE_NAME",
            Self::BadDigest(_) => "BAD_DIGEST",
            Self::BadHash => "BAD_HASH",
            Self::BadVersion => "BAD_VERSION",
            Self::NoAddress => "NO_ADDRESS",
            Self::BadDecimal => "BAD_DECIMAL",
            Self::HashMismatch => "HASH_MISMATCH",
            Self::SplitNotWhole => "SPLIT_NOT_WHOLE",
            Self::EpochZero => "EPOCH_ZERO",
            Self::EpochExhausted => "EPOCH_EXHAUSTED",
            Self::TimeOutOfRange => "TIME_OUT_OF_RANGE",
            Self::TimeTooFine => "TIME_TOO_FINE",
            Self::TooLong { .. } => "TOO_LONG",
            Self::TooMany { .. } => "TOO_MANY",
            Self::TooDeep { .. } => "TOO_DEEP",
            Self::Empty => "EMPTY",
            Self::Duplicate => "DUPLICATE",
            Self::NotInPlan => "NOT_IN_PLAN",
            Self::Contradiction(_) => "CONTRADICTION",
            Self::Undecodable => "UNDECODABLE",
            Self::SchemaTooNew => "SCHEMA_TOO_NEW",
        }
    }
}

impl Invalid {
    /// A refusal of a value whose field is not known yet; see [`At`].
    #[must_use]
    pub fn of(value: impl fmt::Display, why: InvalidKind) -> Self {
        let mut value = value.to_string();
        value.truncate(value.floor_char_boundary(VALUE_SHOWN_BYTES_MAX));
        Self { field: String::new(), value, why }
    }

    /// A field that is not set.
    #[must_use]
    pub fn missing(field: &str) -> Self {
        Self::of("", InvalidKind::Missing).within(field)
    }

    /// A field that does not fit what stands beside it.
    #[must_use]
    pub fn contradiction(field: &str, value: impl fmt::Display, beside: &'static str) -> Self {
        Self::of(value, InvalidKind::Contradiction(beside)).within(field)
    }

    /// The same refusal, seen from the message that holds it in `field`.
    #[must_use]
    pub fn within(mut self, field: &str) -> Self {
        let joint = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        self.field = format!("{field}{joint}{}", self.field);
        self
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, why } = self;
        // Control characters must not reach a terminal or a log as they are.
        if value.is_empty() { write!(f, "{field} {why}") } else { write!(f, "{field} {why}: {value:?}") }
    }
}

impl std::error::Error for Invalid {}

/// Adds the path to a refusal on its way up.
pub trait At {
    /// As a field.
    #[must_use]
    fn at(self, field: &str) -> Self;
    /// As an item of a list.
    #[must_use]
    fn at_index(self, index: usize) -> Self;
}

impl<T> At for Result<T, Invalid> {
    fn at(self, field: &str) -> Self {
        self.map_err(|invalid| invalid.within(field))
    }

    fn at_index(self, index: usize) -> Self {
        self.map_err(|invalid| invalid.within(&format!("[{index}]")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_grow_from_the_inside() {
        let refusal: Result<(), _> = Err(Invalid::of(10_001, InvalidKind::OutOfRange { min: 0, max: 10_000 }));
        let refusal = refusal.at("weight_basis_points").at_index(2).at("steps").at_index(1).at("waves").unwrap_err();
        assert_eq!(refusal.field, "waves[1].steps[2].weight_basis_points");
        let text = "waves[1].steps[2].weight_basis_points is not between 0 and 10000: \"10001\"";
        assert_eq!(refusal.to_string(), text);
        assert_eq!(Invalid::missing("split").to_string(), "split is missing");
    }

    #[test]
    fn shown_values_are_short_and_harmless() {
        let long = "é".repeat(100);
        let refusal = Invalid::of(&long, InvalidKind::BadVersion);
        assert_eq!(refusal.value.len(), VALUE_SHOWN_BYTES_MAX);
        assert!(long.starts_with(&refusal.value));
        let refusal = Invalid::of("\u{1b}[2J", InvalidKind::BadVersion).within("version");
        assert!(!refusal.to_string().contains('\u{1b}'));
    }
}
