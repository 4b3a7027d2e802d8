//! Loads: what is driven, what became of it, and what is kept of that. The rules of a load are core's.

use std::collections::BTreeMap;

use meridian_core::evidence::{Histogram, LoadFigures, LoadMeasure, LoadTally};
use meridian_core::goal::LoadOrder;
use meridian_core::playbook::{Load, LoadRequest, Method, Staging};
use meridian_core::rollout::state::LoadReport;

use crate::convert::field::{TEXT_BYTES_MAX, at_most, list, map_with, present, required, text, weight, word};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::time::{moment, span, span_to_wire, timestamp_to_wire};
use crate::convert::types::{decided, weight_to_wire};
use crate::r#gen::agent::v1 as agent;
use crate::r#gen::v1;
use crate::r#gen::v1::check::{LoadErrors, LoadLatency, LoadRate, Measure as WireMeasure};
use crate::r#gen::v1::load_request::Method as WireMethod;

/// The most buckets of a load's latencies: as many as its generator has.
const BUCKETS_MAX: usize = 1024;

impl TryFrom<WireMethod> for Method {
    type Error = Invalid;

    fn try_from(wire: WireMethod) -> Result<Self, Invalid> {
        match wire {
            WireMethod::Unspecified => Err(Invalid::of("", InvalidKind::Missing)),
            WireMethod::Get => Ok(Self::Get),
            WireMethod::Head => Ok(Self::Head),
            WireMethod::Post => Ok(Self::Post),
            WireMethod::Put => Ok(Self::Put),
            WireMethod::Delete => Ok(Self::Delete),
        }
    }
}

impl From<Method> for WireMethod {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::Get,
            Method::Head => Self::Head,
            Method::Post => Self::Post,
            Method::Put => Self::Put,
            Method::Delete => Self::Delete,
        }
    }
}

impl TryFrom<v1::LoadRequest> for LoadRequest {
    type Error = Invalid;

    fn try_from(wire: v1::LoadRequest) -> Result<Self, Invalid> {
        let v1::LoadRequest { method, path, headers, body, weight } = wire;
        at_most("headers", headers.len(), Load::HEADERS_MAX)?;
        let short = |field: &str, it: String| text(field, it, TEXT_BYTES_MAX);
        let header = |(name, value)| Ok((short("name", name)?, short("value", value)?));
        Ok(Self {
            method: word::<WireMethod, _>("method", method)?,
            path: short("path", path)?,
            headers: headers.into_iter().map(header).collect::<Result<BTreeMap<_, _>, _>>().at("headers")?,
            body: short("body", body)?,
            weight,
        })
    }
}

impl From<&LoadRequest> for v1::LoadRequest {
    fn from(request: &LoadRequest) -> Self {
        let LoadRequest { method, path, headers, body, weight } = request;
        Self {
            method: WireMethod::from(*method).into(),
            path: path.clone(),
            headers: headers.clone(),
            body: body.clone(),
            weight: *weight,
        }
    }
}

impl TryFrom<v1::Load> for Load {
    type Error = Invalid;

    fn try_from(wire: v1::Load) -> Result<Self, Invalid> {
        let v1::Load { rate, ramp, requests, connections, timeout } = wire;
        Ok(Self {
            rate,
            ramp: span("ramp", ramp)?,
            requests: list("requests", requests, Self::REQUESTS_MAX)?,
            connections,
            timeout: span("timeout", timeout)?,
        })
    }
}

impl From<&Load> for v1::Load {
    fn from(load: &Load) -> Self {
        let Load { rate, ramp, requests, connections, timeout } = load;
        Self {
            rate: *rate,
            ramp: Some(span_to_wire(*ramp)),
            requests: requests.iter().map(Into::into).collect(),
            connections: *connections,
            timeout: Some(span_to_wire(*timeout)),
        }
    }
}

impl TryFrom<v1::Staging> for Staging {
    type Error = Invalid;

    fn try_from(wire: v1::Staging) -> Result<Self, Invalid> {
        let v1::Staging { load, rehearsal } = wire;
        Ok(Self { load: required("load", load)?, rehearsal })
    }
}

impl From<&Staging> for v1::Staging {
    fn from(staging: &Staging) -> Self {
        let Staging { load, rehearsal } = staging;
        Self { load: Some(load.into()), rehearsal: *rehearsal }
    }
}

impl TryFrom<agent::LoadOrder> for LoadOrder {
    type Error = Invalid;

    fn try_from(wire: agent::LoadOrder) -> Result<Self, Invalid> {
        let agent::LoadOrder { load, lasts } = wire;
        Ok(Self { load: required("load", load)?, lasts: span("lasts", lasts)? })
    }
}

impl From<&LoadOrder> for agent::LoadOrder {
    fn from(order: &LoadOrder) -> Self {
        let LoadOrder { load, lasts } = order;
        Self { load: Some(load.into()), lasts: Some(span_to_wire(*lasts)) }
    }
}

/// What of a load a check measures, if it is one of these.
pub(super) fn measure_from_wire(wire: WireLoadMeasure) -> Result<LoadMeasure, Invalid> {
    match wire {
        WireLoadMeasure::Errors(LoadErrors { max_basis_points }) => {
            Ok(LoadMeasure::Errors { max: weight("max_basis_points", max_basis_points).at("load_errors")? })
        }
        WireLoadMeasure::Latency(LoadLatency { quantile_basis_points, max }) => {
            let quantile = weight("quantile_basis_points", quantile_basis_points).at("load_latency")?;
            Ok(LoadMeasure::Latency { quantile, max: span("max", max).at("load_latency")? })
        }
        WireLoadMeasure::Rate(LoadRate { min_basis_points }) => {
            Ok(LoadMeasure::Rate { min: weight("min_basis_points", min_basis_points).at("load_rate")? })
        }
    }
}

/// The three measures of a load, as the wire has them.
pub(super) enum WireLoadMeasure {
    Errors(LoadErrors),
    Latency(LoadLatency),
    Rate(LoadRate),
}

/// The same for the wire.
pub(super) fn measure_to_wire(measure: LoadMeasure) -> WireMeasure {
    match measure {
        LoadMeasure::Errors { max } => WireMeasure::LoadErrors(LoadErrors { max_basis_points: weight_to_wire(max) }),
        LoadMeasure::Latency { quantile, max } => WireMeasure::LoadLatency(LoadLatency {
            quantile_basis_points: weight_to_wire(quantile),
            max: Some(span_to_wire(max)),
        }),
        LoadMeasure::Rate { min } => WireMeasure::LoadRate(LoadRate { min_basis_points: weight_to_wire(min) }),
    }
}

impl TryFrom<agent::LoadTally> for LoadTally {
    type Error = Invalid;

    fn try_from(wire: agent::LoadTally) -> Result<Self, Invalid> {
        let agent::LoadTally { due, sent, not_sent, answered, errors, refused, broken, .. } = wire;
        let agent::LoadTally { timed_out, malformed, latency, slowest_micros, .. } = wire;
        let buckets = map_with("latency", latency, BUCKETS_MAX, |bucket| {
            let agent::Bucket { upper_micros, count } = bucket;
            Ok((upper_micros, count))
        })?;
        Ok(Self {
            due,
            sent,
            not_sent,
            answered,
            errors,
            refused,
            broken,
            timed_out,
            malformed,
            latency: Histogram { buckets },
            slowest: slowest_micros,
        })
    }
}

impl From<&LoadTally> for agent::LoadTally {
    fn from(tally: &LoadTally) -> Self {
        let LoadTally { due, sent, not_sent, answered, errors, refused, broken, timed_out, malformed, .. } = *tally;
        let bucket = |(upper, count): (&u64, &u64)| agent::Bucket { upper_micros: *upper, count: *count };
        Self {
            due,
            sent,
            not_sent,
            answered,
            errors,
            refused,
            broken,
            timed_out,
            malformed,
            latency: tally.latency.buckets.iter().map(bucket).collect(),
            slowest_micros: tally.slowest,
        }
    }
}

impl From<v1::LoadFigures> for LoadFigures {
    fn from(wire: v1::LoadFigures) -> Self {
        let v1::LoadFigures { offered, sent, achieved, failed, not_sent, .. } = wire;
        let v1::LoadFigures { p50_micros, p90_micros, p99_micros, p999_micros, max_micros, .. } = wire;
        Self {
            offered,
            sent,
            achieved,
            failed,
            not_sent,
            p50: p50_micros,
            p90: p90_micros,
            p99: p99_micros,
            p999: p999_micros,
            max: max_micros,
        }
    }
}

impl From<LoadFigures> for v1::LoadFigures {
    fn from(figures: LoadFigures) -> Self {
        let LoadFigures { offered, sent, achieved, failed, not_sent, p50, p90, p99, p999, max } = figures;
        Self {
            offered,
            sent,
            achieved,
            failed,
            not_sent,
            p50_micros: p50,
            p90_micros: p90,
            p99_micros: p99,
            p999_micros: p999,
            max_micros: max,
        }
    }
}

impl TryFrom<v1::LoadReport> for LoadReport {
    type Error = Invalid;

    fn try_from(wire: v1::LoadReport) -> Result<Self, Invalid> {
        let v1::LoadReport { step, epoch, time, figures, verdict } = wire;
        Ok(Self {
            step: required("step", step)?,
            epoch: decided("epoch", epoch)?,
            at: moment("time", time)?,
            figures: present("figures", figures)?.into(),
            verdict: required("verdict", verdict)?,
        })
    }
}

impl From<&LoadReport> for v1::LoadReport {
    fn from(report: &LoadReport) -> Self {
        let LoadReport { step, epoch, at, figures, verdict } = report;
        Self {
            step: Some((*step).into()),
            epoch: Some((*epoch).into()),
            time: Some(timestamp_to_wire(*at)),
            figures: Some((*figures).into()),
            verdict: Some(verdict.into()),
        }
    }
}
