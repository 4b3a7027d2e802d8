//! Rollouts as they are shown: the record, what is seen of its lanes, and what follows from both. What can't be seen now
//! is left out, never filled in from before.

use meridian_core::evidence::judge;
use meridian_core::id::{RegionId, ServiceId};
use meridian_core::observation::{Contact, Observed, Seen};
use meridian_core::rollout::goals::{asked_by, goal, lane_order};
use meridian_core::rollout::operator;
use meridian_core::rollout::reason::Wait;
use meridian_core::rollout::state::{Ballot, Cause, LaneAt, LaneProgress, Pace, Phase, Rollout, Run, Vote};
use meridian_core::rollout::summary::summary;
use meridian_core::rollout::veto::Veto;
use meridian_core::time::Timestamp;
use meridian_proto::convert::{approval_to_wire, checklist_to_wire, name, supersede_to_wire, timestamp_to_wire};
use meridian_proto::r#gen::v1;

use super::field::etag_to_wire;
use crate::engine::Status;

/// A rollout as it is seen from here.
#[must_use]
pub fn rollout(status: &Status) -> v1::Rollout {
    let Status { record, revision, sight, waits, now, known } = status;
    let (state, since, cause) = phase(record);
    let plan = &record.plan;
    let waves = plan.waves.iter().map(|wave| v1::RolloutWave {
        name: wave.id.to_string(),
        stage: v1::StageKind::from(wave.stage).into(),
        regions: wave.regions.iter().map(ToString::to_string).collect(),
        steps: count(wave.steps.len()),
    });
    let lanes = record.lanes.iter().map(|(region, lane)| self::lane(record, region, lane, sight.get(region)));
    v1::Rollout {
        name: name::rollout(&plan.service, &record.id),
        release: Some((&plan.release).into()),
        plan: name::plan(&plan.hash()),
        epoch: Some(record.epoch.into()),
        state: state.into(),
        summary: summary(record, sight),
        cause: cause.map(self::cause),
        requester: record.requester.clone(),
        create_time: Some(timestamp_to_wire(record.opened)),
        since_time: Some(timestamp_to_wire(since)),
        wave: count(current_wave(record)),
        waves: waves.collect(),
        lanes: lanes.collect(),
        waits: waits.iter().map(wait).collect(),
        etag: etag_to_wire(*revision),
        revision: revision.get(),
        view_time: Some(timestamp_to_wire(*now)),
        known_time: Some(timestamp_to_wire(*known)),
        actions: operator::allowed(record).iter().map(|order| (*order).to_owned()).collect(),
        checklist: checklist_to_wire(record),
        superseded_by: superseded_by(record),
        supersedes: plan.supersedes.as_ref().map(|of| supersede_to_wire(&plan.service, of)),
        train: record.train.clone().unwrap_or_default(),
        join_after: plan.join.as_ref().map(|join| name::rollout(&plan.service, &join.after)).unwrap_or_default(),
        set: plan.set.as_ref().map(|set| name::set(&set.id)).unwrap_or_default(),
        approvals: record.approvals.iter().map(|approval| approval_to_wire(record, approval)).collect(),
    }
}

/// Who has taken its lanes over, if somebody has.
fn superseded_by(record: &Rollout) -> String {
    let Phase::Superseded { by, since: _ } = &record.phase else { return String::new() };
    name::rollout(&record.plan.service, by)
}

/// Why something of a service must not start.
#[must_use]
pub fn veto(service: &ServiceId, veto: &Veto) -> v1::Veto {
    let Veto { rollout, actor, reason, at } = veto;
    v1::Veto {
        rollout: rollout.as_ref().map(|rollout| name::rollout(service, rollout)).unwrap_or_default(),
        actor: actor.clone(),
        reason: reason.clone(),
        time: Some(timestamp_to_wire(*at)),
    }
}

fn phase(record: &Rollout) -> (v1::rollout::State, Timestamp, Option<&Cause>) {
    use v1::rollout::State;
    match &record.phase {
        Phase::Running(Run { hold: Some(hold), .. }) => (State::Held, hold.since, Some(&hold.cause)),
        Phase::Running(Run { pace: Pace::Soaking(since), .. }) => (State::Soaking, *since, None),
        Phase::Running(Run { pace: Pace::Moving, .. }) => (State::Running, record.opened, None),
        Phase::RollingBack { cause, since } => (State::RollingBack, *since, Some(cause)),
        Phase::Frozen { cause, since } => (State::Frozen, *since, Some(cause)),
        Phase::Switched { since } => (State::Switched, *since, None),
        Phase::Stable { since } => (State::Stable, *since, None),
        Phase::RolledBack { cause, since } => (State::RolledBack, *since, Some(cause)),
        Phase::Aborted { cause, since } => (State::Aborted, *since, Some(cause)),
        Phase::Superseded { by: _, since } => (State::Superseded, *since, None),
        Phase::Failed { cause, since } => (State::Failed, *since, Some(cause)),
    }
}

/// The wave it is in; where that is over, the furthest that a region has come.
fn current_wave(record: &Rollout) -> usize {
    if let Phase::Running(run) = &record.phase {
        return run.wave;
    }
    record.lanes.values().filter_map(|lane| wave_of(lane.at)).max().unwrap_or(0)
}

fn wave_of(at: LaneAt) -> Option<usize> {
    match at {
        LaneAt::Preparing { wave } => Some(wave),
        LaneAt::Shifting(step) | LaneAt::Baking(step) | LaneAt::Settled(step) => Some(step.wave),
        LaneAt::Waiting | LaneAt::Reverting | LaneAt::Reverted => None,
    }
}

fn lane(record: &Rollout, region: &RegionId, lane: &LaneProgress, seen: Option<&Seen>) -> v1::RolloutLane {
    let planned = record.plan.lanes.get(region);
    let ordered = goal(record, region);
    let contact = seen.map_or(Contact::Never, |seen| seen.contact);
    // An old report proves nothing about now.
    let observed = seen.and_then(|seen| seen.observed.as_ref()).filter(|_| matches!(contact, Contact::Live(_)));
    let first_wave = || record.plan.waves.iter().position(|wave| wave.regions.contains(region));
    let wave = wave_of(lane.at).or_else(first_wave).and_then(|wave| record.plan.waves.get(wave));
    let at = lane.at.step().or_else(|| wave_of(lane.at).map(|wave| meridian_core::evidence::StepRef { wave, step: 0 }));
    let confirmed = ordered.as_ref().is_some_and(|goal| {
        let done = observed.and_then(|observed| observed.done);
        done.is_some_and(|done| done.epoch == lane.goal_epoch && done.hash == goal.hash())
    });
    let (contact, last_seen) = self::contact(contact);
    v1::RolloutLane {
        region: region.to_string(),
        state: lane_state(lane.at).into(),
        at: at.map(Into::into),
        steps: count(wave.map_or(0, |wave| wave.steps.len())),
        since_time: Some(timestamp_to_wire(lane.since)),
        slot: planned.map_or(v1::Slot::Unspecified, |planned| planned.slot.into()).into(),
        base: planned.and_then(|planned| planned.base.as_ref()).map(Into::into),
        ordered_split: ordered.and_then(|goal| goal.split).map(Into::into),
        observed_split: observed.and_then(|seen| seen.traffic.as_ref()).map(|traffic| traffic.split.into()),
        epoch: Some(lane.goal_epoch.into()),
        confirmed,
        contact: contact.into(),
        last_seen_time: last_seen.map(timestamp_to_wire),
        verdict: observed.and_then(|observed| verdict(record, lane, observed)),
        vote: lane.vote.as_ref().map(vote),
        trouble: observed.and_then(|observed| trouble(region, lane, observed)),
    }
}

fn lane_state(at: LaneAt) -> v1::rollout_lane::State {
    use v1::rollout_lane::State;
    match at {
        LaneAt::Waiting => State::Waiting,
        LaneAt::Preparing { .. } => State::Preparing,
        LaneAt::Shifting(_) => State::Shifting,
        LaneAt::Baking(_) => State::Baking,
        LaneAt::Settled(_) => State::Settled,
        LaneAt::Reverting => State::Reverting,
        LaneAt::Reverted => State::Reverted,
    }
}

/// Whether an agent can be reached, and when it was last heard if it can't.
#[must_use]
pub fn contact(contact: Contact) -> (v1::Contact, Option<Timestamp>) {
    match contact {
        Contact::Live(_) => (v1::Contact::Live, None),
        Contact::Lost(since) => (v1::Contact::Lost, Some(since)),
        Contact::Never => (v1::Contact::Never, None),
        Contact::Quarantined(_) => (v1::Contact::Quarantined, None),
    }
}

/// Judged here and now, on evidence that is this lane's own.
fn verdict(record: &Rollout, lane: &LaneProgress, observed: &Observed) -> Option<v1::Verdict> {
    let (evidence, step) = (observed.evidence.as_ref()?, lane.at.step()?);
    let pin = &evidence.pin;
    let own = pin.rollout == record.id
        && pin.step == step
        && pin.digest == record.plan.release.digest
        && pin.epoch == lane.goal_epoch;
    let asked = asked_by(&record.plan, lane_order(&record.plan, &record.phase, lane.at));
    own.then(|| (&judge(&asked, evidence)).into())
}

/// A vote is a fail verdict; one that rests on no evidence says in place of the check what it rests on.
fn vote(vote: &Vote) -> v1::Verdict {
    let other = |check: String| v1::Verdict {
        outcome: v1::verdict::Outcome::Fail.into(),
        check,
        measured: 0,
        limit: 0,
        samples: 0,
    };
    match &vote.ballot {
        Ballot::Evidence(verdict) => verdict.into(),
        Ballot::Driver { code, message: _ } => other(format!("driver {code}")),
        Ballot::Deadline { limit } => other(format!("limit {limit}")),
    }
}

fn trouble(region: &RegionId, lane: &LaneProgress, observed: &Observed) -> Option<v1::Reason> {
    let trouble = observed.trouble.as_ref().filter(|trouble| trouble.epoch == lane.goal_epoch)?;
    Some(v1::Reason {
        code: trouble.code.clone(),
        message: trouble.message.clone(),
        region: region.to_string(),
        until: None,
    })
}

fn wait(wait: &Wait) -> v1::Reason {
    v1::Reason {
        code: wait.code().to_owned(),
        message: wait.to_string(),
        region: wait.region().map(ToString::to_string).unwrap_or_default(),
        until: wait.until().map(timestamp_to_wire),
    }
}

fn cause(cause: &Cause) -> v1::Reason {
    let region = match cause {
        Cause::Votes { region, .. }
        | Cause::Driver { region, .. }
        | Cause::Inconclusive { region, .. }
        | Cause::DeadMan { region, .. }
        | Cause::Drift { region, .. }
        | Cause::Deadline { region: Some(region), .. }
        | Cause::NoWayBack { region } => region.to_string(),
        Cause::Operator { .. }
        | Cause::Pooled { .. }
        | Cause::Deadline { region: None, .. }
        | Cause::Callback { .. }
        | Cause::Member { .. }
        | Cause::MemberFailed { .. }
        | Cause::PartBack { .. }
        | Cause::PointOfNoReturn { .. } => String::new(),
    };
    v1::Reason { code: cause.code().to_owned(), message: cause.to_string(), region, until: None }
}

/// Positions and counts of a plan are far below the bound.
fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
