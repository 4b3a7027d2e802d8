//! Goals: what a lane should be at. A goal is a pure function of the rollout's record; nobody stores orders elsewhere.

use crate::canon::{Canon, Canonical};
use crate::cohort::Cohort;
use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::evidence::{EvidencePolicy, Pin, StepRef};
use crate::id::{Lane, RolloutId};
use crate::plan::Mandate;
use crate::plan::parameters::Values;
use crate::playbook::{DriftPolicy, Load};
use crate::release::ReleaseRef;
use crate::slot::{Slot, Slots};
use crate::time::Span;
use crate::weight::Split;

/// What a slot should hold.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum SlotGoal {
    /// Nothing; whatever runs there is stopped once it gets no traffic.
    Empty,
    /// Whatever is there now stays as it is.
    Keep,
    /// This release, ready.
    Run(ReleaseRef),
}

/// What is to be measured while a goal is in effect.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Measurement {
    /// The slot of the new release.
    pub slot: Slot,
    /// Which step, for the pin.
    pub step: StepRef,
    /// Which release, for the pin.
    pub digest: Digest,
    /// What is asked.
    pub policy: EvidencePolicy,
    /// What the region is put under meanwhile.
    pub load: Option<LoadOrder>,
}

/// A load to be driven from when the goal is confirmed, for as long as it holds.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct LoadOrder {
    /// What.
    pub load: Load,
    /// How long at most, however long the goal holds: a bake with its longest extension.
    pub lasts: Span,
}

/// The goal of one lane at one epoch.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Goal {
    /// Whose goal.
    pub lane: Lane,
    /// The epoch of the decision that set it; higher wins.
    pub epoch: Epoch,
    /// The rollout whose record it follows from.
    pub rollout: RolloutId,
    /// Contents of the slots.
    pub slots: Slots<SlotGoal>,
    /// What workloads in the slots are started with; empty where nothing runs.
    pub parameters: Slots<Values>,
    /// The traffic; `None` while nothing has ever served here.
    pub split: Option<Split>,
    /// The exception to the split.
    pub cohort: Option<Cohort>,
    /// What to measure.
    pub measurement: Option<Measurement>,
    /// What the agent may do on its own while this goal holds; `None`: it never decides, and leaves drift as it is.
    pub mandate: Option<Mandate>,
}

impl Goal {
    /// The digest of everything but the epoch: two goals with one hash order the same thing.
    #[must_use]
    pub fn hash(&self) -> Digest {
        self.digest()
    }

    /// The same goal turned back, at the same epoch: all traffic to where it came from, the new release left alone.
    /// `None` where no step is in effect, or nothing has served before.
    #[must_use]
    pub fn turned_back(&self) -> Option<Self> {
        let home = self.measurement.as_ref()?.slot.other();
        let run @ SlotGoal::Run(_) = self.slots.get(home) else { return None };
        let slots = Slots::from_fn(|slot| if slot == home { run.clone() } else { SlotGoal::Keep });
        let kept = |slot: Slot| if slot == home { self.parameters.get(slot).clone() } else { Values::new() };
        let parameters = Slots::from_fn(kept);
        let (split, cohort, measurement) = (Some(Split::all(home)), None, None);
        Some(Self { slots, parameters, split, cohort, measurement, ..self.clone() })
    }

    /// Whether the goal moves nothing forward: the lane is where it rests before, after or on its way back. Nothing else
    /// is given to an agent that is not believed or not understood.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        let runs = Slot::BOTH.into_iter().filter(|slot| matches!(self.slots.get(*slot), SlotGoal::Run(_))).count();
        self.measurement.is_none() && (runs == 0 || runs == 1 && self.split.is_some())
    }

    /// The slot of the release that the goal brings in. `None` where it brings none: before, after and on the way back, and
    /// where a first release has all the traffic already, for nothing else could serve.
    #[must_use]
    pub fn forward_slot(&self) -> Option<Slot> {
        let runs = |slot: Slot| matches!(self.slots.get(slot), SlotGoal::Run(_));
        let idle = || Slot::BOTH.into_iter().find(|slot| runs(*slot) && !self.serves(*slot));
        match (runs(Slot::Blue) && runs(Slot::Green), &self.measurement) {
            (true, Some(measurement)) => Some(measurement.slot),
            (true, None) => idle(),
            (false, _) => idle().filter(|_| self.split.is_none()),
        }
    }

    /// What follows from drift.
    #[must_use]
    pub fn drift_policy(&self) -> DriftPolicy {
        self.mandate.as_ref().map_or_else(DriftPolicy::default, |mandate| mandate.policy().drift)
    }

    /// As what a slot counts that holds `digest`, started with these parameters: as another content, if the goal wants the same
    /// release with others, for then it has to be started anew.
    #[must_use]
    pub fn counts_as(&self, slot: Slot, digest: Digest, started_with: &Values) -> Digest {
        let SlotGoal::Run(wanted) = self.slots.get(slot) else { return digest };
        if wanted.digest != digest || self.parameters.get(slot) == started_with {
            return digest;
        }
        let mut canon = Canon::default();
        canon.text("meridian.started.v1").value(&digest).value(started_with);
        canon.finish()
    }

    /// Whether a slot gets traffic under this goal.
    #[must_use]
    pub fn serves(&self, slot: Slot) -> bool {
        let weighted = self.split.is_some_and(|split| split.serves(slot));
        weighted || self.cohort.as_ref().is_some_and(|cohort| cohort.slot == slot)
    }

    /// The pin of evidence gathered under this goal.
    #[must_use]
    pub fn pin(&self) -> Option<Pin> {
        let measurement = self.measurement.as_ref()?;
        let (step, digest) = (measurement.step, measurement.digest);
        Some(Pin { rollout: self.rollout.clone(), step, digest, epoch: self.epoch })
    }
}

impl Canonical for SlotGoal {
    fn feed(&self, canon: &mut Canon) {
        match self {
            Self::Empty => canon.text("empty"),
            Self::Keep => canon.text("keep"),
            Self::Run(release) => canon.text("run").value(release),
        };
    }
}

impl Canonical for Measurement {
    fn feed(&self, canon: &mut Canon) {
        canon.value(&self.slot).value(&self.step).value(&self.digest).value(&self.policy);
        // A goal without load has the hash that it had before there was any.
        if let Some(LoadOrder { load, lasts }) = &self.load {
            canon.text("load").value(load).value(lasts);
        }
    }
}

impl Canonical for Goal {
    fn feed(&self, canon: &mut Canon) {
        canon.text("meridian.goal.v1").value(&self.lane.service).value(&self.lane.region).value(&self.rollout);
        canon.value(&self.slots).value(&self.split).value(&self.cohort).value(&self.measurement);
        // A goal without a mandate has the hash that it had before there were mandates.
        if let Some(mandate) = &self.mandate {
            canon.value(mandate);
        }
        if Slot::BOTH.into_iter().any(|slot| !self.parameters.get(slot).is_empty()) {
            canon.text("parameters").value(&self.parameters);
        }
    }
}
