//! Strategies for the records of rollouts and lanes. A rollout fits its plan, as core leaves it; whether its phase and
//! its lanes fit each other is not asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use meridian_core::epoch::Epoch;
use meridian_core::evidence::{LoadFigures, StepRef};
use meridian_core::id::RegionId;
use meridian_core::lane::LaneState;
use meridian_core::plan::{HashedPlan, Plan};
use meridian_core::playbook::{ChecklistItem, Scope};
use meridian_core::rollout::state::{
    Answer, Approval, Ballot, Cause, Hold, Identity, Inquiry, LaneAt, LaneProgress, LoadReport, Pace, Phase, Rollout,
    Run, Said, Signed, Vote,
};
use meridian_core::rollout::together::{Membership, Standing};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{
    callback_id, decided, digest, epoch, moment, placed, plan, region, role, rollout_id, text, verdict, wave_id,
};

/// A rollout of some plan.
pub fn rollout() -> impl Strategy<Value = Rollout> {
    plan().prop_flat_map(|plan| rollout_of(plan.into()))
}

/// A rollout of this plan.
pub fn rollout_of(plan: Arc<HashedPlan>) -> impl Strategy<Value = Rollout> {
    let steps: Vec<StepRef> = plan
        .waves
        .iter()
        .enumerate()
        .flat_map(|(wave, planned)| (0..planned.steps.len()).map(move |step| StepRef { wave, step }))
        .collect();
    let lanes = vec(progress(steps), plan.lanes.len());
    let items = plan.checklist.clone();
    let parts = (
        rollout_id(),
        decided(),
        text(),
        moment(),
        phase(plan.waves.len()),
        lanes,
        vec(approval(plan.waves.len()), 0..3),
        items.into_iter().map(signed).collect::<Vec<_>>(),
    );
    let asked = (inquiries(&plan), member(&plan));
    (parts, 0_usize..4, option::of(decided()), asked).prop_map(move |(parts, index, begun, (inquiries, member))| {
        let (id, epoch, requester, opened, phase, lanes, approvals, signed) = parts;
        // Any of the plan's, or none.
        let train = plan.timetable.trains.get(index).map(|train| train.name.clone());
        let regions = plan.lanes.keys().cloned();
        let lanes = regions.zip(lanes).map(|(region, lane)| (region, up_to(epoch, lane))).collect();
        Rollout {
            id,
            plan: Arc::clone(&plan),
            epoch,
            begun: begun.map(|begun| begun.min(epoch)),
            requester,
            opened,
            phase,
            lanes,
            approvals,
            signed,
            train,
            inquiries,
            member,
        }
    })
}

/// Something heard of each other member of its set, if it is of one.
fn member(plan: &Plan) -> impl Strategy<Value = Option<Membership>> + use<> {
    let others: Vec<_> = plan.set.iter().flat_map(|set| set.others.keys().cloned()).collect();
    let (is_of_one, count) = (plan.set.is_some(), others.len());
    (any::<bool>(), vec(select(Standing::ALL.to_vec()), count)).prop_map(move |(ripe, standings)| {
        let heard = others.iter().cloned().zip(standings).collect();
        is_of_one.then_some(Membership { ripe, heard })
    })
}

/// A question to each callback of the plan.
fn inquiries(plan: &Plan) -> impl Strategy<Value = Vec<Inquiry>> + use<> {
    let mut asked = Vec::new();
    for (wave, planned) in plan.waves.iter().enumerate() {
        for callback in planned.callbacks.iter().map(|callback| callback.id.clone()) {
            let answer = (select(vec![Said::Pass, Said::Fail]), text(), moment());
            let answer = answer.prop_map(|(said, reason, at)| Answer { said, reason, at });
            let parts = (digest(), digest(), moment(), option::of(answer));
            asked.push(parts.prop_map(move |(plan, digest, since, answer)| {
                let callback = callback.clone();
                Inquiry { wave, callback, plan, digest, since, answer }
            }));
        }
    }
    asked
}

fn approval(waves: usize) -> impl Strategy<Value = Approval> {
    let parts = (0..waves, role(), text(), digest(), digest(), moment(), moment(), any::<bool>());
    parts.prop_map(|(wave, role, actor, plan, digest, at, until, used)| Approval {
        wave,
        role,
        actor,
        identity: Identity::Unverified,
        plan,
        digest,
        at,
        until,
        used,
    })
}

fn signed(item: ChecklistItem) -> impl Strategy<Value = Signed> {
    let parts = (text(), text(), digest(), digest(), moment(), moment(), any::<bool>());
    parts.prop_map(move |(actor, uri, evidence, digest, at, until, used)| Signed {
        item: item.id.clone(),
        actor,
        identity: Identity::Unverified,
        uri,
        evidence,
        digest,
        at,
        until,
        used,
    })
}

/// A lane's goal is never younger than the rollout's last decision.
fn up_to(epoch: Epoch, lane: LaneProgress) -> LaneProgress {
    LaneProgress { goal_epoch: lane.goal_epoch.min(epoch), ..lane }
}

fn progress(steps: Vec<StepRef>) -> impl Strategy<Value = LaneProgress> {
    let vote = (any::<Index>(), decided(), moment(), ballot());
    let load = (any::<Index>(), decided(), moment(), load_figures(), verdict());
    let astray = (epoch(), option::of("[a-z]{1,8}"), vec(load, 0..3));
    let parts = (0..7_u8, any::<Index>(), moment(), decided(), any::<bool>(), option::of(vote), astray);
    parts.prop_map(move |(kind, index, since, goal_epoch, moved, vote, (acked, adopted, loads))| {
        let step = *index.get(&steps);
        let at = match kind {
            0 => LaneAt::Waiting,
            1 => LaneAt::Preparing { wave: step.wave },
            2 => LaneAt::Shifting(step),
            3 => LaneAt::Baking(step),
            4 => LaneAt::Settled(step),
            5 => LaneAt::Reverting,
            _ => LaneAt::Reverted,
        };
        let vote = vote.map(|(index, epoch, at, ballot)| Vote { step: *index.get(&steps), epoch, at, ballot });
        let report = |(index, epoch, at, figures, verdict): (Index, _, _, _, _)| LoadReport {
            step: *index.get(&steps),
            epoch,
            at,
            figures,
            verdict,
        };
        let loads = loads.into_iter().map(report).collect();
        LaneProgress { at, since, goal_epoch, moved, vote, acked, adopted, loads }
    })
}

fn load_figures() -> impl Strategy<Value = LoadFigures> {
    any::<[u64; 10]>().prop_map(|[offered, sent, achieved, failed, not_sent, p50, p90, p99, p999, max]| LoadFigures {
        offered,
        sent,
        achieved,
        failed,
        not_sent,
        p50,
        p90,
        p99,
        p999,
        max,
    })
}

fn ballot() -> impl Strategy<Value = Ballot> {
    prop_oneof![
        verdict().prop_map(Ballot::Evidence),
        (text(), text()).prop_map(|(code, message)| Ballot::Driver { code, message }),
        limit().prop_map(|limit| Ballot::Deadline { limit }),
    ]
    .boxed()
}

fn limit() -> impl Strategy<Value = &'static str> {
    select(vec!["prepare", "shift", "revert", "total"])
}

/// A phase of a plan with this many waves.
pub fn phase(waves: usize) -> impl Strategy<Value = Phase> {
    let pace = prop_oneof![Just(Pace::Moving), moment().prop_map(Pace::Soaking)];
    let hold = (cause(), moment()).prop_map(|(cause, since)| Hold { cause, since });
    let run = (0..waves, pace, option::of(hold)).prop_map(|(wave, pace, hold)| Run { wave, pace, hold });
    let because = || (cause(), moment());
    prop_oneof![
        4 => run.prop_map(Phase::Running),
        1 => because().prop_map(|(cause, since)| Phase::RollingBack { cause, since }),
        1 => because().prop_map(|(cause, since)| Phase::Frozen { cause, since }),
        1 => moment().prop_map(|since| Phase::Switched { since }),
        1 => moment().prop_map(|since| Phase::Stable { since }),
        1 => because().prop_map(|(cause, since)| Phase::RolledBack { cause, since }),
        1 => because().prop_map(|(cause, since)| Phase::Aborted { cause, since }),
        1 => (rollout_id(), moment()).prop_map(|(by, since)| Phase::Superseded { by, since }),
        1 => because().prop_map(|(cause, since)| Phase::Failed { cause, since }),
    ]
    .boxed()
}

/// A cause, wrapped in another at most once.
pub fn cause() -> impl Strategy<Value = Cause> {
    prop_oneof![
        4 => plain_cause(),
        1 => plain_cause().prop_map(|cause| Cause::PointOfNoReturn { trigger: Box::new(cause) }),
    ]
    .boxed()
}

fn plain_cause() -> impl Strategy<Value = Cause> {
    let scope = prop_oneof![Just(Scope::Wave), Just(Scope::Fleet), region().prop_map(Scope::Region)];
    prop_oneof![
        (text(), text()).prop_map(|(actor, reason)| Cause::Operator { actor, reason }),
        (region(), verdict()).prop_map(|(region, verdict)| Cause::Votes { region, verdict }),
        (0..9_usize, 0..9_usize, any::<u32>(), verdict()).prop_map(|(wave, step, regions, verdict)| Cause::Pooled {
            step: StepRef { wave, step },
            regions,
            verdict,
        }),
        (region(), text(), text()).prop_map(|(region, code, message)| Cause::Driver { region, code, message }),
        (option::of(region()), limit()).prop_map(|(region, limit)| Cause::Deadline { region, limit }),
        (region(), verdict()).prop_map(|(region, verdict)| Cause::Inconclusive { region, verdict }),
        (region(), verdict()).prop_map(|(region, verdict)| Cause::DeadMan { region, verdict }),
        (region(), text()).prop_map(|(region, found)| Cause::Drift { region, found }),
        (wave_id(), callback_id(), text())
            .prop_map(|(wave, callback, reason)| Cause::Callback { wave, callback, reason }),
        scope.prop_map(|scope| Cause::PartBack { scope }),
        region().prop_map(|region| Cause::NoWayBack { region }),
    ]
    // Boxed here and elsewhere: a choice is as large as all its branches together, and a test's stack is small.
    .boxed()
}

/// A lane's durable state.
pub fn lane_state() -> impl Strategy<Value = LaneState> {
    let parts = (option::of(placed()), option::of(rollout_id()), any::<bool>(), epoch());
    parts.prop_map(|(stable, rollout, held, epoch)| LaneState {
        held: held && rollout.is_some(),
        stable,
        rollout,
        epoch,
    })
}

/// The lanes of a service.
pub fn lanes() -> impl Strategy<Value = BTreeMap<RegionId, LaneState>> {
    btree_map(region(), lane_state(), 0..6)
}
