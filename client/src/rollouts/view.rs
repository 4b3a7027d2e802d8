//! What is known of a rollout at one moment, in plain values. It knows no wire and no terminal.

use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::evidence::{StepRef, Verdict};
use meridian_core::id::{RegionId, RolloutId, ServiceId, SetId};
use meridian_core::lane::Placed;
use meridian_core::plan::Supersede;
use meridian_core::playbook::StageKind;
use meridian_core::release::ReleaseRef;
use meridian_core::slot::Slot;
use meridian_core::time::Timestamp;
use meridian_core::weight::{Split, Weight};

use crate::name::{DecisionName, RolloutName};
use crate::regions::ContactView;

/// A rollout at one moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RolloutView {
    /// Its name.
    pub name: RolloutName,
    /// What is launched.
    pub release: ReleaseRef,
    /// The plan that is executed.
    pub plan: Digest,
    /// Epoch of the last decision.
    pub epoch: Epoch,
    /// What it is doing.
    pub state: RolloutState,
    /// One line for people, in the server's words.
    pub summary: String,
    /// Why it is held, going back, frozen or ended badly.
    pub cause: Option<ReasonView>,
    /// Who started it, as declared.
    pub requester: String,
    /// When it was started.
    pub created: Timestamp,
    /// When it entered its state.
    pub since: Timestamp,
    /// Position of the current wave.
    pub wave: usize,
    /// Its waves in order.
    pub waves: Vec<WaveView>,
    /// Its regions.
    pub lanes: Vec<LaneView>,
    /// What it waits for.
    pub waits: Vec<ReasonView>,
    /// Changes with every change.
    pub etag: String,
    /// The store's revision of the record that the view was made from.
    pub revision: u64,
    /// The server's time when the view was made: what it says is as old as that.
    pub viewed: Timestamp,
    /// What an operator may do now: `pause`, `resume`, `rollback`, `abandon`.
    pub actions: Vec<String>,
    /// Who has consented to which wave.
    pub approvals: Vec<ApprovalView>,
    /// The checklist of its plan, and what of it is signed off.
    pub checklist: Vec<EntryView>,
    /// The rollout that has taken its lanes over.
    pub superseded_by: Option<RolloutId>,
    /// The rollout whose lanes it has taken over.
    pub supersedes: Option<Supersede>,
    /// The train that it begins with; `None`: it waits for none.
    pub train: Option<String>,
    /// The launch that its regions came too late for; `None`: it is no join.
    pub join_after: Option<RolloutId>,
    /// The set that it is a member of; `None`: it is launched alone.
    pub set: Option<SetId>,
}

/// An item of the checklist.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct EntryView {
    /// Its name.
    pub name: String,
    /// `uat`, `briefing`, …, or a word that this client does not know.
    pub kind: &'static str,
    /// Who signs it off.
    pub owner: String,
    /// That it is signed off.
    pub signed: Option<SignOffView>,
}

/// A sign-off of an item.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct SignOffView {
    /// Who, as declared.
    pub actor: String,
    /// `unverified`, or a word that this client does not know.
    pub identity: &'static str,
    /// Where the evidence is.
    pub uri: String,
    /// The digest of the evidence.
    pub evidence: Digest,
    /// When.
    pub at: Timestamp,
    /// Until when it holds if it is not used.
    pub until: Timestamp,
    /// Whether the rollout has begun on it.
    pub used: bool,
}

/// Somebody's consent to a wave.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct ApprovalView {
    /// Name of the wave.
    pub wave: String,
    /// In which role.
    pub role: String,
    /// Who, as declared.
    pub actor: String,
    /// `unverified`, or a word that this client does not know.
    pub identity: &'static str,
    /// When.
    pub at: Timestamp,
    /// Until when it holds if it is not used.
    pub until: Timestamp,
    /// Whether the wave has begun on it.
    pub used: bool,
}

/// What a rollout is doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum RolloutState {
    /// Going forward.
    Running,
    /// Resting between two waves.
    Soaking,
    /// Nothing goes forward until a human says so.
    Held,
    /// Going back.
    RollingBack,
    /// Can't go on without a human.
    Frozen,
    /// All regions at 100 % of the new release; the way back is warm.
    Switched,
    /// Retention is over.
    Stable,
    /// Every lane confirmed back.
    RolledBack,
    /// Taken back before any traffic had moved.
    Aborted,
    /// Another rollout took its lanes.
    Superseded,
    /// Given up by a human.
    Failed,
    /// A word that this client does not know: the server is newer.
    Unknown,
}

/// A wave of a rollout.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct WaveView {
    /// Its name.
    pub name: String,
    /// Its stage; `None`: a word that this client does not know.
    pub stage: Option<StageKind>,
    /// Its regions in order.
    pub regions: Vec<RegionId>,
    /// How many steps each of them takes.
    pub steps: usize,
}

/// A region of a rollout.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LaneView {
    /// Which region.
    pub region: RegionId,
    /// Where it is in the rollout.
    pub position: LanePosition,
    /// The wave and step it is at; `None`: at none.
    pub at: Option<StepRef>,
    /// How many steps that wave has.
    pub steps: usize,
    /// When it got there.
    pub since: Option<Timestamp>,
    /// The slot of the new release.
    pub slot: Option<Slot>,
    /// Where the way back leads; `None`: nothing has served here before.
    pub base: Option<Placed>,
    /// Traffic as ordered.
    pub ordered: Option<Split>,
    /// Traffic as read back; `None`: not known.
    pub observed: Option<Split>,
    /// The epoch of its goal.
    pub epoch: Epoch,
    /// Whether the agent has confirmed that goal.
    pub confirmed: bool,
    /// Whether its agent can be reached.
    pub contact: ContactView,
    /// When its agent last spoke.
    pub last_seen: Option<Timestamp>,
    /// What the evidence says now.
    pub verdict: Option<Verdict>,
    /// The region's durable vote on its step.
    pub vote: Option<Verdict>,
    /// What stands in its agent's way.
    pub trouble: Option<ReasonView>,
}

/// Where a region is in a rollout.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum LanePosition {
    /// Not begun.
    Waiting,
    /// The new release is being brought up.
    Preparing,
    /// A split is ordered and not confirmed.
    Shifting,
    /// The split is confirmed, evidence is gathered.
    Baking,
    /// Through its wave.
    Settled,
    /// On its way back.
    Reverting,
    /// Confirmed back.
    Reverted,
    /// A word that this client does not know: the server is newer.
    Unknown,
}

/// Why something waits, was refused, or is as it is.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct ReasonView {
    /// Stable, e.g. `BAKE`.
    pub code: String,
    /// For people.
    pub message: String,
    /// The region it is about; `None`: the whole rollout.
    pub region: Option<RegionId>,
    /// When it ends by itself, if it does.
    pub until: Option<Timestamp>,
}

/// A committed change of a rollout, from the audit chain of its service.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct DecisionView {
    /// Its name, with its epoch.
    pub name: DecisionName,
    /// The rollout it changed, as the server names it.
    pub rollout: String,
    /// When.
    pub time: Timestamp,
    /// What was decided, a stable word.
    pub kind: String,
    /// Who, as declared.
    pub actor: String,
    /// For people.
    pub message: String,
    /// The entry's digest.
    pub digest: String,
    /// The digest of the entry before.
    pub previous: String,
}

impl RolloutView {
    /// Whose rollout it is.
    #[must_use]
    pub const fn service(&self) -> &ServiceId {
        &self.name.service
    }

    /// How many agents are connected.
    #[must_use]
    pub fn agents_live(&self) -> usize {
        self.lanes.iter().filter(|lane| lane.contact == ContactView::Live).count()
    }

    /// What a region waits for.
    pub fn waits_of(&self, region: &RegionId) -> impl Iterator<Item = &ReasonView> {
        self.waits.iter().filter(move |wait| wait.region.as_ref() == Some(region))
    }

    /// The lane of a region.
    #[must_use]
    pub fn lane(&self, region: &RegionId) -> Option<&LaneView> {
        self.lanes.iter().find(|lane| lane.region == *region)
    }
}

impl LaneView {
    /// The share of the new release as ordered.
    #[must_use]
    pub fn weight_ordered(&self) -> Option<Weight> {
        Some(self.ordered?.of(self.slot?))
    }

    /// The share of the new release as read back; `None`: not known.
    #[must_use]
    pub fn weight_observed(&self) -> Option<Weight> {
        Some(self.observed?.of(self.slot?))
    }
}

impl RolloutState {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Soaking => "soaking",
            Self::Held => "held",
            Self::RollingBack => "rolling-back",
            Self::Frozen => "frozen",
            Self::Switched => "switched",
            Self::Stable => "stable",
            Self::RolledBack => "rolled-back",
            Self::Aborted => "aborted",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// Whether nothing will ever change again.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Stable | Self::RolledBack | Self::Aborted | Self::Superseded | Self::Failed => true,
            Self::Running
            | Self::Soaking
            | Self::Held
            | Self::RollingBack
            | Self::Frozen
            | Self::Switched
            | Self::Unknown => false,
        }
    }
}

impl LanePosition {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Preparing => "preparing",
            Self::Shifting => "shifting",
            Self::Baking => "baking",
            Self::Settled => "settled",
            Self::Reverting => "reverting",
            Self::Reverted => "reverted",
            Self::Unknown => "unknown",
        }
    }
}
