//! The parts of a playbook, with the words of the manifest.

use std::collections::BTreeMap;

use super::approval::ApprovalRule;
use super::callback::Callback;
use super::checklist::ChecklistItem;
use super::hotfix::HotfixPolicy;
use super::pace::BackPace;
use super::safety::SafetyPolicy;
use super::spread::Spread;
use super::staging::Staging;
use crate::calendar::Timetable;
use crate::canon::{Canon, Canonical};
use crate::cohort::CohortRule;
use crate::evidence::EvidencePolicy;
use crate::id::{PlaybookId, RegionId, WaveId};
use crate::queue::concurrency::Concurrency;
use crate::time::Span;
use crate::watch::WatchPolicy;
use crate::weight::Weight;

/// A named template of a launch. Its revision is given by the store.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Playbook {
    /// Its name.
    pub id: PlaybookId,
    /// In order.
    pub stages: Vec<Stage>,
    /// What every bake asks for.
    pub evidence: EvidencePolicy,
    /// When and how to go back.
    pub rollback: RollbackPolicy,
    /// How long things may take.
    pub limits: Limits,
    /// What agents may do alone, and what follows from drift.
    pub safety: SafetyPolicy,
    /// When steps may start.
    pub timetable: Timetable,
    /// What must be signed off before the first step.
    pub checklist: Vec<ChecklistItem>,
    /// How what was launched is watched. A plan names its playbook's revision, so this is not repeated there.
    pub watch: WatchPolicy,
    /// On which terms a release may supersede a rollout as its hotfix; `None`: on none.
    pub hotfix: Option<HotfixPolicy>,
    /// What a request does when others hold the lanes that it needs.
    pub concurrency: Concurrency,
    /// What becomes of regions that come after a launch. Like the watch, it is not repeated in plans.
    pub joiners: Joiners,
}

/// Whether a region that a wave would take, and that was not there when the fleet's release was launched, gets it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Joiners {
    /// By itself.
    #[default]
    Follow,
    /// When a person says so.
    Wait,
}

/// What a stage is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum StageKind {
    /// Under simulated load.
    Staging,
    /// A limited cohort.
    Pilot,
    /// Everybody, wave by wave.
    Production,
}

/// A stage: an ordered list of waves.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Stage {
    /// What it is for.
    pub kind: StageKind,
    /// What its regions are put under while they bake; only in a stage of kind staging.
    pub staging: Option<Staging>,
    /// In order; a wave starts when the one before has settled and soaked.
    pub waves: Vec<Wave>,
}

/// Which regions a wave takes.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum RegionSelector {
    /// These, in this order.
    Names(Vec<RegionId>),
    /// All whose labels have these values and that no other wave of the stage has taken.
    Labels(BTreeMap<String, String>),
    /// All that no other wave of the stage takes.
    Rest,
}

/// A set of regions that move together.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Wave {
    /// Its name, unique in the playbook.
    pub id: WaveId,
    /// Its regions.
    pub regions: RegionSelector,
    /// How many regions may be on their way at once; at least one.
    pub max_parallel: u32,
    /// How many steps the foremost region on its way may be ahead of the hindmost.
    pub max_skew: u32,
    /// What each region does, in order.
    pub steps: Vec<Step>,
    /// Rest after the last region has settled, before the next wave.
    pub soak: Span,
    /// Consent that it needs before it begins.
    pub approvals: Vec<ApprovalRule>,
    /// Endpoints of the service that must say yes before it begins.
    pub callbacks: Vec<Callback>,
    /// If set, it goes in parts, one after the other; consent is asked for before the first.
    pub spread: Option<Spread>,
}

/// One move of traffic and the bake that follows.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Step {
    /// Share of the new release from now on.
    pub weight: Weight,
    /// Requests that go to the new release whatever the weight.
    pub cohort: Option<CohortRule>,
    /// How long evidence is gathered at least.
    pub bake: Span,
    /// How many requests the new release must have answered before the bake ends; 0: however few.
    pub requests: u64,
}

/// How many regions must vote `fail` for a rollback.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum VotePolicy {
    /// One is enough.
    Any,
    /// At least this many.
    Count(u32),
    /// At least this share of the regions that have begun.
    Percent(Weight),
    /// Regions with at least this share of the traffic of all that have begun, by the shares that the plan has pinned.
    Traffic(Weight),
}

/// Whose votes count.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Electorate {
    /// The regions of the current wave.
    Wave,
    /// Every region, finished ones too.
    Fleet,
}

/// The evidence of all regions that bake one step, judged together.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Pooling {
    /// Below this many requests (or probes) in all regions together the pool is inconclusive.
    pub sample_min: u64,
}

/// How far a rollback reaches.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Scope {
    /// One region.
    Region(RegionId),
    /// The regions of the current wave.
    Wave,
    /// Every region, finished ones too.
    Fleet,
}

/// When and how far to go back, and how long the way back is kept warm.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct RollbackPolicy {
    /// Votes that trigger it.
    pub votes: VotePolicy,
    /// Whose votes they are.
    pub over: Electorate,
    /// If set, a fail of the pool triggers it too, whatever the regions say one by one.
    pub pooled: Option<Pooling>,
    /// `true`: the whole fleet; `false`: the wave of the vote.
    pub fleet: bool,
    /// How long after the switch the old slots stay warm.
    pub retention: Span,
    /// How fast the whole fleet goes back; `None`: all regions at once.
    pub pace: Option<BackPace>,
}

/// The longest that things may take. Past them the rollout goes back or asks for a human.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Limits {
    /// A slot from empty to ready.
    pub prepare: Span,
    /// A split from ordered to read back.
    pub shift: Span,
    /// A reachable region from the decision to go back until it is back.
    pub revert: Span,
    /// The whole rollout.
    pub total: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            prepare: Span::from_secs(600),
            shift: Span::from_secs(60),
            revert: Span::from_secs(300),
            total: Span::from_secs(30 * 24 * 3600),
        }
    }
}

impl Default for RollbackPolicy {
    fn default() -> Self {
        let (votes, over, pooled) = (VotePolicy::Any, Electorate::Fleet, None);
        Self { votes, over, pooled, fleet: true, retention: Span::from_secs(3600), pace: None }
    }
}

impl Electorate {
    /// Whose votes count if nobody says: those of the regions that would go back.
    #[must_use]
    pub const fn of(fleet: bool) -> Self {
        if fleet { Self::Fleet } else { Self::Wave }
    }

    /// `wave` or `fleet`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wave => "wave",
            Self::Fleet => "fleet",
        }
    }
}

impl Joiners {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 2] = [Self::Follow, Self::Wait];

    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Follow => "follow",
            Self::Wait => "wait",
        }
    }
}

impl StageKind {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Staging => "staging",
            Self::Pilot => "pilot",
            Self::Production => "production",
        }
    }
}

impl Canonical for StageKind {
    fn feed(&self, canon: &mut Canon) {
        canon.text(self.as_str());
    }
}

impl Canonical for VotePolicy {
    fn feed(&self, canon: &mut Canon) {
        match self {
            Self::Any => canon.text("any"),
            Self::Count(count) => canon.text("count").number(u64::from(*count)),
            Self::Percent(weight) => canon.text("percent").value(weight),
            Self::Traffic(weight) => canon.text("traffic").value(weight),
        };
    }
}

impl Canonical for RollbackPolicy {
    fn feed(&self, canon: &mut Canon) {
        canon.value(&self.votes).value(&self.fleet).value(&self.retention);
        // What the first plans did not know is fed only where it is used, so that they keep their hash.
        if self.over != Electorate::of(self.fleet) {
            canon.text("over").text(self.over.as_str());
        }
        if let Some(Pooling { sample_min }) = self.pooled {
            canon.text("pooled").number(sample_min);
        }
        if let Some(BackPace { max_parallel }) = self.pace {
            canon.text("pace").number(u64::from(max_parallel));
        }
    }
}

impl Canonical for Limits {
    fn feed(&self, canon: &mut Canon) {
        canon.value(&self.prepare).value(&self.shift).value(&self.revert).value(&self.total);
    }
}
