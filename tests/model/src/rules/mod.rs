//! The shipped rules, asked once per question: what follows from a look, an order or a deed, and what that breaks. All
//! answers are numbers of interned values, so that the checker moves words about and not records.

mod commit;
mod decide;
mod doctor;
mod region;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use meridian_core::goal::Goal;
use meridian_core::id::RegionId;
use meridian_core::invariants::Broken;
use meridian_core::lane::LaneState;
use meridian_core::observation::Observed;
use meridian_core::plan::HashedPlan;
use meridian_core::rollout::goals::goal;
use meridian_core::rollout::state::Rollout;

use crate::action::{Deed, OrderKind};
use crate::flaw::Flaw;
use crate::fleet::{Fleet, region};
use crate::intern::{Answers, Interned};
use crate::properties;
use crate::state::{Decision, DecisionId, GoalId, LanesId, REGIONS_MAX, RecordId, ReportId, Site, SiteId, WINDOW};

/// What a server knows of one region when it looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub(crate) enum Known {
    Nothing,
    Lost,
    Said(ReportId),
}

/// What a look is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub(crate) struct Look {
    /// The record that was read.
    pub before: RecordId,
    /// The record whose epoch is the head; the same, in a sound server.
    pub head: RecordId,
    pub ticks: u8,
    pub owns: bool,
    /// The record was not the latest: what is seen may have come after it.
    pub stale: bool,
    pub known: [Known; REGIONS_MAX],
}

/// What an order is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub(crate) struct Ordered {
    pub before: RecordId,
    pub order: OrderKind,
    pub ticks: u8,
    /// Regions that nothing gets through to.
    pub lost: [bool; REGIONS_MAX],
}

/// What was decided.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Decided {
    /// The next record; none: nothing follows.
    pub next: RecordId,
    pub decision: DecisionId,
    /// Whether it needs the owner.
    pub forward: bool,
    /// Invariants that are broken by it.
    pub broken: u64,
}

/// What follows in a region.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Done {
    pub site: SiteId,
    pub broken: u64,
}

/// What a phase means for who waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    Running,
    Held,
    RollingBack,
    Frozen,
    Switched,
    Stable,
    RolledBack,
    Aborted,
    Failed,
}

/// The rules of one run, with everything that was ever asked of them.
pub struct Rules {
    pub(crate) flaw: Option<Flaw>,
    plan: Arc<HashedPlan>,
    names: Vec<RegionId>,
    records: Interned<Rollout>,
    sites: Interned<Site>,
    reports: Interned<Observed>,
    goals: Interned<Goal>,
    decisions: Interned<Decision>,
    lanes: Interned<Vec<LaneState>>,
    first_lanes: LanesId,
    outcomes: Answers<(RecordId, RecordId, RecordId, u8), DecisionId>,
    looks: Answers<Look, Decided>,
    orders: Answers<Ordered, Decided>,
    opens: Answers<u8, Decided>,
    goals_of: Answers<(RecordId, usize), GoalId>,
    deeds: Answers<(SiteId, Deed), Done>,
    taken: Answers<(SiteId, GoalId), Done>,
    reported: Answers<SiteId, ReportId>,
    done: Answers<(RecordId, usize, SiteId), bool>,
    ended: Answers<(RecordId, usize, SiteId), u64>,
    standings: Answers<RecordId, Standing>,
    issued: Answers<([RecordId; WINDOW], RecordId), u64>,
    succeeded: Answers<(RecordId, DecisionId), u64>,
    lanes_after: Answers<(LanesId, RecordId), (LanesId, u64)>,
    restored: Answers<RecordId, (RecordId, LanesId, u64)>,
    told: Mutex<BTreeMap<&'static str, String>>,
}

impl Rules {
    /// The shipped rules over a fleet, or with one bug planted.
    #[must_use]
    pub fn new(fleet: Fleet, flaw: Option<Flaw>) -> Self {
        let (plan, lanes) = fleet.plan();
        let all: Interned<Vec<LaneState>> = Interned::default();
        let first_lanes = all.id(lanes.into_values().collect());
        Self {
            flaw,

            plan: plan.into(),
            names: (0..fleet.regions).map(region).collect(),
            records: Interned::default(),
            sites: Interned::default(),
            reports: Interned::default(),
            goals: Interned::default(),
            decisions: Interned::default(),
            lanes: all,
            first_lanes,
            outcomes: Answers::default(),
            looks: Answers::default(),
            orders: Answers::default(),
            opens: Answers::default(),
            goals_of: Answers::default(),
            deeds: Answers::default(),
            taken: Answers::default(),
            reported: Answers::default(),
            done: Answers::default(),
            ended: Answers::default(),
            standings: Answers::default(),
            issued: Answers::default(),
            succeeded: Answers::default(),
            lanes_after: Answers::default(),
            restored: Answers::default(),
            told: Mutex::default(),
        }
    }

    /// Whether this bug is planted.
    pub(crate) fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// The lanes before anything was started.
    pub(crate) const fn first_lanes(&self) -> LanesId {
        self.first_lanes
    }

    /// A region's goal under a record.
    pub(crate) fn goal(&self, record: RecordId, number: usize) -> GoalId {
        self.goals_of.to((record, number), |_| {
            let goal = goal(&self.records.get(record), &self.names[number]);
            self.goals.id(goal.expect("every region of the model is part of its plan"))
        })
    }

    /// What was seen where an invariant was first broken.
    pub fn told(&self, id: &str) -> Option<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Notes what is broken, and answers it as a set.
    pub(crate) fn note(&self, broken: Vec<Broken>) -> u64 {
        broken.into_iter().fold(0, |set, Broken { id, what }| set | self.note_one(id, || what))
    }

    /// Notes one broken invariant.
    pub(crate) fn note_one(&self, id: &'static str, what: impl FnOnce() -> String) -> u64 {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_insert_with(what);
        properties::bit(id)
    }
}
