//! What happened, as seen from outside: decisions from the store's own history, goals as the agents took them, orders as
//! the operator gave them, answers as clients got them. And what must hold of it. Pure: it knows no store, no process
//! and no clock, so that a doctored history is as good as a recorded one.
//!
//! Times are microseconds since the run began, all by one clock: the driver's.

mod chain;
mod fence;
mod live;
mod orders;

use std::collections::BTreeMap;
use std::fmt;

use meridian_core::epoch::Epoch;

pub use live::{GAP_MAX_MICROS, Gap, excused, gaps};

/// A moment of the run, in microseconds since its beginning.
pub type Micros = u64;

/// Everything that was seen of one run.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Every put of a rollout's record, in the order of the store's revisions.
    pub decisions: Vec<Decision>,
    /// Every put of an audit entry, in the order of the store's revisions.
    pub audits: Vec<Audit>,
    /// What each region's agent wrote down, in its own order.
    pub acts: BTreeMap<String, Vec<Act>>,
    /// Every order the operator gave.
    pub calls: Vec<Call>,
    /// Every request of a region's probe, in the order in which they ended.
    pub probes: BTreeMap<String, Vec<Probe>>,
    /// When the machine itself stood still or had no core to spare: nobody's probe can be held to its pace then.
    pub stalls: Vec<(Micros, Micros)>,
    /// What serves in a region after everything has healed: version and the release recorded as stable there.
    pub ends: BTreeMap<String, RegionEnd>,
}

/// One committed decision: a put of a rollout's record.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The store's revision of the commit.
    pub revision: u64,
    /// Not after this it was committed: when the recorder saw it.
    pub seen: Micros,
    /// Whose.
    pub service: String,
    /// Which rollout.
    pub rollout: String,
    /// The record's epoch.
    pub epoch: Epoch,
    /// Digest of the record's bytes.
    pub content: String,
    /// The word of its phase.
    pub phase: String,
    /// Whether the phase is an end.
    pub is_end: bool,
    /// Goals of its regions, as they follow from the record.
    pub lanes: BTreeMap<String, LaneSeen>,
}

/// A region's goal as it follows from a record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LaneSeen {
    /// The epoch of the decision that set it.
    pub epoch: Epoch,
    /// Its hash.
    pub hash: String,
    /// Traffic to the new release, in basis points.
    pub weight_new: u64,
    /// Whether the record holds it for confirmed.
    pub is_confirmed: bool,
}

/// One put of an audit entry.
#[derive(Clone, Debug)]
pub struct Audit {
    /// The store's revision of the commit.
    pub revision: u64,
    /// Whose chain.
    pub service: String,
    /// Which rollout.
    pub rollout: String,
    /// Its epoch.
    pub epoch: Epoch,
    /// The word of what was decided.
    pub kind: String,
    /// Who ordered it.
    pub actor: String,
    /// Digest of the record it names.
    pub record: String,
    /// Digest of the entry before.
    pub previous: Option<String>,
    /// Its own digest, computed from its content.
    pub digest: String,
}

/// What an agent wrote down after it was on its disk.
#[derive(Clone, Debug)]
pub struct Act {
    /// What it did.
    pub kind: ActKind,
    /// The goal's epoch.
    pub epoch: Epoch,
    /// The goal's rollout.
    pub rollout: String,
    /// The goal's hash, where the agent tells it.
    pub hash: Option<String>,
}

/// What an agent can do with a goal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ActKind {
    /// Made it durable and obeys it.
    Took,
    /// Found it again after a start.
    Resumed,
    /// Read back that it is reached.
    Reached,
}

/// One order of the operator.
#[derive(Clone, Debug)]
pub struct Call {
    /// The name it was given under; no two orders share one, so that the audit tells them apart.
    pub actor: String,
    /// Which rollout; the new one's name for a start.
    pub rollout: String,
    /// What was wanted.
    pub order: Order,
    /// When it was given.
    pub invoked: Micros,
    /// When the answer came.
    pub returned: Micros,
    /// What the answer was.
    pub outcome: Outcome,
}

/// What an operator can want.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Order {
    /// A new rollout.
    Start,
    /// Nothing forward.
    Pause,
    /// Forward again.
    Resume,
    /// Everything back.
    RollBack,
    /// An end without going anywhere.
    Abandon,
}

/// What came of an order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It was accepted.
    Acked,
    /// It was refused, and so has never happened.
    Refused(String),
    /// Nobody knows: no answer, or one that does not say.
    Unknown(String),
}

/// One request of a probe.
#[derive(Clone, Debug)]
pub struct Probe {
    /// When it was sent.
    pub start: Micros,
    /// When its answer was complete, or it was given up.
    pub end: Micros,
    /// The slot that answered; `None`: no slot did.
    pub slot: Option<String>,
    /// The version that answered.
    pub version: Option<String>,
    /// Whether it was given up after its whole time: late, for whatever reason, and not sent away by anybody.
    pub timed_out: bool,
}

/// How a region was found when everything had healed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegionEnd {
    /// The release recorded as stable.
    pub stable: Option<String>,
    /// The version that answers.
    pub serves: Option<String>,
}

/// A promise that was not kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// Which invariant: its id in docs/invariants.md, or `L1` for an end that never came.
    pub id: &'static str,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id, self.what)
    }
}

/// Holds a history against everything that can be seen from outside.
#[must_use]
pub fn check(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    chain::check(history, &mut found);
    orders::check(history, &mut found);
    fence::check(history, &mut found);
    live::check(history, &mut found);
    found
}

fn broken(found: &mut Vec<Violation>, id: &'static str, what: String) {
    found.push(Violation { id, what });
}
