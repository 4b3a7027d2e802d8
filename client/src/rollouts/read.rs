//! Rollouts and decisions from the wire. What a newer server says in words not known here is `Unknown`, never a guess.

use meridian_core::digest::Digest;
use meridian_core::id::{RegionId, RolloutId};
use meridian_core::playbook::ItemKind;
use meridian_core::rollout::state::Identity;
use meridian_core::slot::Slot;
use meridian_proto::convert::name;
use meridian_proto::convert::{At as _, Invalid, InvalidKind, supersede_from_wire};
use meridian_proto::r#gen::v1;

use super::view::{
    ApprovalView, DecisionView, EntryView, LanePosition, LaneView, ReasonView, RolloutState, RolloutView, SignOffView,
    WaveView,
};
use crate::name::{DecisionName, RolloutName};
use crate::regions::ContactView;
use crate::wire;

impl TryFrom<v1::Rollout> for RolloutView {
    type Error = Invalid;

    fn try_from(message: v1::Rollout) -> Result<Self, Invalid> {
        let v1::Rollout {
            name,
            release,
            plan,
            epoch,
            state,
            summary,
            cause,
            requester,
            create_time,
            since_time,
            wave,
            waves,
            lanes,
            waits,
            etag,
            revision,
            view_time,
            actions,
            known_time: _,
            approvals,
            checklist,
            superseded_by,
            supersedes,
            train,
            join_after,
            set,
        } = message;
        let (service, rollout) = name::parse_rollout(&name).at("name")?;
        Ok(Self {
            name: RolloutName { service, rollout },
            release: wire::required("release", release)?,
            plan: name::parse_plan(&plan).at("plan")?,
            epoch: wire::required("epoch", epoch)?,
            state: state_from_wire(state),
            summary,
            cause: wire::optional("cause", cause)?,
            requester,
            created: wire::moment("create_time", create_time)?,
            since: wire::moment("since_time", since_time)?,
            wave: wire::count("wave", wave)?,
            waves: wire::list("waves", waves, WaveView::try_from)?,
            lanes: wire::list("lanes", lanes, LaneView::try_from)?,
            waits: wire::list("waits", waits, ReasonView::try_from)?,
            etag,
            revision,
            viewed: wire::moment("view_time", view_time)?,
            actions,
            approvals: wire::list("approvals", approvals, ApprovalView::try_from)?,
            checklist: wire::list("checklist", checklist, EntryView::try_from)?,
            superseded_by: other("superseded_by", &superseded_by)?,
            supersedes: supersedes.map(supersede_from_wire).transpose().at("supersedes")?.map(|(_, of)| of),
            train: Some(train).filter(|train| !train.is_empty()),
            join_after: other("join_after", &join_after)?,
            set: (!set.is_empty()).then(|| name::parse_set(&set)).transpose().at("set")?,
        })
    }
}

/// Another rollout of the service, if one is named.
fn other(field: &str, text: &str) -> Result<Option<RolloutId>, Invalid> {
    let other = (!text.is_empty()).then(|| name::parse_rollout(text)).transpose().at(field)?;
    Ok(other.map(|(_, rollout)| rollout))
}

impl TryFrom<v1::Approval> for ApprovalView {
    type Error = Invalid;

    fn try_from(message: v1::Approval) -> Result<Self, Invalid> {
        let v1::Approval { wave, role, actor, identity, plan: _, digest: _, time, expire_time, used } = message;
        let identity = identity_word(identity);
        let (at, until) = (wire::moment("time", time)?, wire::moment("expire_time", expire_time)?);
        Ok(Self { wave, role, actor, identity, at, until, used })
    }
}

fn identity_word(identity: i32) -> &'static str {
    match v1::approval::Identity::try_from(identity) {
        Ok(v1::approval::Identity::Unverified) => Identity::Unverified.as_str(),
        Ok(v1::approval::Identity::Unspecified) | Err(_) => "unknown",
    }
}

impl TryFrom<v1::ChecklistEntry> for EntryView {
    type Error = Invalid;

    fn try_from(message: v1::ChecklistEntry) -> Result<Self, Invalid> {
        let v1::ChecklistEntry { item, sign_off } = message;
        let v1::ChecklistItem { name, kind, owner, valid_for: _ } = item.ok_or_else(|| Invalid::missing("item"))?;
        let kind = v1::ItemKind::try_from(kind).ok().and_then(|kind| ItemKind::try_from(kind).ok());
        let kind = kind.map_or("unknown", ItemKind::as_str);
        Ok(Self { name, kind, owner, signed: sign_off.map(SignOffView::try_from).transpose().at("sign_off")? })
    }
}

impl TryFrom<v1::SignOff> for SignOffView {
    type Error = Invalid;

    fn try_from(message: v1::SignOff) -> Result<Self, Invalid> {
        let v1::SignOff { actor, identity, evidence_uri, evidence_digest, digest: _, time, expire_time, used } =
            message;
        let evidence = Digest::parse(&evidence_digest);
        let evidence = evidence.map_err(|why| Invalid::of(&evidence_digest, InvalidKind::BadDigest(why)));
        Ok(Self {
            actor,
            identity: identity_word(identity),
            uri: evidence_uri,
            evidence: evidence.at("evidence_digest")?,
            at: wire::moment("time", time)?,
            until: wire::moment("expire_time", expire_time)?,
            used,
        })
    }
}

impl TryFrom<v1::RolloutWave> for WaveView {
    type Error = Invalid;

    fn try_from(message: v1::RolloutWave) -> Result<Self, Invalid> {
        let v1::RolloutWave { name, stage, regions, steps } = message;
        let stage = v1::StageKind::try_from(stage).ok().and_then(|stage| stage.try_into().ok());
        let regions = wire::list("regions", regions, region)?;
        Ok(Self { name, stage, regions, steps: wire::count("steps", steps)? })
    }
}

impl TryFrom<v1::RolloutLane> for LaneView {
    type Error = Invalid;

    fn try_from(message: v1::RolloutLane) -> Result<Self, Invalid> {
        let v1::RolloutLane {
            region: region_name,
            state,
            at,
            steps,
            since_time,
            slot,
            base,
            ordered_split,
            observed_split,
            epoch,
            confirmed,
            contact,
            last_seen_time,
            verdict,
            vote,
            trouble,
        } = message;
        Ok(Self {
            region: region(region_name).at("region")?,
            position: position_from_wire(state),
            at: wire::optional("at", at)?,
            steps: wire::count("steps", steps)?,
            since: wire::moment_or_none("since_time", since_time)?,
            slot: slot_from_wire(slot),
            base: wire::optional("base", base)?,
            ordered: wire::optional("ordered_split", ordered_split)?,
            observed: wire::optional("observed_split", observed_split)?,
            epoch: wire::optional("epoch", epoch)?.unwrap_or_default(),
            confirmed,
            contact: ContactView::from_wire(contact),
            last_seen: wire::moment_or_none("last_seen_time", last_seen_time)?,
            verdict: wire::optional("verdict", verdict)?,
            vote: wire::optional("vote", vote)?,
            trouble: wire::optional("trouble", trouble)?,
        })
    }
}

impl TryFrom<v1::Reason> for ReasonView {
    type Error = Invalid;

    fn try_from(message: v1::Reason) -> Result<Self, Invalid> {
        let v1::Reason { code, message, region: region_name, until } = message;
        let region = if region_name.is_empty() { None } else { Some(region(region_name).at("region")?) };
        Ok(Self { code, message, region, until: wire::moment_or_none("until", until)? })
    }
}

impl TryFrom<v1::Decision> for DecisionView {
    type Error = Invalid;

    fn try_from(message: v1::Decision) -> Result<Self, Invalid> {
        let v1::Decision { name, rollout, epoch: _, time, kind, actor, message, digest, previous_digest } = message;
        let (service, epoch) = name::parse_decision(&name).at("name")?;
        Ok(Self {
            name: DecisionName { service, epoch },
            rollout,
            time: wire::moment("time", time)?,
            kind,
            actor,
            message,
            digest,
            previous: previous_digest,
        })
    }
}

/// A region by its resource name, or by its bare one.
fn region(text: String) -> Result<RegionId, Invalid> {
    if text.contains('/') {
        return name::parse_region(&text);
    }
    RegionId::new(text.clone()).map_err(|why| Invalid::of(&text, InvalidKind::BadName(why)))
}

fn slot_from_wire(number: i32) -> Option<Slot> {
    match v1::Slot::try_from(number) {
        Ok(v1::Slot::Blue) => Some(Slot::Blue),
        Ok(v1::Slot::Green) => Some(Slot::Green),
        Ok(v1::Slot::Unspecified) | Err(_) => None,
    }
}

fn state_from_wire(number: i32) -> RolloutState {
    use v1::rollout::State;
    match State::try_from(number) {
        Ok(State::Running) => RolloutState::Running,
        Ok(State::Soaking) => RolloutState::Soaking,
        Ok(State::Held) => RolloutState::Held,
        Ok(State::RollingBack) => RolloutState::RollingBack,
        Ok(State::Frozen) => RolloutState::Frozen,
        Ok(State::Switched) => RolloutState::Switched,
        Ok(State::Stable) => RolloutState::Stable,
        Ok(State::RolledBack) => RolloutState::RolledBack,
        Ok(State::Aborted) => RolloutState::Aborted,
        Ok(State::Superseded) => RolloutState::Superseded,
        Ok(State::Failed) => RolloutState::Failed,
        Ok(State::Unspecified) | Err(_) => RolloutState::Unknown,
    }
}

fn position_from_wire(number: i32) -> LanePosition {
    use v1::rollout_lane::State;
    match State::try_from(number) {
        Ok(State::Waiting) => LanePosition::Waiting,
        Ok(State::Preparing) => LanePosition::Preparing,
        Ok(State::Shifting) => LanePosition::Shifting,
        Ok(State::Baking) => LanePosition::Baking,
        Ok(State::Settled) => LanePosition::Settled,
        Ok(State::Reverting) => LanePosition::Reverting,
        Ok(State::Reverted) => LanePosition::Reverted,
        Ok(State::Unspecified) | Err(_) => LanePosition::Unknown,
    }
}
