//! Why a rollout is held, goes back, is frozen or has ended badly: typed, with a stable code and words.

use crate::evidence::{StepRef, Verdict};
use crate::id::{CallbackId, RegionId, RolloutId, ServiceId, WaveId};
use crate::playbook::Scope;

/// Why a rollout is held, goes back, is frozen or has ended.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Cause {
    /// Somebody said so.
    Operator {
        /// Declared name.
        actor: String,
        /// Their words.
        reason: String,
    },
    /// The vote policy was met; one of the votes that did it.
    Votes {
        /// Whose vote came last.
        region: RegionId,
        /// What it says.
        verdict: Verdict,
    },
    /// The evidence of several regions, taken together, fails where none of them had to.
    Pooled {
        /// The step that they baked.
        step: StepRef,
        /// How many regions.
        regions: u32,
        /// What the pool says.
        verdict: Verdict,
    },
    /// A driver failed for good.
    Driver {
        /// Where.
        region: RegionId,
        /// The agent's code.
        code: String,
        /// The agent's words.
        message: String,
    },
    /// Something took longer than its limit.
    Deadline {
        /// Where; `None`: the whole rollout.
        region: Option<RegionId>,
        /// Which limit: `prepare`, `shift`, `revert`, `total`.
        limit: &'static str,
    },
    /// Evidence stayed inconclusive past its extension.
    Inconclusive {
        /// Where.
        region: RegionId,
        /// The last verdict.
        verdict: Verdict,
    },
    /// An agent that no server could reach went back alone.
    DeadMan {
        /// Where.
        region: RegionId,
        /// Its own verdict.
        verdict: Verdict,
    },
    /// A lane is no longer as it was confirmed.
    Drift {
        /// Where.
        region: RegionId,
        /// What was found instead.
        found: String,
    },
    /// A callback has said no, or nothing in time.
    Callback {
        /// Before which wave.
        wave: WaveId,
        /// Which.
        callback: CallbackId,
        /// In its words, or that there was no answer.
        reason: String,
    },
    /// Another member of its set goes back.
    Member {
        /// Which.
        service: ServiceId,
        /// Its rollout.
        rollout: RolloutId,
    },
    /// Another member of its set was given up.
    MemberFailed {
        /// Which.
        service: ServiceId,
        /// Its rollout.
        rollout: RolloutId,
    },
    /// Part of the fleet was taken back; the rest waits.
    PartBack {
        /// How far.
        scope: Scope,
    },
    /// Traffic has moved where nothing had served before: there is nothing to go back to.
    NoWayBack {
        /// One of the regions.
        region: RegionId,
    },
    /// The release is past its point of no return: going back would do harm.
    PointOfNoReturn {
        /// What would have sent it back.
        trigger: Box<Cause>,
    },
}

impl Cause {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Operator { .. } => "OPERATOR",
            Self::Votes { .. } => "VOTES",
            Self::Pooled { .. } => "POOLED",
            Self::Driver { .. } => "DRIVER",
            Self::Deadline { .. } => "DEADLINE",
            Self::Inconclusive { .. } => "INCONCLUSIVE",
            Self::DeadMan { .. } => "DEAD_MAN",
            Self::Drift { .. } => "DRIFT",
            Self::Callback { .. } => "CALLBACK",
            Self::Member { .. } => "SET_BACK",
            Self::MemberFailed { .. } => "MEMBER_FAILED",
            Self::PartBack { .. } => "PART_BACK",
            Self::NoWayBack { .. } => "NO_WAY_BACK",
            Self::PointOfNoReturn { .. } => "POINT_OF_NO_RETURN",
        }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Operator { actor, reason } => write!(f, "{actor}: {reason}"),
            Self::Votes { region, verdict } => write!(f, "{region} votes {verdict}"),
            Self::Pooled { step: _, regions, verdict } => write!(f, "{regions} regions together: {verdict}"),
            Self::Driver { region, code, message } => write!(f, "{region}: driver gave up with {code}: {message}"),
            Self::Deadline { region: Some(region), limit } => write!(f, "{region}: the limit `{limit}` has passed"),
            Self::Deadline { region: None, limit } => write!(f, "the limit `{limit}` has passed"),
            Self::Inconclusive { region, verdict } => {
                write!(f, "{region}: evidence stays undecided: {verdict}")
            }
            Self::DeadMan { region, verdict } => {
                write!(f, "{region} could reach no server and went back alone: {verdict}")
            }
            Self::Drift { region, found } => write!(f, "{region} has drifted: {found}"),
            Self::Callback { wave, callback, reason } => write!(f, "wave {wave}: {callback}: {reason}"),
            Self::Member { service, rollout } => write!(f, "{service}, a member of its set, goes back ({rollout})"),
            Self::MemberFailed { service, rollout } => {
                write!(f, "{service}, a member of its set, was given up ({rollout}); roll back")
            }
            Self::PartBack { scope: Scope::Region(region) } => write!(f, "region {region} was taken back"),
            Self::PartBack { scope: Scope::Wave } => f.write_str("the wave was taken back"),
            Self::PartBack { scope: Scope::Fleet } => f.write_str("the fleet was taken back"),
            Self::NoWayBack { region } => write!(f, "{region} has never served another release: nothing to go back to"),
            Self::PointOfNoReturn { trigger } => {
                write!(f, "past the point of no return; the trigger was {trigger}")
            }
        }
    }
}
