//! Causes: why a rollout is held, goes back, is frozen or has ended.

use meridian_core::id::{CallbackId, RegionId, RolloutId, ServiceId, WaveId};
use meridian_core::playbook::Scope;
use meridian_core::rollout::state::Cause;

use crate::convert::field::{RECORD_TEXT_BYTES_MAX, named, named_or_none, present, required, text};
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::r#gen::records::v1 as records;
use crate::r#gen::records::v1::cause::{self as wire_cause, Cause as Wire};

/// How deep causes nest at most. Core wraps one cause in another once; the rest is room.
const DEPTH_MAX: usize = 4;
/// How the whole fleet is spelled where a region's name could stand; `*` is in no name.
const FLEET: &str = "*";

impl TryFrom<records::Cause> for Cause {
    type Error = Invalid;

    fn try_from(wire: records::Cause) -> Result<Self, Invalid> {
        read(wire, DEPTH_MAX)
    }
}

fn read(wire: records::Cause, depth: usize) -> Result<Cause, Invalid> {
    let records::Cause { cause } = wire;
    let words = |field, value| text(field, value, RECORD_TEXT_BYTES_MAX);
    match present("cause", cause)? {
        Wire::Operator(wire_cause::Operator { actor, reason }) => {
            let (actor, reason) = (words("actor", actor), words("reason", reason));
            Ok(Cause::Operator { actor: actor.at("operator")?, reason: reason.at("operator")? })
        }
        Wire::Votes(votes) => {
            let (region, verdict) = votes_from_wire(votes).at("votes")?;
            Ok(Cause::Votes { region, verdict })
        }
        Wire::Pooled(wire_cause::Pooled { step, regions, verdict }) => {
            let (step, verdict) = (required("step", step), required("verdict", verdict));
            Ok(Cause::Pooled { step: step.at("pooled")?, regions, verdict: verdict.at("pooled")? })
        }
        Wire::Driver(wire_cause::Driver { region, code, message }) => {
            let (code, message) = (words("code", code).at("driver")?, words("message", message).at("driver")?);
            Ok(Cause::Driver { region: named("region", region, RegionId::new).at("driver")?, code, message })
        }
        Wire::Deadline(wire_cause::Deadline { region, limit }) => {
            let region = named_or_none("region", region, RegionId::new).at("deadline")?;
            Ok(Cause::Deadline { region, limit: limit_from_wire("limit", &limit).at("deadline")? })
        }
        Wire::Inconclusive(votes) => {
            let (region, verdict) = votes_from_wire(votes).at("inconclusive")?;
            Ok(Cause::Inconclusive { region, verdict })
        }
        Wire::DeadMan(votes) => {
            let (region, verdict) = votes_from_wire(votes).at("dead_man")?;
            Ok(Cause::DeadMan { region, verdict })
        }
        Wire::Drift(wire_cause::Drift { region, found }) => {
            let found = words("found", found).at("drift")?;
            Ok(Cause::Drift { region: named("region", region, RegionId::new).at("drift")?, found })
        }
        Wire::Callback(wire_cause::Callback { wave, callback, reason }) => {
            let (wave, callback) = (named("wave", wave, WaveId::new), named("callback", callback, CallbackId::new));
            let reason = words("reason", reason).at("callback")?;
            Ok(Cause::Callback { wave: wave.at("callback")?, callback: callback.at("callback")?, reason })
        }
        Wire::Member(member) => {
            let (service, rollout) = member_from_wire(member).at("member")?;
            Ok(Cause::Member { service, rollout })
        }
        Wire::MemberFailed(member) => {
            let (service, rollout) = member_from_wire(member).at("member_failed")?;
            Ok(Cause::MemberFailed { service, rollout })
        }
        Wire::PartBack(wire_cause::PartBack { scope }) => {
            Ok(Cause::PartBack { scope: scope_from_wire(scope).at("part_back")? })
        }
        Wire::NoWayBackRegion(region) => {
            Ok(Cause::NoWayBack { region: named("no_way_back_region", region, RegionId::new)? })
        }
        Wire::PointOfNoReturn(trigger) => {
            let deeper = depth.checked_sub(1).ok_or_else(|| Invalid::of("", InvalidKind::TooDeep { max: DEPTH_MAX }));
            let trigger = deeper.and_then(|depth| read(*trigger, depth)).at("point_of_no_return")?;
            Ok(Cause::PointOfNoReturn { trigger: Box::new(trigger) })
        }
    }
}

impl From<&Cause> for records::Cause {
    fn from(cause: &Cause) -> Self {
        let cause = match cause {
            Cause::Operator { actor, reason } => {
                Wire::Operator(wire_cause::Operator { actor: actor.clone(), reason: reason.clone() })
            }
            Cause::Votes { region, verdict } => {
                Wire::Votes(wire_cause::Votes { region: region.to_string(), verdict: Some(verdict.into()) })
            }
            Cause::Pooled { step, regions, verdict } => Wire::Pooled(wire_cause::Pooled {
                step: Some((*step).into()),
                regions: *regions,
                verdict: Some(verdict.into()),
            }),
            Cause::Driver { region, code, message } => Wire::Driver(wire_cause::Driver {
                region: region.to_string(),
                code: code.clone(),
                message: message.clone(),
            }),
            Cause::Deadline { region, limit } => Wire::Deadline(wire_cause::Deadline {
                region: region.as_ref().map(ToString::to_string).unwrap_or_default(),
                limit: (*limit).to_owned(),
            }),
            Cause::Inconclusive { region, verdict } => {
                Wire::Inconclusive(wire_cause::Votes { region: region.to_string(), verdict: Some(verdict.into()) })
            }
            Cause::DeadMan { region, verdict } => {
                Wire::DeadMan(wire_cause::Votes { region: region.to_string(), verdict: Some(verdict.into()) })
            }
            Cause::Drift { region, found } => {
                Wire::Drift(wire_cause::Drift { region: region.to_string(), found: found.clone() })
            }
            Cause::Callback { wave, callback, reason } => Wire::Callback(wire_cause::Callback {
                wave: wave.to_string(),
                callback: callback.to_string(),
                reason: reason.clone(),
            }),
            Cause::Member { service, rollout } => Wire::Member(member_to_wire(service, rollout)),
            Cause::MemberFailed { service, rollout } => Wire::MemberFailed(member_to_wire(service, rollout)),
            Cause::PartBack { scope } => Wire::PartBack(wire_cause::PartBack { scope: scope_to_wire(scope) }),
            Cause::NoWayBack { region } => Wire::NoWayBackRegion(region.to_string()),
            Cause::PointOfNoReturn { trigger } => Wire::PointOfNoReturn(Box::new(trigger.as_ref().into())),
        };
        Self { cause: Some(cause) }
    }
}

fn member_from_wire(wire: wire_cause::Member) -> Result<(ServiceId, RolloutId), Invalid> {
    let wire_cause::Member { service, rollout } = wire;
    Ok((named("service", service, ServiceId::new)?, named("rollout", rollout, RolloutId::new)?))
}

fn member_to_wire(service: &ServiceId, rollout: &RolloutId) -> wire_cause::Member {
    wire_cause::Member { service: service.to_string(), rollout: rollout.to_string() }
}

fn votes_from_wire(wire: wire_cause::Votes) -> Result<(RegionId, meridian_core::evidence::Verdict), Invalid> {
    let wire_cause::Votes { region, verdict } = wire;
    Ok((named("region", region, RegionId::new)?, required("verdict", verdict)?))
}

fn scope_from_wire(scope: String) -> Result<Scope, Invalid> {
    match scope.as_str() {
        "" => Ok(Scope::Wave),
        FLEET => Ok(Scope::Fleet),
        _ => named("scope", scope, RegionId::new).map(Scope::Region),
    }
}

fn scope_to_wire(scope: &Scope) -> String {
    match scope {
        Scope::Wave => String::new(),
        Scope::Fleet => FLEET.to_owned(),
        Scope::Region(region) => region.to_string(),
    }
}

/// The limits by name; core names them by static text.
pub(super) fn limit_from_wire(field: &str, limit: &str) -> Result<&'static str, Invalid> {
    match limit {
        "prepare" => Ok("prepare"),
        "shift" => Ok("shift"),
        "revert" => Ok("revert"),
        "total" => Ok("total"),
        _ => Err(Invalid::of(limit, InvalidKind::UnknownWord("prepare, shift, revert, total"))).at(field),
    }
}
