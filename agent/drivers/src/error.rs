//! How a driver says that something was not brought about. It knows codes and words, not what the agent does next.

use std::fmt::Write as _;

/// The longest message: it travels in every report until the trouble is over.
pub const MESSAGE_BYTES_MAX: usize = 1024;

/// The codes of [`DriverError::code`]: stable, part of the product's surface.
pub mod code {
    /// The artifact is not in the artifact folder (yet).
    pub const ARTIFACT_MISSING: &str = "ARTIFACT_MISSING";
    /// The artifact's bytes are not those of the release. Nothing was started.
    pub const DIGEST_MISMATCH: &str = "DIGEST_MISMATCH";
    /// Another release is up in the slot.
    pub const SLOT_OCCUPIED: &str = "SLOT_OCCUPIED";
    /// The release ended too often; the next start waits.
    pub const SLOT_BACKOFF: &str = "SLOT_BACKOFF";
    /// The system did not start the process.
    pub const SLOT_NOT_STARTED: &str = "SLOT_NOT_STARTED";
    /// The process did not end, even when killed.
    pub const SLOT_NOT_STOPPED: &str = "SLOT_NOT_STOPPED";
    /// Somebody else listens on the slot's port.
    pub const PORT_TAKEN: &str = "PORT_TAKEN";
    /// A slot gets traffic but has no address.
    pub const TRAFFIC_NO_TARGET: &str = "TRAFFIC_NO_TARGET";
    /// The data plane refused the route (its own words follow) and serves the one before.
    pub const TRAFFIC_REFUSED: &str = "TRAFFIC_REFUSED";
    /// A route of a higher epoch was already taken.
    pub const TRAFFIC_FENCED: &str = "TRAFFIC_FENCED";
    /// Another route of the same epoch was already taken.
    pub const TRAFFIC_CONFLICT: &str = "TRAFFIC_CONFLICT";
    /// The data plane did not acknowledge in time; whether the route is in effect is unknown.
    pub const TRAFFIC_TIMEOUT: &str = "TRAFFIC_TIMEOUT";
    /// The data plane does not answer.
    pub const TRAFFIC_UNREACHABLE: &str = "TRAFFIC_UNREACHABLE";
    /// The data plane answered with something that this version does not understand.
    pub const TRAFFIC_UNREADABLE: &str = "TRAFFIC_UNREADABLE";
    /// The driver's own files could not be read or written.
    pub const DRIVER_STATE: &str = "DRIVER_STATE";
    /// The driver's configuration cannot work.
    pub const DRIVER_CONFIG: &str = "DRIVER_CONFIG";
}

/// Why a driver did not do what it was asked. Nothing changed, unless the code says that it is unknown.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct DriverError {
    code: &'static str,
    message: String,
    permanent: bool,
}

impl DriverError {
    /// Trouble that may pass by itself: trying again can help. `code` is one of [`code`].
    #[must_use]
    pub fn passing(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: bounded(message.into()), permanent: false }
    }

    /// Trouble that stays until somebody changes something. `code` is one of [`code`].
    #[must_use]
    pub fn permanent(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: bounded(message.into()), permanent: true }
    }

    /// One of [`code`].
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// For people; at most [`MESSAGE_BYTES_MAX`] bytes.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether trying again cannot help until somebody changes something.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        self.permanent
    }

    /// A file of the driver that could not be read or written.
    pub(crate) fn state(doing: &str, path: &std::path::Path, error: &dyn std::fmt::Display) -> Self {
        Self::passing(code::DRIVER_STATE, format!("cannot {doing} {}: {error}", path.display()))
    }
}

/// Cuts at a character's end, and says that it was cut.
fn bounded(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES_MAX {
        let mut end = MESSAGE_BYTES_MAX - 3;
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
        // Writing to a String cannot fail.
        let _ = message.write_str("...");
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_between_characters() {
        let error = DriverError::passing(code::TRAFFIC_REFUSED, "ä".repeat(2000));
        assert!(error.message().len() <= MESSAGE_BYTES_MAX);
        assert!(error.message().ends_with("ä..."));
        assert!(!error.is_permanent());
        assert_eq!(DriverError::permanent(code::PORT_TAKEN, "x").to_string(), "PORT_TAKEN: x");
    }
}
