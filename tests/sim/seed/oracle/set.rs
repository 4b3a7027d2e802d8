//! Sets: members begin in one commit and end as stable in one; what one may begin after is everywhere first.

use meridian_core::id::RolloutId;
use meridian_core::invariants::{self, Broken};
use meridian_core::rollout::event::{Right, Transition};
use meridian_core::rollout::state::{LaneAt, Phase, Rollout};
use meridian_core::rollout::step::Moment;
use meridian_core::rollout::together::Standing;
use meridian_store::layout::Place;

use super::Books;
use super::books::{Written, require};

impl Books {
    /// Holds what a commit does to members of sets. Called before anything of it is taken in, but for plans.
    pub(super) fn together(&mut self, written: &[Written], broken: &mut Vec<Broken>) {
        if !self.plans.values().any(|plan| plan.set.is_some()) {
            return;
        }
        let records = written.iter().filter(|one| matches!(one.place, Place::Rollout(_)));
        let records: Vec<Rollout> = records.filter_map(|one| self.decoded(one)).collect();
        let mut ended = Vec::new();
        for next in &records {
            let Some(set) = &next.plan.set else { continue };
            match self.rollouts.get(&next.id) {
                None => {
                    let begins = |id: &RolloutId| records.iter().any(|other| other.id == *id);
                    let whole = set.others.values().all(begins);
                    require(broken, "C24", whole, || format!("{} begins without {:?}", next.id, set.others));
                    let named = written.iter().any(|one| one.place == Place::Set(set.id.clone()));
                    require(broken, "C24", named, || format!("{} begins, and nobody knows its set", next.id));
                }
                Some(before) if matches!(next.phase, Phase::Stable { .. }) => ended.push((before.clone(), next)),
                Some(before) => self.keeps_to_others(before, next, broken),
            }
        }
        if !ended.is_empty() {
            broken.extend(self.ends(&ended));
        }
        let switched = records.iter().filter(|record| matches!(record.phase, Phase::Switched { .. }));
        self.switched.extend(switched.map(|record| record.id.clone()));
    }

    /// The one commit that ends all members.
    fn ends(&self, ended: &[(Rollout, &Rollout)]) -> Vec<Broken> {
        let right = if self.token.is_some() { Right::Owner } else { Right::Anyone };
        let answer = |(before, next): &(Rollout, &Rollout)| {
            let (next, phase) = ((*next).clone(), before.phase.as_str());
            let (effects, waits) = (Vec::new(), Vec::new());
            (next.opened, Transition { next: Some(next), kind: phase, right, effects, waits, wake: None })
        };
        let answers: Vec<_> = ended.iter().map(answer).collect();
        let judged = ended.iter().zip(&answers).map(|((before, _), (now, answer))| {
            let head = self.heads.get(&before.plan.service).map(|head| head.epoch).unwrap_or_default();
            (before, Moment { now: *now, head }, answer)
        });
        invariants::together(&judged.collect::<Vec<_>>())
    }

    /// What a member does by itself, held against what its others really are.
    fn keeps_to_others(&self, before: &Rollout, next: &Rollout, broken: &mut Vec<Broken>) {
        let Some(set) = &next.plan.set else { return };
        let onward = |at: LaneAt| matches!(at, LaneAt::Preparing { .. } | LaneAt::Shifting(_));
        let was = |region| before.lanes.get(region).map(|lane| lane.at);
        let moved = next.lanes.iter().find(|(region, lane)| onward(lane.at) && was(*region) != Some(lane.at));
        if let Some((region, _)) = moved {
            let mut first = set.after.iter().filter_map(|service| set.others.get(service));
            let missing = first.find(|id| !self.switched.contains(*id));
            require(broken, "C24", missing.is_none(), || format!("{region} of {} before {missing:?}", next.id));
        }
        let stable =
            |id: &&RolloutId| self.rollouts.get(*id).is_some_and(|other| Standing::of(other) == Standing::Stable);
        let left = set.others.values().find(stable);
        require(broken, "C24", left.is_none(), || format!("{} is {} beside {left:?}", next.id, next.phase.as_str()));
    }
}
