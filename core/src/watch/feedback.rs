//! Feedback: what people say of a release, and the verdict of all of it. Who they are is declared, and says so.

use std::fmt;

use super::policy::FeedbackPolicy;
use crate::evidence::Outcome as Verdict;
use crate::id::ServiceId;
use crate::time::Timestamp;
use semver::Version;

/// The most answers of one release.
pub const ANSWERS_MAX: u64 = 10_000;

/// A score of 1 to 5.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Score(u8);

/// Whether it only says something, or asks to stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Severity {
    /// Says something.
    Note,
    /// Whoever says it can't use the release.
    Blocker,
}

/// How far it is known who says it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Source {
    /// By a certificate.
    Proven,
    /// Only declared.
    Unverified,
}

/// What somebody says of a release.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Feedback {
    /// Of which service.
    pub service: ServiceId,
    /// Of which release.
    pub version: Version,
    /// Of how much use.
    pub score: Score,
    /// Whether it asks to stop.
    pub severity: Severity,
    /// In words, at most 4 KiB.
    pub text: String,
    /// Which users they are one of, in words; empty: not said.
    pub cohort: String,
    /// Who says it.
    pub from: String,
    /// How far that is known.
    pub source: Source,
    /// When.
    pub at: Timestamp,
}

/// All feedback of a release, added up.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Opinion {
    /// How many answers.
    pub answers: u64,
    /// The sum of their scores.
    pub scores: u64,
    /// How many of them are blockers.
    pub blockers: u64,
}

/// A number that is no score.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
#[error("a score is 1 to 5, {0} is not")]
pub struct InvalidScore(pub u64);

/// No more feedback of this release can be kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
#[error("a release has at most {ANSWERS_MAX} answers, and this one has them")]
pub struct FeedbackFull;

impl FeedbackFull {
    /// The stable code.
    pub const CODE: &'static str = "FEEDBACK_FULL";
}

impl Score {
    /// From a number.
    ///
    /// # Errors
    /// If it is not 1 to 5.
    pub fn new(score: u64) -> Result<Self, InvalidScore> {
        u8::try_from(score).ok().filter(|score| (1..=5).contains(score)).map(Self).ok_or(InvalidScore(score))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Opinion {
    /// With one answer more.
    ///
    /// # Errors
    /// Above [`ANSWERS_MAX`].
    pub fn with(self, feedback: &Feedback) -> Result<Self, FeedbackFull> {
        if self.answers >= ANSWERS_MAX {
            return Err(FeedbackFull);
        }
        let blocker = match feedback.severity {
            Severity::Blocker => 1,
            Severity::Note => 0,
        };
        let scores = self.scores + u64::from(feedback.score.get());
        Ok(Self { answers: self.answers + 1, scores, blockers: self.blockers + blocker })
    }

    /// The verdict under a policy. Too few answers say nothing good; too many blockers need no company.
    #[must_use]
    pub fn judge(&self, policy: &FeedbackPolicy) -> Verdict {
        if self.blockers > u64::from(policy.blockers_max) {
            return Verdict::Fail;
        }
        if self.answers < u64::from(policy.answers_min) || self.answers == 0 {
            return Verdict::Inconclusive;
        }
        let (measured, wanted) = (i128::from(self.scores) * 1_000_000, i128::from(policy.score_min.millionths()));
        if measured >= wanted * i128::from(self.answers) { Verdict::Pass } else { Verdict::Fail }
    }
}

impl fmt::Display for Opinion {
    /// `4.2 of 5 over 12 answers, 1 blocker`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answers, scores, blockers } = self;
        let Some(tenths) = (scores * 10 + answers / 2).checked_div(*answers) else {
            return f.write_str("no answers");
        };
        write!(f, "{}.{} of 5 over {answers} answers, {blockers} blockers", tenths / 10, tenths % 10)
    }
}

impl Severity {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Blocker => "blocker",
        }
    }
}

impl Source {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Unverified => "unverified",
        }
    }
}
