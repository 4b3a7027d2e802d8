//! Observations: what an agent saw in its region, never what it was told to do.

use std::collections::BTreeMap;

use crate::calendar::Openings;
use crate::cohort::Cohort;
use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::evidence::{Evidence, Verdict};
use crate::id::{RegionId, RolloutId};
use crate::rollout::gates::stops::Halt;
use crate::slot::Slots;
use crate::time::Timestamp;
use crate::watch::Opinion;
use crate::weight::Split;

/// The state of a slot, as its workload driver reads it back.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum SlotState {
    /// On its way up.
    Starting,
    /// Up and answering its readiness check.
    Ready,
    /// Was up and no longer answers.
    Unready,
    /// On its way down, finishing what it has.
    Stopping,
    /// Came down by itself or never came up.
    Failed,
}

/// What a slot holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct SlotSeen {
    /// The digest of what runs there.
    pub digest: Digest,
    /// How it is.
    pub state: SlotState,
}

/// The traffic as the traffic driver reads it back.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct TrafficSeen {
    /// Weights in effect.
    pub split: Split,
    /// Cohort rule in effect.
    pub cohort: Option<Cohort>,
}

/// A goal that the agent has brought about and confirmed by read-back.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct DoneMark {
    /// The goal's epoch.
    pub epoch: Epoch,
    /// The goal's hash.
    pub hash: Digest,
}

/// Why an agent can't bring its goal about at the moment. It keeps trying.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Trouble {
    /// The epoch of the goal that has it.
    pub epoch: Epoch,
    /// Stable code, e.g. `SLOT_NOT_STARTED`, `TRAFFIC_REFUSED`.
    pub code: String,
    /// For people, at most 1 KiB.
    pub message: String,
    /// Whether trying again can help without anybody changing something.
    pub permanent: bool,
}

/// One lane as last reported.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Observed {
    /// The highest epoch that the agent has accepted, durably.
    pub accepted: Epoch,
    /// The last goal confirmed.
    pub done: Option<DoneMark>,
    /// Contents of the slots; `None`: empty.
    pub slots: Slots<Option<SlotSeen>>,
    /// Traffic; `None`: nothing is routed yet.
    pub traffic: Option<TrafficSeen>,
    /// What stands in the way.
    pub trouble: Option<Trouble>,
    /// What was measured, if the goal asks for it.
    pub evidence: Option<Evidence>,
    /// That the agent has gone back alone, under the goal that it last accepted.
    pub alone: Option<WentBack>,
}

/// An agent without contact took its lane back, as its mandate allows. Durable before it acts.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct WentBack {
    /// The rollout whose goal it turned back.
    pub rollout: RolloutId,
    /// The epoch of that goal.
    pub epoch: Epoch,
    /// Why: its own verdict.
    pub verdict: Verdict,
    /// Whether it has read back that traffic is where it came from.
    pub confirmed: bool,
}

/// Whether the region can be reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Contact {
    /// A session is open since then and has spoken recently.
    Live(Timestamp),
    /// No session since then.
    Lost(Timestamp),
    /// Never seen since this server started.
    Never,
    /// Its agent speaks and is not believed, since then, until a human confirms it.
    Quarantined(Timestamp),
}

/// What is known of a lane now.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Seen {
    /// Whether its agent can be reached.
    pub contact: Contact,
    /// Its last report on this lane.
    pub observed: Option<Observed>,
    /// When steps may start there, as far as the plan has a timetable.
    pub openings: Openings,
    /// That somebody has stopped whatever would go forward there.
    pub halt: Option<Halt>,
    /// What people say of the plan's release, as far as the plan asks and it is known.
    pub feedback: Option<Opinion>,
}

/// All that is known of a rollout's lanes at one moment. A lane that is missing was never seen.
pub type Sight = BTreeMap<RegionId, Seen>;
