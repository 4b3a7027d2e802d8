//! Views to the wire: the way that only a server in memory needs.

use meridian_core::playbook::ItemKind;
use meridian_core::time::Timestamp;
use meridian_proto::convert::{name, span_to_wire, supersede_to_wire, timestamp_to_wire};
use meridian_proto::r#gen::v1;

use crate::plans::{DepartureView, PlanView, WaveForecastView};
use crate::regions::ContactView;
use crate::rollouts::{
    ApprovalView, DecisionView, EntryView, LanePosition, LaneView, ReasonView, RolloutState, RolloutView, SignOffView,
    WaveView,
};

pub(super) fn plan(view: &PlanView) -> v1::CreatePlanResponse {
    let forecast = |wave: &WaveForecastView| v1::WaveForecast {
        wave: wave.wave.clone(),
        begins: Some(span_to_wire(wave.begins)),
        settles: Some(span_to_wire(wave.settles)),
        exposed_regions: count(wave.exposed),
    };
    v1::CreatePlanResponse {
        plan: Some((&view.plan).into()),
        forecast: view.forecast.iter().map(forecast).collect(),
        warnings: view.warnings.clone(),
        departure: view.departure.as_ref().map(departure),
    }
}

fn departure(view: &DepartureView) -> v1::Departure {
    let DepartureView { train, increment, departs, closes, begins } = view;
    v1::Departure {
        train: train.clone(),
        increment: increment.clone().unwrap_or_default(),
        depart_time: Some(timestamp_to_wire(*departs)),
        close_time: Some(timestamp_to_wire(*closes)),
        begin_time: Some(timestamp_to_wire(*begins)),
    }
}

pub(super) fn rollout(view: &RolloutView) -> v1::Rollout {
    let service = &view.name.service;
    v1::Rollout {
        name: view.name.to_string(),
        release: Some((&view.release).into()),
        plan: format!("plans/{}", view.plan.hex()),
        epoch: Some(view.epoch.into()),
        state: state(view.state).into(),
        summary: view.summary.clone(),
        cause: view.cause.as_ref().map(reason),
        requester: view.requester.clone(),
        create_time: moment(Some(view.created)),
        since_time: moment(Some(view.since)),
        wave: count(view.wave),
        waves: view.waves.iter().map(wave).collect(),
        lanes: view.lanes.iter().map(lane).collect(),
        waits: view.waits.iter().map(reason).collect(),
        etag: view.etag.clone(),
        revision: view.revision,
        view_time: moment(Some(view.viewed)),
        known_time: moment(Some(view.viewed)),
        actions: view.actions.clone(),
        approvals: view.approvals.iter().map(approval).collect(),
        checklist: view.checklist.iter().map(entry).collect(),
        superseded_by: view.superseded_by.as_ref().map(|by| name::rollout(service, by)).unwrap_or_default(),
        supersedes: view.supersedes.as_ref().map(|of| supersede_to_wire(service, of)),
        train: view.train.clone().unwrap_or_default(),
        set: view.set.as_ref().map(name::set).unwrap_or_default(),
        join_after: view.join_after.as_ref().map(|after| name::rollout(service, after)).unwrap_or_default(),
    }
}

pub(super) fn decision(view: &DecisionView) -> v1::Decision {
    v1::Decision {
        name: view.name.to_string(),
        rollout: view.rollout.clone(),
        epoch: Some(view.name.epoch.into()),
        time: moment(Some(view.time)),
        kind: view.kind.clone(),
        actor: view.actor.clone(),
        message: view.message.clone(),
        digest: view.digest.clone(),
        previous_digest: view.previous.clone(),
    }
}

fn wave(view: &WaveView) -> v1::RolloutWave {
    v1::RolloutWave {
        name: view.name.clone(),
        stage: view.stage.map_or(0, |stage| v1::StageKind::from(stage).into()),
        regions: view.regions.iter().map(ToString::to_string).collect(),
        steps: count(view.steps),
    }
}

fn lane(view: &LaneView) -> v1::RolloutLane {
    v1::RolloutLane {
        region: view.region.to_string(),
        state: position(view.position).into(),
        at: view.at.map(Into::into),
        steps: count(view.steps),
        since_time: moment(view.since),
        slot: view.slot.map_or(0, |slot| v1::Slot::from(slot).into()),
        base: view.base.as_ref().map(Into::into),
        ordered_split: view.ordered.map(Into::into),
        observed_split: view.observed.map(Into::into),
        epoch: Some(view.epoch.into()),
        confirmed: view.confirmed,
        contact: contact(view.contact).into(),
        last_seen_time: moment(view.last_seen),
        verdict: view.verdict.as_ref().map(Into::into),
        vote: view.vote.as_ref().map(Into::into),
        trouble: view.trouble.as_ref().map(reason),
    }
}

fn reason(view: &ReasonView) -> v1::Reason {
    v1::Reason {
        code: view.code.clone(),
        message: view.message.clone(),
        region: view.region.as_ref().map(ToString::to_string).unwrap_or_default(),
        until: moment(view.until),
    }
}

fn moment(at: Option<Timestamp>) -> Option<prost_types::Timestamp> {
    at.map(timestamp_to_wire)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

const fn contact(view: ContactView) -> v1::Contact {
    match view {
        ContactView::Live => v1::Contact::Live,
        ContactView::Lost => v1::Contact::Lost,
        ContactView::Never => v1::Contact::Never,
        ContactView::Quarantined => v1::Contact::Quarantined,
        ContactView::Unknown => v1::Contact::Unspecified,
    }
}

const fn state(view: RolloutState) -> v1::rollout::State {
    use v1::rollout::State;
    match view {
        RolloutState::Running => State::Running,
        RolloutState::Soaking => State::Soaking,
        RolloutState::Held => State::Held,
        RolloutState::RollingBack => State::RollingBack,
        RolloutState::Frozen => State::Frozen,
        RolloutState::Switched => State::Switched,
        RolloutState::Stable => State::Stable,
        RolloutState::RolledBack => State::RolledBack,
        RolloutState::Aborted => State::Aborted,
        RolloutState::Superseded => State::Superseded,
        RolloutState::Failed => State::Failed,
        RolloutState::Unknown => State::Unspecified,
    }
}

const fn position(view: LanePosition) -> v1::rollout_lane::State {
    use v1::rollout_lane::State;
    match view {
        LanePosition::Waiting => State::Waiting,
        LanePosition::Preparing => State::Preparing,
        LanePosition::Shifting => State::Shifting,
        LanePosition::Baking => State::Baking,
        LanePosition::Settled => State::Settled,
        LanePosition::Reverting => State::Reverting,
        LanePosition::Reverted => State::Reverted,
        LanePosition::Unknown => State::Unspecified,
    }
}

fn entry(view: &EntryView) -> v1::ChecklistEntry {
    let EntryView { name, kind, owner, signed } = view;
    let kind = ItemKind::ALL.into_iter().find(|known| known.as_str() == *kind).map(v1::ItemKind::from);
    let item = v1::ChecklistItem {
        name: name.clone(),
        kind: kind.unwrap_or_default().into(),
        owner: owner.clone(),
        valid_for: None,
    };
    let sign_off = |SignOffView { actor, identity: _, uri, evidence, at, until, used }: &SignOffView| v1::SignOff {
        actor: actor.clone(),
        identity: v1::approval::Identity::Unverified.into(),
        evidence_uri: uri.clone(),
        evidence_digest: evidence.to_string(),
        digest: String::new(),
        time: Some(timestamp_to_wire(*at)),
        expire_time: Some(timestamp_to_wire(*until)),
        used: *used,
    };
    v1::ChecklistEntry { item: Some(item), sign_off: signed.as_ref().map(sign_off) }
}

fn approval(view: &ApprovalView) -> v1::Approval {
    let ApprovalView { wave, role, actor, identity: _, at, until, used } = view;
    v1::Approval {
        wave: wave.clone(),
        role: role.clone(),
        actor: actor.clone(),
        identity: v1::approval::Identity::Unverified.into(),
        time: Some(timestamp_to_wire(*at)),
        expire_time: Some(timestamp_to_wire(*until)),
        used: *used,
        ..v1::Approval::default()
    }
}
