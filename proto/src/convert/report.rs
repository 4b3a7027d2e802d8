//! What agents say: their first words, and what they see in their lanes. It is checked like anything from outside, for
//! an agent may be old, broken or not ours.

use std::collections::{BTreeMap, BTreeSet};

use meridian_core::evidence::{Answers, Evidence, Histogram, Pin, ProbeCount, Tally};
use meridian_core::id::{RegionId, RolloutId, ServiceId};
use meridian_core::observation::{DoneMark, Observed, SlotSeen, SlotState, TrafficSeen, Trouble};
use meridian_core::playbook::validate::CHECKS_MAX;
use meridian_core::slot::Slots;

use super::evidence::query::{asked_from_wire, asked_to_wire};
use super::field::{
    TEXT_BYTES_MAX, WORD_BYTES_MAX, digest, hash, list_with, map_with, named, optional, required, text, word,
};
use super::invalid::{Invalid, InvalidKind};
use super::time::{span, span_to_wire};
use super::types::decided;
use crate::r#gen::agent::v1 as agent;

/// The most lanes in one message: as many services as a region may run.
pub const LANES_MAX: usize = 1000;
/// The most buckets of a histogram; ours has fewer, and a reader should not pay for more.
pub const BUCKETS_MAX: usize = 256;
/// The most capabilities that an agent may name.
pub const CAPABILITIES_MAX: usize = 64;

/// An agent's first words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hello {
    /// Its region.
    pub region: RegionId,
    /// Its own version, free text.
    pub agent_version: String,
    /// What its drivers can do: `weights`, `cohorts`, `sticky`, …
    pub capabilities: BTreeSet<String>,
    /// Every lane that its journal knows.
    pub lanes: BTreeMap<ServiceId, Observed>,
    /// Services that it is set up to run.
    pub services: BTreeSet<ServiceId>,
}

impl TryFrom<agent::Hello> for Hello {
    type Error = Invalid;

    fn try_from(wire: agent::Hello) -> Result<Self, Invalid> {
        let agent::Hello { region, agent_version, capabilities, lanes, services } = wire;
        let word = |word| text("", word, WORD_BYTES_MAX);
        let service = |service| named("", service, ServiceId::new);
        Ok(Self {
            region: named("region", region, RegionId::new)?,
            agent_version: text("agent_version", agent_version, WORD_BYTES_MAX)?,
            capabilities: list_with("capabilities", capabilities, CAPABILITIES_MAX, word)?.into_iter().collect(),
            lanes: map_with("lanes", lanes, LANES_MAX, lane_from_wire)?,
            services: list_with("services", services, LANES_MAX, service)?.into_iter().collect(),
        })
    }
}

impl From<&Hello> for agent::Hello {
    fn from(hello: &Hello) -> Self {
        let Hello { region, agent_version, capabilities, lanes, services } = hello;
        Self {
            region: region.to_string(),
            agent_version: agent_version.clone(),
            capabilities: capabilities.iter().cloned().collect(),
            lanes: lanes.iter().map(|(service, observed)| lane_to_wire(service, observed)).collect(),
            services: services.iter().map(ToString::to_string).collect(),
        }
    }
}

/// The lanes of a report.
///
/// # Errors
/// The first field that is wrong; a service reported twice.
pub fn report_from_wire(wire: agent::Report) -> Result<BTreeMap<ServiceId, Observed>, Invalid> {
    let agent::Report { lanes } = wire;
    map_with("lanes", lanes, LANES_MAX, lane_from_wire)
}

/// A report on some lanes.
#[must_use]
pub fn report_to_wire<'a>(lanes: impl IntoIterator<Item = (&'a ServiceId, &'a Observed)>) -> agent::Report {
    agent::Report { lanes: lanes.into_iter().map(|(service, observed)| lane_to_wire(service, observed)).collect() }
}

/// One lane as seen.
///
/// # Errors
/// The first field that is wrong.
pub fn lane_from_wire(wire: agent::LaneReport) -> Result<(ServiceId, Observed), Invalid> {
    let agent::LaneReport { service, accepted, done, blue, green, traffic, trouble, evidence, alone } = wire;
    let observed = Observed {
        accepted: required("accepted", accepted)?,
        done: optional("done", done)?,
        slots: Slots { blue: optional("blue", blue)?, green: optional("green", green)? },
        traffic: optional("traffic", traffic)?,
        trouble: optional("trouble", trouble)?,
        evidence: optional("evidence", evidence)?,
        alone: optional("alone", alone)?,
    };
    Ok((named("service", service, ServiceId::new)?, observed))
}

/// One lane as the wire says it.
#[must_use]
pub fn lane_to_wire(service: &ServiceId, observed: &Observed) -> agent::LaneReport {
    let Observed { accepted, done, slots: Slots { blue, green }, traffic, trouble, evidence, alone } = observed;
    agent::LaneReport {
        service: service.to_string(),
        accepted: Some((*accepted).into()),
        done: done.as_ref().map(Into::into),
        blue: blue.as_ref().map(Into::into),
        green: green.as_ref().map(Into::into),
        traffic: traffic.as_ref().map(Into::into),
        trouble: trouble.as_ref().map(Into::into),
        evidence: evidence.as_ref().map(Into::into),
        alone: alone.as_ref().map(Into::into),
    }
}

impl TryFrom<agent::DoneMark> for DoneMark {
    type Error = Invalid;

    fn try_from(wire: agent::DoneMark) -> Result<Self, Invalid> {
        let agent::DoneMark { epoch, hash: bytes } = wire;
        Ok(Self { epoch: decided("epoch", epoch)?, hash: hash("hash", &bytes)? })
    }
}

impl From<&DoneMark> for agent::DoneMark {
    fn from(mark: &DoneMark) -> Self {
        let DoneMark { epoch, hash } = mark;
        Self { epoch: Some((*epoch).into()), hash: hash.as_bytes().to_vec() }
    }
}

impl TryFrom<agent::slot_seen::State> for SlotState {
    type Error = Invalid;

    fn try_from(wire: agent::slot_seen::State) -> Result<Self, Invalid> {
        match wire {
            agent::slot_seen::State::Unspecified => Err(Invalid::of("", InvalidKind::Missing)),
            agent::slot_seen::State::Starting => Ok(Self::Starting),
            agent::slot_seen::State::Ready => Ok(Self::Ready),
            agent::slot_seen::State::Unready => Ok(Self::Unready),
            agent::slot_seen::State::Stopping => Ok(Self::Stopping),
            agent::slot_seen::State::Failed => Ok(Self::Failed),
        }
    }
}

impl From<SlotState> for agent::slot_seen::State {
    fn from(state: SlotState) -> Self {
        match state {
            SlotState::Starting => Self::Starting,
            SlotState::Ready => Self::Ready,
            SlotState::Unready => Self::Unready,
            SlotState::Stopping => Self::Stopping,
            SlotState::Failed => Self::Failed,
        }
    }
}

impl TryFrom<agent::SlotSeen> for SlotSeen {
    type Error = Invalid;

    fn try_from(wire: agent::SlotSeen) -> Result<Self, Invalid> {
        let agent::SlotSeen { digest: content, state } = wire;
        Ok(Self { digest: digest("digest", &content)?, state: word::<agent::slot_seen::State, _>("state", state)? })
    }
}

impl From<&SlotSeen> for agent::SlotSeen {
    fn from(seen: &SlotSeen) -> Self {
        let SlotSeen { digest, state } = seen;
        Self { digest: digest.to_string(), state: agent::slot_seen::State::from(*state).into() }
    }
}

impl TryFrom<agent::TrafficSeen> for TrafficSeen {
    type Error = Invalid;

    fn try_from(wire: agent::TrafficSeen) -> Result<Self, Invalid> {
        let agent::TrafficSeen { split, cohort } = wire;
        Ok(Self { split: required("split", split)?, cohort: optional("cohort", cohort)? })
    }
}

impl From<&TrafficSeen> for agent::TrafficSeen {
    fn from(seen: &TrafficSeen) -> Self {
        let TrafficSeen { split, cohort } = seen;
        Self { split: Some((*split).into()), cohort: cohort.as_ref().map(Into::into) }
    }
}

impl TryFrom<agent::Trouble> for Trouble {
    type Error = Invalid;

    /// The epoch may be the one before any decision: an agent can be in trouble before it has a goal.
    fn try_from(wire: agent::Trouble) -> Result<Self, Invalid> {
        let agent::Trouble { epoch, code, message, permanent } = wire;
        Ok(Self {
            epoch: required("epoch", epoch)?,
            code: text("code", code, WORD_BYTES_MAX)?,
            message: text("message", message, TEXT_BYTES_MAX)?,
            permanent,
        })
    }
}

impl From<&Trouble> for agent::Trouble {
    fn from(trouble: &Trouble) -> Self {
        let Trouble { epoch, code, message, permanent } = trouble;
        Self { epoch: Some((*epoch).into()), code: code.clone(), message: message.clone(), permanent: *permanent }
    }
}

impl TryFrom<agent::Evidence> for Evidence {
    type Error = Invalid;

    fn try_from(wire: agent::Evidence) -> Result<Self, Invalid> {
        let agent::Evidence { rollout, step, digest: content, epoch, from, to, requests, errors, .. } = wire;
        let agent::Evidence { latency, probes, other, whole_requests, whole_errors, asked, load, .. } = wire;
        let pin = Pin {
            rollout: named("rollout", rollout, RolloutId::new)?,
            step: required("step", step)?,
            digest: digest("digest", &content)?,
            epoch: decided("epoch", epoch)?,
        };
        let (from, to) = (span("from", from)?, span("to", to)?);
        if to < from {
            return Err(Invalid::contradiction("to", to, "the window's beginning"));
        }
        let latency = histogram(latency)?;
        let probes = map_with("probes", probes, CHECKS_MAX, |probe| {
            let agent::ProbeCount { check, sent, failed } = probe;
            Ok((text("check", check, WORD_BYTES_MAX)?, ProbeCount { sent, failed }))
        })?;
        let other = optional("other", other)?.unwrap_or_default();
        let whole = Answers { requests: whole_requests, errors: whole_errors };
        let asked = map_with("asked", asked, CHECKS_MAX, asked_from_wire)?;
        let load = optional("load", load)?;
        Ok(Self { pin, from, to, requests, errors, latency, probes, other, whole, asked, load })
    }
}

impl From<&Evidence> for agent::Evidence {
    fn from(evidence: &Evidence) -> Self {
        let Evidence { pin, from, to, requests, errors, latency, probes, other, whole, asked, load } = evidence;
        let Pin { rollout, step, digest, epoch } = pin;
        let probe = |(check, count): (&String, &ProbeCount)| {
            let ProbeCount { sent, failed } = *count;
            agent::ProbeCount { check: check.clone(), sent, failed }
        };
        Self {
            rollout: rollout.to_string(),
            step: Some((*step).into()),
            digest: digest.to_string(),
            epoch: Some((*epoch).into()),
            from: Some(span_to_wire(*from)),
            to: Some(span_to_wire(*to)),
            requests: *requests,
            errors: *errors,
            latency: histogram_to_wire(latency),
            probes: probes.iter().map(probe).collect(),
            other: (*other != Tally::default()).then(|| other.into()),
            whole_requests: whole.requests,
            whole_errors: whole.errors,
            asked: asked.iter().map(asked_to_wire).collect(),
            load: load.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<agent::Tally> for Tally {
    type Error = Invalid;

    fn try_from(wire: agent::Tally) -> Result<Self, Invalid> {
        let agent::Tally { requests, errors, latency } = wire;
        Ok(Self { answers: Answers { requests, errors }, latency: histogram(latency)? })
    }
}

impl From<&Tally> for agent::Tally {
    fn from(tally: &Tally) -> Self {
        let Tally { answers: Answers { requests, errors }, latency } = tally;
        Self { requests: *requests, errors: *errors, latency: histogram_to_wire(latency) }
    }
}

fn histogram(wire: Vec<agent::Bucket>) -> Result<Histogram, Invalid> {
    let buckets = map_with("latency", wire, BUCKETS_MAX, |bucket| {
        let agent::Bucket { upper_micros, count } = bucket;
        Ok((upper_micros, count))
    })?;
    Ok(Histogram { buckets })
}

fn histogram_to_wire(histogram: &Histogram) -> Vec<agent::Bucket> {
    let bucket = |(upper_micros, count): (&u64, &u64)| agent::Bucket { upper_micros: *upper_micros, count: *count };
    histogram.buckets.iter().map(bucket).collect()
}
