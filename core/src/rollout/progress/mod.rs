//! What can be said of one lane from what was seen: confirmed, ready, judged. No decisions here.

pub(super) mod astray;
pub mod explain;
pub(super) mod loaded;
pub mod summary;

use astray::is_at_step;

use super::goals::{LaneOrder, asked_by, goal, goal_hash, lane_order};
use super::reason::Wait;
use super::state::{LaneAt, Rollout};
use std::borrow::Cow;

use crate::agent::{Drift, reported_drift};
use crate::calendar::Openings;
use crate::evidence::{Evidence, EvidencePolicy, Outcome, StepRef, Verdict, judge};
use crate::id::RegionId;
use crate::observation::{Contact, Observed, Seen, Sight, SlotState, WentBack};
use crate::planted;
use crate::release::ReleaseRef;
use crate::slot::Slot;
use crate::time::{Span, Timestamp};

/// One lane with all that is known of it.
pub(super) struct LaneView<'a> {
    pub record: &'a Rollout,
    pub region: &'a RegionId,
    seen: Option<&'a Seen>,
}

impl<'a> LaneView<'a> {
    pub fn new(record: &'a Rollout, region: &'a RegionId, sight: &'a Sight) -> Self {
        Self { record, region, seen: sight.get(region) }
    }

    pub fn at(&self) -> LaneAt {
        self.record.lanes.get(self.region).expect("a lane view is made by a name of the plan").at
    }

    pub fn since(&self) -> Timestamp {
        self.record.lanes.get(self.region).expect("a lane view is made by a name of the plan").since
    }

    /// When steps may start here, as far as is known.
    pub fn openings(&self) -> Option<&'a Openings> {
        self.seen.map(|seen| &seen.openings)
    }

    /// That nothing may go forward here, and who says so.
    pub fn halt(&self) -> Option<Wait> {
        let halt = self.seen?.halt.clone()?;
        Some(Wait::Stopped { region: self.region.clone(), halt })
    }

    /// Since when the agent can be reached; `None`: it can't.
    pub fn reachable_since(&self) -> Option<Timestamp> {
        match self.contact()? {
            Contact::Live(since) => Some(since),
            Contact::Lost(_) | Contact::Never | Contact::Quarantined(_) => None,
        }
    }

    /// As it is seen; but who remembers less than was accepted is not believed, also where nobody has put it into
    /// quarantine: its session may be another replica's, which knows why.
    fn contact(&self) -> Option<Contact> {
        let seen = self.seen?;
        let acked = self.record.lanes.get(self.region).expect("a lane view is made by a name of the plan").acked;
        let forgot = seen.observed.as_ref().is_some_and(|observed| observed.accepted < acked);
        match seen.contact {
            Contact::Live(since) if forgot => Some(Contact::Quarantined(since)),
            contact @ (Contact::Live(_) | Contact::Lost(_) | Contact::Never | Contact::Quarantined(_)) => Some(contact),
        }
    }

    /// What a region that can't be reached, or whose agent is not believed, waits for; `None`: it can.
    pub fn no_contact(&self) -> Option<Wait> {
        let region = self.region.clone();
        match self.contact() {
            Some(Contact::Live(_)) => None,
            Some(Contact::Quarantined(since)) => Some(Wait::Quarantine { region, since }),
            Some(Contact::Lost(_) | Contact::Never) | None => Some(Wait::Contact { region, since: self.lost_since() }),
        }
    }

    /// When the agent was last heard of.
    fn lost_since(&self) -> Option<Timestamp> {
        match self.seen?.contact {
            Contact::Lost(since) => Some(since),
            Contact::Live(_) | Contact::Never | Contact::Quarantined(_) => None,
        }
    }

    /// When a limit on what the region has to do passes. A server that has not heard of the region since it started
    /// can't say: the region may be long done.
    pub fn deadline(&self, limit: Span) -> Option<Timestamp> {
        match self.seen?.contact {
            Contact::Live(since) => Some(self.since().max(since).after(limit)),
            Contact::Lost(_) | Contact::Quarantined(_) => Some(self.since().after(limit)),
            Contact::Never => None,
        }
    }

    /// The last report, if the agent can be reached now: an old report proves nothing about now.
    pub fn observed(&self) -> Option<&'a Observed> {
        self.reachable_since()?;
        self.seen?.observed.as_ref()
    }

    /// Whether the agent has confirmed exactly this lane's present goal.
    pub fn is_confirmed(&self) -> bool {
        let Some(done) = self.observed().and_then(|observed| observed.done) else {
            return false;
        };
        let lane = self.record.lanes.get(self.region).expect("a lane view is made by a name of the plan");
        // Comparing epochs first saves most hashes.
        let is_own = done.epoch == lane.goal_epoch && Some(done.hash) == goal_hash(self.record, self.region);
        is_own || planted::is("any-confirmation")
    }

    /// Whether the traffic read back is what the goal orders.
    pub fn traffic_is_ordered(&self) -> bool {
        let Some(goal) = goal(self.record, self.region) else {
            return false;
        };
        let Some(observed) = self.observed() else {
            return false;
        };
        match (&goal.split, &observed.traffic) {
            (None, None) => true,
            (Some(split), Some(seen)) => *split == seen.split && goal.cohort == seen.cohort,
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    /// That the agent has taken this lane back alone, under the goal that it holds or, while a newer one is on its way to
    /// it, under one before.
    pub fn went_back(&self) -> Option<&'a WentBack> {
        let lane = self.record.lanes.get(self.region).expect("a lane view is made by a name of the plan");
        // The end of a load is an order too, and the agent may not have heard it either.
        let on_the_way = matches!(lane.at, LaneAt::Shifting(_)) || matches!(self.order(), LaneOrder::Rested(_));
        let alone = self.observed()?.alone.as_ref()?;
        let ours = alone.rollout == self.record.id
            && (alone.epoch == lane.goal_epoch || on_the_way && alone.epoch < lane.goal_epoch);
        (ours && is_at_step(self.record, lane.at)).then_some(alone)
    }

    /// How the lane differs from its goal, if that was confirmed.
    pub fn drift(&self) -> Option<Drift> {
        // Asked of every lane at every look: what differs is rare, and only then is the goal hashed.
        reported_drift(&goal(self.record, self.region)?, self.observed()?).filter(|_| self.is_confirmed())
    }

    fn slot_runs(&self, slot: Slot, release: &ReleaseRef) -> bool {
        let seen = self.observed().and_then(|observed| observed.slots.get(slot).as_ref());
        seen.is_some_and(|seen| seen.digest == release.digest && seen.state == SlotState::Ready)
    }

    /// Whether the new release is up and ready in its slot.
    pub fn new_is_ready(&self) -> bool {
        let planned = self.record.plan.lanes.get(self.region).expect("a lane view is made by a name of the plan");
        self.slot_runs(planned.slot, &self.record.plan.release)
    }

    /// Whether a rollback could switch this instant. Where nothing has served before there is no way back to keep.
    pub fn way_back_is_ready(&self) -> bool {
        let planned = self.record.plan.lanes.get(self.region).expect("a lane view is made by a name of the plan");
        let is_warm = planned.base.as_ref().is_none_or(|base| self.slot_runs(base.slot, &base.release));
        is_warm || planted::is("cold-way-back")
    }

    /// What stands in the agent's way with the present goal.
    pub fn trouble(&self) -> Option<&'a crate::observation::Trouble> {
        let lane = self.record.lanes.get(self.region).expect("a lane view is made by a name of the plan");
        self.observed()?.trouble.as_ref().filter(|trouble| trouble.epoch == lane.goal_epoch)
    }

    /// The verdict on a step, from evidence whose pin is this lane's own; `None`: nothing that counts came in.
    pub fn verdict(&self, step: StepRef) -> Option<Verdict> {
        Some(judge(&self.asked(), self.evidence_on(step)?))
    }

    fn order(&self) -> LaneOrder {
        lane_order(&self.record.plan, &self.record.phase, self.at())
    }

    /// What the evidence of this lane is asked now.
    pub fn asked(&self) -> Cow<'a, EvidencePolicy> {
        asked_by(&self.record.plan, self.order())
    }

    /// What was measured on a step, if it is this lane's own.
    pub fn evidence_on(&self, step: StepRef) -> Option<&'a Evidence> {
        self.observed()?.evidence.as_ref().filter(|evidence| self.counts(evidence, step))
    }

    /// What was measured on the step that bakes here, if it is this lane's own.
    pub fn evidence_of_bake(&self) -> Option<(StepRef, &'a Evidence)> {
        let LaneAt::Baking(step) = self.at() else {
            return None;
        };
        Some((step, self.evidence_on(step)?))
    }

    /// The verdict that a bake is left on. A pass counts only if it was measured for as long as the bake asks: one that
    /// came early and was not renewed says nothing about the rest.
    pub fn verdict_of_bake(&self, step: StepRef) -> Option<Verdict> {
        let bake = self.record.plan.step(step).expect("a record only names steps of its own plan").bake;
        let measured = self.observed()?.evidence.as_ref()?.to;
        self.verdict(step)
            .filter(|verdict| verdict.outcome != Outcome::Pass || measured >= bake || planted::is("bake-skipped"))
    }

    fn counts(&self, evidence: &Evidence, step: StepRef) -> bool {
        let lane = self.record.lanes.get(self.region).expect("a lane view is made by a name of the plan");
        let pin = &evidence.pin;
        let is_own = pin.step == step && pin.epoch == lane.goal_epoch || planted::is("foreign-evidence");
        is_own && pin.rollout == self.record.id && pin.digest == self.record.plan.release.digest
    }

    /// Whether a bake may be left: long enough, traffic still as ordered, and every check passes.
    pub fn has_baked(&self, now: Timestamp) -> bool {
        let LaneAt::Baking(step) = self.at() else {
            return false;
        };
        let bake = self.record.plan.step(step).expect("a record only names steps of its own plan").bake;
        let long_enough = now >= self.since().after(bake) || planted::is("bake-skipped");
        long_enough && self.traffic_is_ordered() && self.passes(step) && self.has_served(step)
    }

    /// How many requests the new release has answered since the step took effect, by this lane's own evidence.
    pub fn served(&self, step: StepRef) -> u64 {
        self.evidence_on(step).map_or(0, |evidence| evidence.whole.requests)
    }

    /// Whether the new release has answered as many requests as the step asks for.
    pub fn has_served(&self, step: StepRef) -> bool {
        self.served(step) >= self.record.plan.step(step).expect("a record only names steps of its own plan").requests
    }

    /// Whether the checks pass for as long as the bake asks.
    pub fn passes(&self, step: StepRef) -> bool {
        if self.asked().checks.is_empty() {
            return self.reachable_since().is_some();
        }
        let least = if planted::is("inconclusive-passes") { Outcome::Inconclusive } else { Outcome::Pass };
        self.verdict_of_bake(step).is_some_and(|verdict| verdict.outcome >= least)
    }
}
