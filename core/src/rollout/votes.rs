//! Votes: regions that want to go back, whether the policy is met, and what the regions say together.

use std::collections::BTreeMap;

use super::progress::{LaneView, loaded};
use super::state::{Ballot, Cause, LaneAt, LaneProgress, Phase, Rollout, Vote};
use super::step::Draft;
use crate::evidence::{Evidence, Outcome, StepRef, judge_pool};
use crate::id::RegionId;
use crate::observation::Sight;
use crate::playbook::{Electorate, VotePolicy};
use crate::time::{Span, Timestamp};

/// Casts the votes that follow from what was seen. A vote stays until its region changes its step.
pub(super) fn cast(draft: &mut Draft, sight: &Sight) {
    let regions: Vec<RegionId> = draft.next.lanes.keys().cloned().collect();
    for region in regions {
        let view = LaneView::new(&draft.next, &region, sight);
        let ballot = ballot(&view, draft.now);
        let has_voted = draft.next.lanes.get(&region).is_some_and(|lane| lane.vote.is_some());
        let Some(ballot) = ballot.filter(|_| !has_voted) else {
            continue;
        };
        loaded::note(draft, sight, &region);
        let lane = draft.next.lanes.get_mut(&region).expect("regions were listed from the lanes");
        let step = match lane.at {
            LaneAt::Preparing { wave } => StepRef { wave, step: 0 },
            LaneAt::Shifting(step) | LaneAt::Baking(step) | LaneAt::Settled(step) => step,
            LaneAt::Waiting | LaneAt::Reverting | LaneAt::Reverted => continue,
        };
        lane.vote = Some(Vote { step, epoch: lane.goal_epoch, at: draft.now, ballot });
        draft.kind = "vote";
    }
}

/// The limit on what a region has been ordered to do on its way forward.
fn limit(view: &LaneView<'_>) -> Option<(&'static str, Span)> {
    let limits = &view.record.plan.limits;
    match view.at() {
        LaneAt::Preparing { .. } => Some(("prepare", limits.prepare)),
        LaneAt::Shifting(_) => Some(("shift", limits.shift)),
        LaneAt::Waiting | LaneAt::Baking(_) | LaneAt::Settled(_) | LaneAt::Reverting | LaneAt::Reverted => None,
    }
}

/// When a region will vote because its limit has passed, if nothing comes in until then.
pub(super) fn deadline(view: &LaneView<'_>) -> Option<Timestamp> {
    let (_, span) = limit(view)?;
    view.deadline(span)
}

/// What a region has to say, if it wants to go back.
fn ballot(view: &LaneView<'_>, now: Timestamp) -> Option<Ballot> {
    let at = view.at();
    if let Some((limit, span)) = limit(view) {
        if let Some(trouble) = view.trouble().filter(|trouble| trouble.permanent) {
            let (code, message) = (trouble.code.clone(), trouble.message.clone());
            return Some(Ballot::Driver { code, message });
        }
        // A region that is prepared and waits for others, or for a human, has kept its limit.
        let kept = matches!(at, LaneAt::Preparing { .. }) && view.new_is_ready() && view.is_confirmed();
        let late = view.deadline(span).is_some_and(|deadline| now >= deadline);
        return (!kept && late).then_some(Ballot::Deadline { limit });
    }
    let (LaneAt::Baking(step) | LaneAt::Settled(step)) = at else {
        return None;
    };
    let verdict = view.verdict(step)?;
    (verdict.outcome == Outcome::Fail).then_some(Ballot::Evidence(verdict))
}

/// The cause of a rollback if the votes meet the policy.
pub(super) fn verdict_of_fleet(record: &Rollout) -> Option<(RegionId, Cause)> {
    let electorate: Vec<(&RegionId, &LaneProgress)> = electorate(record).collect();
    let votes: Vec<(&RegionId, &Vote)> =
        electorate.iter().filter_map(|(region, lane)| Some((*region, lane.vote.as_ref()?))).collect();
    let (all, fails) = (electorate.len() as u64, votes.len() as u64);
    let share = |region: &RegionId| record.plan.lanes.get(region).map_or(0, |planned| u64::from(planned.share.get()));
    let met = match record.plan.rollback.votes {
        VotePolicy::Any => true,
        VotePolicy::Count(count) => fails >= u64::from(count),
        VotePolicy::Percent(weight) => fails * 10_000 >= all * u64::from(weight.basis_points()),
        VotePolicy::Traffic(weight) => {
            let all: u64 = electorate.iter().map(|(region, _)| share(region)).sum();
            let fails: u64 = votes.iter().map(|(region, _)| share(region)).sum();
            fails * 10_000 >= all * u64::from(weight.basis_points())
        }
    };
    // Without a vote nothing is met, however little the policy asks for.
    let (region, vote) = votes.into_iter().filter(|_| met).max_by_key(|(_, vote)| vote.at)?;
    Some((region.clone(), cause_of(region, &vote.ballot)))
}

/// The regions that may vote: those whose votes the plan counts, from their first preparation on until they turn back.
fn electorate(record: &Rollout) -> impl Iterator<Item = (&RegionId, &LaneProgress)> {
    let counted = |region: &RegionId| match record.plan.rollback.over {
        Electorate::Fleet => true,
        Electorate::Wave => in_current_wave(record, region),
    };
    let standing = |lane: &LaneProgress| match lane.at {
        LaneAt::Preparing { .. } | LaneAt::Shifting(_) | LaneAt::Baking(_) | LaneAt::Settled(_) => true,
        LaneAt::Waiting | LaneAt::Reverting | LaneAt::Reverted => false,
    };
    record.lanes.iter().filter(move |(region, lane)| counted(region) && standing(lane))
}

/// The cause of a rollback if the regions that bake one step fail together. Too little data in all of them together is
/// no fail either.
pub(super) fn verdict_of_pool(record: &Rollout, sight: &Sight) -> Option<Cause> {
    let sample_min = record.plan.rollback.pooled?.sample_min;
    let mut pools: BTreeMap<StepRef, Vec<&Evidence>> = BTreeMap::new();
    for (region, _) in electorate(record) {
        if let Some((step, evidence)) = LaneView::new(record, region, sight).evidence_of_bake() {
            pools.entry(step).or_default().push(evidence);
        }
    }
    pools.into_iter().find_map(|(step, pool)| {
        let verdict = judge_pool(&record.plan.evidence_at(step, record.plan.is_under_load(step)), sample_min, &pool)?;
        let regions = u32::try_from(pool.len()).expect("a plan has far fewer regions");
        (verdict.outcome == Outcome::Fail).then_some(Cause::Pooled { step, regions, verdict })
    })
}

/// What the latest standing vote says, whether or not there are enough of them.
pub(super) fn latest_cause(record: &Rollout) -> Option<Cause> {
    let votes = record.lanes.iter().filter_map(|(region, lane)| Some((region, lane.vote.as_ref()?)));
    let (region, vote) = votes.max_by_key(|(_, vote)| vote.at)?;
    Some(cause_of(region, &vote.ballot))
}

fn cause_of(region: &RegionId, ballot: &Ballot) -> Cause {
    let region = region.clone();
    match ballot {
        Ballot::Evidence(verdict) => Cause::Votes { region, verdict: verdict.clone() },
        Ballot::Driver { code, message } => Cause::Driver { region, code: code.clone(), message: message.clone() },
        Ballot::Deadline { limit } => Cause::Deadline { region: Some(region), limit },
    }
}

/// Whether a region belongs to the wave that the rollout is in; after the last wave, to the last.
pub(super) fn in_current_wave(record: &Rollout, region: &RegionId) -> bool {
    let last = record.plan.waves.len() - 1;
    let wave = match &record.phase {
        Phase::Running(run) => run.wave.min(last),
        Phase::RollingBack { .. }
        | Phase::Frozen { .. }
        | Phase::Switched { .. }
        | Phase::Stable { .. }
        | Phase::RolledBack { .. }
        | Phase::Aborted { .. }
        | Phase::Superseded { .. }
        | Phase::Failed { .. } => last,
    };
    record.plan.waves.get(wave).is_some_and(|wave| wave.regions.contains(region))
}
