//! What a stub says of a lane: exactly what it was told, at once. It brings nothing about.

use std::collections::BTreeMap;

use meridian_core::evidence::{Answers, Evidence, Histogram, Tally};
use meridian_core::goal::{Goal, SlotGoal};
use meridian_core::observation::{DoneMark, Observed, SlotSeen, SlotState, TrafficSeen};
use meridian_core::slot::Slot;
use meridian_core::time::Span;

/// Requests that a stub claims to have measured: more than any sample asks for.
const REQUESTS: u64 = 100_000;
/// As long as any bake, so that a pass counts.
const MEASURED: Span = Span::from_secs(24 * 3600);

/// The world as the goal wants it.
pub fn obey(observed: &mut Observed, goal: &Goal) {
    observed.accepted = goal.epoch;
    observed.done = Some(DoneMark { epoch: goal.epoch, hash: goal.hash() });
    for slot in Slot::BOTH {
        match goal.slots.get(slot) {
            SlotGoal::Keep => {}
            SlotGoal::Empty => *observed.slots.get_mut(slot) = None,
            SlotGoal::Run(release) => {
                *observed.slots.get_mut(slot) = Some(SlotSeen { digest: release.digest, state: SlotState::Ready });
            }
        }
    }
    if let Some(split) = goal.split {
        observed.traffic = Some(TrafficSeen { split, cohort: goal.cohort.clone() });
    }
    observed.evidence = goal.pin().map(|pin| Evidence {
        pin,
        from: Span::ZERO,
        to: MEASURED,
        requests: REQUESTS,
        errors: 0,
        latency: Histogram { buckets: BTreeMap::from([(1000, REQUESTS)]) },
        probes: BTreeMap::new(),
        other: Tally::default(),
        whole: Answers { requests: REQUESTS, errors: 0 },
        asked: BTreeMap::new(),
        load: None,
    });
}

/// Every second request fails from now on. Says whether anything is measured.
pub fn breach(observed: &mut Observed) -> bool {
    let Some(evidence) = &mut observed.evidence else {
        return false;
    };
    evidence.errors = evidence.requests / 2;
    true
}

#[cfg(test)]
mod tests {
    use meridian_core::digest::Digest;
    use meridian_core::epoch::Epoch;
    use meridian_core::evidence::{Check, EvidencePolicy, Measure, Outcome, StepRef, judge};
    use meridian_core::goal::Measurement;
    use meridian_core::id::{Lane, RegionId, RolloutId, ServiceId};
    use meridian_core::release::ReleaseRef;
    use meridian_core::slot::Slots;
    use meridian_core::weight::{Split, Weight};

    use super::*;

    #[test]
    fn a_stub_is_where_the_goal_is_and_passes_until_it_breaches() {
        let digest = Digest::of(b"x");
        let max = Weight::from_basis_points(100).unwrap();
        let check = Check { name: "errors".to_owned(), measure: Measure::ErrorRatio { max }, sample_min: 100 };
        let policy = EvidencePolicy { checks: vec![check], window: Span::from_secs(1), extend_max: Span::ZERO };
        let step = StepRef { wave: 0, step: 0 };
        let goal = Goal {
            parameters: Slots::default(),
            lane: Lane { service: ServiceId::new("s").unwrap(), region: RegionId::new("r").unwrap() },
            epoch: Epoch::new(0, 7),
            rollout: RolloutId::new("o").unwrap(),
            slots: Slots {
                blue: SlotGoal::Run(ReleaseRef { version: "1.0.0".parse().unwrap(), digest }),
                green: SlotGoal::Empty,
            },
            split: Some(Split::all(Slot::Blue)),
            cohort: None,
            measurement: Some(Measurement { slot: Slot::Blue, step, digest, policy: policy.clone(), load: None }),
            mandate: None,
        };
        let mut observed = Observed::default();
        assert!(!breach(&mut observed), "nothing is measured yet");
        obey(&mut observed, &goal);
        assert_eq!(observed.done, Some(DoneMark { epoch: goal.epoch, hash: goal.hash() }));
        assert_eq!(observed.traffic.as_ref().map(|traffic| traffic.split), goal.split);
        let outcome = |observed: &Observed| judge(&policy, observed.evidence.as_ref().unwrap()).outcome;
        assert_eq!(outcome(&observed), Outcome::Pass);
        assert!(breach(&mut observed));
        assert_eq!(outcome(&observed), Outcome::Fail);
    }
}
