//! Playbooks, as an operator writes them. Only the spelling is checked here; the rules are `core::playbook::validate`.

use meridian_core::id::{PlaybookId, RegionId, WaveId};
use meridian_core::plan::compile::REGIONS_MAX;
use meridian_core::playbook::validate::{STEPS_MAX, WAVES_MAX};
use meridian_core::playbook::{
    BackPace, Electorate, Joiners, Limits, Playbook, Pooling, RegionSelector, RollbackPolicy, Spread, SpreadOrder,
    Stage, StageKind, Step, VotePolicy, Wave,
};

use super::calendar::timetable_to_wire;
use super::concurrency::{concurrency_from_wire, concurrency_unless_default};
use super::field::{labels, list, list_with, named, optional, present, required, weight, word};
use super::gate::RULES_MAX;
use super::invalid::{At, Invalid, InvalidKind};
use super::name;
use super::safety::{safety_or_default, safety_unless_default};
use super::time::{span, span_to_wire};
use super::types::weight_to_wire;
use super::watch::policy_to_wire;
use crate::r#gen::v1;
use crate::r#gen::v1::region_selector::{self as wire_selector, Selector};
use crate::r#gen::v1::rollback_policy::{self as wire_rollback, Votes};

impl TryFrom<v1::Playbook> for Playbook {
    type Error = Invalid;

    /// What only the server writes (revision, etag, time) is left aside.
    fn try_from(wire: v1::Playbook) -> Result<Self, Invalid> {
        let v1::Playbook {
            name: resource,
            revision: _,
            stages,
            evidence,
            rollback,
            limits,
            etag: _,
            update_time: _,
            safety,
            timetable,
            watch,
            checklist,
            hotfix,
            joiners,
            concurrency,
        } = wire;
        Ok(Self {
            id: name::parse_playbook(&resource).at("name")?,
            stages: list("stages", stages, WAVES_MAX)?,
            evidence: required("evidence", evidence)?,
            rollback: required("rollback", rollback)?,
            limits: required("limits", limits)?,
            safety: safety_or_default("safety", safety)?,
            timetable: optional("timetable", timetable)?.unwrap_or_default(),
            watch: optional("watch", watch)?.unwrap_or_default(),
            checklist: list("checklist", checklist, RULES_MAX)?,
            hotfix: optional("hotfix", hotfix)?,
            joiners: joiners_from_wire(joiners).at("joiners")?,
            concurrency: concurrency_from_wire("concurrency", concurrency)?.unwrap_or_default(),
        })
    }
}

impl From<&Playbook> for v1::Playbook {
    /// What only the server knows (revision, etag, time) stays unset.
    fn from(playbook: &Playbook) -> Self {
        let Playbook {
            id,
            stages,
            evidence,
            rollback,
            limits,
            safety,
            timetable,
            watch,
            checklist,
            hotfix,
            concurrency,
            joiners,
        } = playbook;
        Self {
            name: name::playbook(id),
            revision: 0,
            stages: stages.iter().map(Into::into).collect(),
            evidence: Some(evidence.into()),
            rollback: Some(rollback.into()),
            limits: Some(limits.into()),
            etag: String::new(),
            update_time: None,
            safety: safety_unless_default(safety),
            timetable: timetable_to_wire(timetable),
            watch: policy_to_wire(watch),
            checklist: checklist.iter().map(Into::into).collect(),
            hotfix: hotfix.as_ref().map(Into::into),
            joiners: joiners_to_wire(*joiners).into(),
            concurrency: concurrency_unless_default(*concurrency),
        }
    }
}

/// Clients that know no joiners let them follow.
fn joiners_from_wire(number: i32) -> Result<Joiners, Invalid> {
    match v1::Joiners::try_from(number) {
        Ok(v1::Joiners::Unspecified | v1::Joiners::Follow) => Ok(Joiners::Follow),
        Ok(v1::Joiners::Wait) => Ok(Joiners::Wait),
        Err(_) => Err(Invalid::of(number, InvalidKind::UnknownWord("follow, wait"))),
    }
}

/// The default is left out, so that playbooks without it stay the bytes that they were.
const fn joiners_to_wire(joiners: Joiners) -> v1::Joiners {
    match joiners {
        Joiners::Follow => v1::Joiners::Unspecified,
        Joiners::Wait => v1::Joiners::Wait,
    }
}

/// `playbooks/{playbook}` or `playbooks/{playbook}/revisions/{n}`: which playbook, and which revision if one is named.
///
/// # Errors
/// Another form.
pub fn parse_playbook_or_revision(text: &str) -> Result<(PlaybookId, Option<u64>), Invalid> {
    match name::parse_revision(text) {
        Ok((id, revision)) => Ok((id, Some(revision))),
        Err(_) => Ok((name::parse_playbook(text)?, None)),
    }
}

impl TryFrom<v1::StageKind> for StageKind {
    type Error = Invalid;

    fn try_from(wire: v1::StageKind) -> Result<Self, Invalid> {
        match wire {
            v1::StageKind::Unspecified => Err(Invalid::of("", InvalidKind::Missing)),
            v1::StageKind::Staging => Ok(Self::Staging),
            v1::StageKind::Pilot => Ok(Self::Pilot),
            v1::StageKind::Production => Ok(Self::Production),
        }
    }
}

impl From<StageKind> for v1::StageKind {
    fn from(kind: StageKind) -> Self {
        match kind {
            StageKind::Staging => Self::Staging,
            StageKind::Pilot => Self::Pilot,
            StageKind::Production => Self::Production,
        }
    }
}

impl TryFrom<v1::Stage> for Stage {
    type Error = Invalid;

    fn try_from(wire: v1::Stage) -> Result<Self, Invalid> {
        let v1::Stage { kind, waves, staging } = wire;
        Ok(Self {
            kind: word::<v1::StageKind, _>("kind", kind)?,
            staging: optional("staging", staging)?,
            waves: list("waves", waves, WAVES_MAX)?,
        })
    }
}

impl From<&Stage> for v1::Stage {
    fn from(stage: &Stage) -> Self {
        let Stage { kind, staging, waves } = stage;
        Self {
            kind: v1::StageKind::from(*kind).into(),
            waves: waves.iter().map(Into::into).collect(),
            staging: staging.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<v1::RegionSelector> for RegionSelector {
    type Error = Invalid;

    fn try_from(wire: v1::RegionSelector) -> Result<Self, Invalid> {
        let v1::RegionSelector { selector } = wire;
        match present("selector", selector)? {
            Selector::Names(wire_selector::Names { regions }) => {
                regions_from_wire(regions).at("names").map(Self::Names)
            }
            Selector::Labels(wire_selector::Labels { labels: wanted }) => {
                labels("labels", wanted).at("labels").map(Self::Labels)
            }
            Selector::Rest(wire_selector::Rest {}) => Ok(Self::Rest),
        }
    }
}

impl From<&RegionSelector> for v1::RegionSelector {
    fn from(selector: &RegionSelector) -> Self {
        let selector = match selector {
            RegionSelector::Names(regions) => {
                Selector::Names(wire_selector::Names { regions: regions.iter().map(ToString::to_string).collect() })
            }
            RegionSelector::Labels(labels) => Selector::Labels(wire_selector::Labels { labels: labels.clone() }),
            RegionSelector::Rest => Selector::Rest(wire_selector::Rest {}),
        };
        Self { selector: Some(selector) }
    }
}

/// Names of regions in their order, in a field called `regions`.
pub(crate) fn regions_from_wire(wire: Vec<String>) -> Result<Vec<RegionId>, Invalid> {
    list_with("regions", wire, REGIONS_MAX, |region| named("", region, RegionId::new))
}

impl TryFrom<v1::Wave> for Wave {
    type Error = Invalid;

    fn try_from(wire: v1::Wave) -> Result<Self, Invalid> {
        let v1::Wave { name, regions, max_parallel, max_skew, steps, soak, approvals, spread, gates } = wire;
        Ok(Self {
            id: named("name", name, WaveId::new)?,
            regions: required("regions", regions)?,
            max_parallel,
            max_skew,
            steps: list("steps", steps, STEPS_MAX)?,
            soak: span("soak", soak)?,
            approvals: list("approvals", approvals, RULES_MAX)?,
            callbacks: list("gates", gates, RULES_MAX)?,
            spread: optional("spread", spread)?,
        })
    }
}

impl From<&Wave> for v1::Wave {
    fn from(wave: &Wave) -> Self {
        let Wave { id, regions, max_parallel, max_skew, steps, soak, approvals, spread, callbacks } = wave;
        Self {
            name: id.to_string(),
            regions: Some(regions.into()),
            max_parallel: *max_parallel,
            max_skew: *max_skew,
            steps: steps.iter().map(Into::into).collect(),
            soak: Some(span_to_wire(*soak)),
            approvals: approvals.iter().map(Into::into).collect(),
            gates: callbacks.iter().map(Into::into).collect(),
            spread: spread.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<v1::spread::Order> for SpreadOrder {
    type Error = Invalid;

    fn try_from(wire: v1::spread::Order) -> Result<Self, Invalid> {
        match wire {
            v1::spread::Order::Unspecified => Err(Invalid::of("", InvalidKind::Missing)),
            v1::spread::Order::Selected => Ok(Self::Selected),
            v1::spread::Order::LowTraffic => Ok(Self::LowTraffic),
        }
    }
}

impl From<SpreadOrder> for v1::spread::Order {
    fn from(order: SpreadOrder) -> Self {
        match order {
            SpreadOrder::Selected => Self::Selected,
            SpreadOrder::LowTraffic => Self::LowTraffic,
        }
    }
}

impl TryFrom<v1::Spread> for Spread {
    type Error = Invalid;

    fn try_from(wire: v1::Spread) -> Result<Self, Invalid> {
        let v1::Spread { first, factor, order } = wire;
        Ok(Self { first, factor, order: word::<v1::spread::Order, _>("order", order)? })
    }
}

impl From<&Spread> for v1::Spread {
    fn from(spread: &Spread) -> Self {
        let Spread { first, factor, order } = *spread;
        Self { first, factor, order: v1::spread::Order::from(order).into() }
    }
}

impl TryFrom<v1::Step> for Step {
    type Error = Invalid;

    fn try_from(wire: v1::Step) -> Result<Self, Invalid> {
        let v1::Step { weight_basis_points, cohort, bake, bake_requests } = wire;
        Ok(Self {
            weight: weight("weight_basis_points", weight_basis_points)?,
            cohort: optional("cohort", cohort)?,
            bake: span("bake", bake)?,
            requests: bake_requests,
        })
    }
}

impl From<&Step> for v1::Step {
    fn from(step: &Step) -> Self {
        let Step { weight, cohort, bake, requests } = step;
        Self {
            weight_basis_points: weight_to_wire(*weight),
            cohort: cohort.as_ref().map(Into::into),
            bake: Some(span_to_wire(*bake)),
            bake_requests: *requests,
        }
    }
}

impl TryFrom<v1::RollbackPolicy> for RollbackPolicy {
    type Error = Invalid;

    fn try_from(wire: v1::RollbackPolicy) -> Result<Self, Invalid> {
        let v1::RollbackPolicy { votes, fleet, retention, over, pooled, pace } = wire;
        let votes = match present("votes", votes)? {
            Votes::Any(wire_rollback::AnyVote {}) => VotePolicy::Any,
            Votes::Count(count) => VotePolicy::Count(count),
            Votes::PercentBasisPoints(share) => VotePolicy::Percent(weight("percent_basis_points", share)?),
            Votes::TrafficBasisPoints(share) => VotePolicy::Traffic(weight("traffic_basis_points", share)?),
        };
        let over = electorate(over, fleet).at("over")?;
        let pooled = pooled.map(|v1::Pooling { sample_min }| Pooling { sample_min });
        let pace = pace.map(|v1::BackPace { max_parallel }| BackPace { max_parallel });
        Ok(Self { votes, over, pooled, fleet, retention: span("retention", retention)?, pace })
    }
}

/// Clients that know no electorate mean the regions that would go back.
fn electorate(number: i32, fleet: bool) -> Result<Electorate, Invalid> {
    match v1::Electorate::try_from(number) {
        Ok(v1::Electorate::Unspecified) => Ok(Electorate::of(fleet)),
        Ok(v1::Electorate::Wave) => Ok(Electorate::Wave),
        Ok(v1::Electorate::Fleet) => Ok(Electorate::Fleet),
        Err(_) => Err(Invalid::of(number, InvalidKind::UnknownWord("wave, fleet"))),
    }
}

impl From<&RollbackPolicy> for v1::RollbackPolicy {
    fn from(policy: &RollbackPolicy) -> Self {
        let RollbackPolicy { votes, over, pooled, fleet, retention, pace } = policy;
        let votes = match votes {
            VotePolicy::Any => Votes::Any(wire_rollback::AnyVote {}),
            VotePolicy::Count(count) => Votes::Count(*count),
            VotePolicy::Percent(share) => Votes::PercentBasisPoints(weight_to_wire(*share)),
            VotePolicy::Traffic(share) => Votes::TrafficBasisPoints(weight_to_wire(*share)),
        };
        let over = match over {
            Electorate::Wave => v1::Electorate::Wave,
            Electorate::Fleet => v1::Electorate::Fleet,
        };
        Self {
            votes: Some(votes),
            fleet: *fleet,
            retention: Some(span_to_wire(*retention)),
            over: over.into(),
            pooled: pooled.map(|Pooling { sample_min }| v1::Pooling { sample_min }),
            pace: pace.map(|BackPace { max_parallel }| v1::BackPace { max_parallel }),
        }
    }
}

impl TryFrom<v1::Limits> for Limits {
    type Error = Invalid;

    fn try_from(wire: v1::Limits) -> Result<Self, Invalid> {
        let v1::Limits { prepare, shift, revert, total } = wire;
        Ok(Self {
            prepare: span("prepare", prepare)?,
            shift: span("shift", shift)?,
            revert: span("revert", revert)?,
            total: span("total", total)?,
        })
    }
}

impl From<&Limits> for v1::Limits {
    fn from(limits: &Limits) -> Self {
        let Limits { prepare, shift, revert, total } = limits;
        Self {
            prepare: Some(span_to_wire(*prepare)),
            shift: Some(span_to_wire(*shift)),
            revert: Some(span_to_wire(*revert)),
            total: Some(span_to_wire(*total)),
        }
    }
}
