//! What counts as failed by a switch, and why. It does not know that a slot may answer 500: that is an answer.

use std::fmt;

/// Examples kept of each reason: enough to see what happened, few enough for a screen.
const EXAMPLES: usize = 5;

/// Why a request has no answer made by a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureReason {
    /// No connection could be made.
    Refused,
    /// The request was written and the connection closed with no byte of an answer.
    Closed,
    /// The connection broke while the request was written or in mid-answer.
    Reset,
    /// The request was written and not answered in time.
    TimedOut,
    /// All connections were busy, or could not be made, until the request's time was over.
    NotSent,
    /// What came is no HTTP answer.
    Malformed,
    /// Something on the way to a slot answered in its place.
    NotMadeBySlot,
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::Closed => "closed",
            Self::Reset => "reset",
            Self::TimedOut => "timed-out",
            Self::NotSent => "not-sent",
            Self::Malformed => "malformed",
            Self::NotMadeBySlot => "not-made-by-slot",
        })
    }
}

/// The failures of one reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failures {
    /// How many.
    pub count: u64,
    /// The first five.
    pub examples: Vec<FailureExample>,
}

impl Failures {
    pub(crate) fn add(&mut self, example: impl FnOnce() -> FailureExample) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(example());
        }
    }
}

/// One failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureExample {
    /// When the request was written, or was due if it never was: microseconds since [`crate::Options::base`].
    pub start_micros: u64,
    /// When it was given up: microseconds since [`crate::Options::base`].
    pub end_micros: u64,
    /// What was seen.
    pub detail: String,
}

impl fmt::Display for FailureExample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} µs to {} µs: {}", self.start_micros, self.end_micros, self.detail)
    }
}
