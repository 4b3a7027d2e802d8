//! The planted bugs of the servers' rules: what `core` is asked is bent before, or what it answers is bent after. With no
//! bug planted both are handed on as they are.

use meridian_core::evidence::{Answers, Evidence, Histogram, Pin, Tally};
use meridian_core::observation::{DoneMark, Observed, Sight, SlotSeen, SlotState, TrafficSeen};
use meridian_core::rollout::event::{Event, Right, Transition};
use meridian_core::rollout::goals::goal;
use meridian_core::rollout::reason::Refused;
use meridian_core::rollout::state::{LaneAt, Pace, Phase, Rollout, Run};
use meridian_core::rollout::step::Moment;
use meridian_core::time::Span;

use super::Rules;
use crate::flaw::Flaw;

impl Rules {
    /// The event that `core` is asked about.
    pub(super) fn doctored(&self, before: &Rollout, event: &Event) -> Event {
        let (Event::Look(sight) | Event::Guard(sight)) = event else { return event.clone() };
        let mut sight = sight.clone();
        for (region, seen) in &mut sight {
            let Some(observed) = &mut seen.observed else { continue };
            match self.flaw {
                Some(Flaw::AckOfAnyEpoch) => any_ack(before, region, observed),
                Some(Flaw::EvidenceOfAnyEpoch) => any_evidence(before, region, observed),
                Some(Flaw::NoDataIsSuccess) => no_data(before, region, observed),
                Some(Flaw::WayBackAssumed) => way_back(before, region, observed),
                Some(Flaw::BackOnHearsay) => hearsay(before, region, observed),
                Some(_) | None => {}
            }
        }
        let guards = matches!(event, Event::Guard(_));
        if guards && self.has(Flaw::GuardSleeps) {
            return Event::Guard(Sight::new());
        }
        if guards && !self.has(Flaw::GuardGoesForward) { Event::Guard(sight) } else { Event::Look(sight) }
    }

    /// What becomes of the answer; none if it was a refusal.
    pub(super) fn answered(
        &self,
        before: &Rollout,
        event: &Event,
        moment: Moment,
        lost: &[bool],
        answer: Result<Transition, Refused>,
    ) -> Option<Transition> {
        if self.has(Flaw::EndedResumed) && before.phase.is_terminal() && matches!(event, Event::Resume(_)) {
            return Some(resumed(before, moment));
        }
        let mut answer = answer.ok()?;
        let next = answer.next.as_mut()?;
        match self.flaw {
            Some(Flaw::EpochNotRaised) => next.epoch = before.epoch,
            Some(Flaw::RollbackOnlyToReachable) => {
                let left_out = self.names.iter().zip(lost).filter(|(_, lost)| **lost);
                let kept = left_out.filter_map(|(region, _)| Some((region.clone(), before.lanes.get(region)?.clone())));
                next.lanes.extend(kept);
            }
            Some(Flaw::WaveWithoutGate) if matches!(event, Event::Look(_)) => {
                wave_early(next);
                answer.right = Right::Owner;
            }
            Some(_) | None => {}
        }
        Some(answer)
    }
}

type Region = meridian_core::id::RegionId;

fn any_ack(before: &Rollout, region: &Region, observed: &mut Observed) {
    if let (Some(done), Some(order)) = (&mut observed.done, goal(before, region)) {
        *done = DoneMark { epoch: order.epoch, hash: order.hash() };
    }
}

fn own_pin(before: &Rollout, region: &Region) -> Option<Pin> {
    goal(before, region)?.pin()
}

fn any_evidence(before: &Rollout, region: &Region, observed: &mut Observed) {
    if let (Some(evidence), Some(pin)) = (&mut observed.evidence, own_pin(before, region)) {
        evidence.pin = pin;
        // A report from before what its agent has accepted since would be no evidence for another reason.
        let acked = before.lanes.get(region).map_or(observed.accepted, |lane| lane.acked);
        observed.accepted = observed.accepted.max(acked);
    }
}

fn no_data(before: &Rollout, region: &Region, observed: &mut Observed) {
    let enough = observed.evidence.as_ref().is_some_and(|evidence| evidence.requests >= 100);
    if let (false, Some(pin)) = (enough, own_pin(before, region)) {
        let (from, to) = (Span::ZERO, Span::ZERO);
        let latency = Histogram::default();
        let probes = std::collections::BTreeMap::new();
        let whole = Answers { requests: 1000, errors: 0 };
        let (requests, errors, other) = (whole.requests, whole.errors, Tally::default());
        let asked = std::collections::BTreeMap::new();
        observed.evidence =
            Some(Evidence { pin, from, to, requests, errors, latency, probes, other, whole, asked, load: None });
    }
}

fn way_back(before: &Rollout, region: &Region, observed: &mut Observed) {
    if let Some(base) = before.plan.lanes.get(region).and_then(|planned| planned.base.as_ref()) {
        let seen = SlotSeen { digest: base.release.digest, state: SlotState::Ready };
        *observed.slots.get_mut(base.slot) = Some(seen);
    }
}

fn hearsay(before: &Rollout, region: &Region, observed: &mut Observed) {
    let reverting = before.lanes.get(region).is_some_and(|lane| lane.at == LaneAt::Reverting);
    if let (true, Some(order)) = (reverting, goal(before, region)) {
        observed.done = Some(DoneMark { epoch: order.epoch, hash: order.hash() });
        observed.traffic = order.split.map(|split| TrafficSeen { split, cohort: order.cohort });
    }
}

fn resumed(before: &Rollout, moment: Moment) -> Transition {
    let mut next = before.clone();
    next.phase = Phase::Running(Run { wave: 0, pace: Pace::Moving, hold: None });
    next.epoch = moment.head.next().unwrap_or(moment.head);
    Transition {
        next: Some(next),
        kind: "resume",
        right: Right::Anyone,
        effects: Vec::new(),
        waits: Vec::new(),
        wake: None,
    }
}

fn wave_early(next: &mut Rollout) {
    let last = next.plan.waves.len() - 1;
    if let Phase::Running(run) = &mut next.phase {
        run.wave = (run.wave + 1).min(last);
    }
}
