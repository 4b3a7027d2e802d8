//! The lanes of a service: what is stable where, and who holds what.

use std::collections::BTreeMap;

use meridian_core::id::{RegionId, RolloutId};
use meridian_core::lane::LaneState;

use super::{check_schema, schema};
use crate::convert::field::{map_with, named, named_or_none, optional, required};
use crate::convert::invalid::Invalid;
use crate::r#gen::records::v1 as records;

/// The most lanes of a service. Ten times the most regions of a plan: lanes of regions that are gone stay in the record.
pub const LANES_MAX: usize = 10_000;

/// The lanes of a service by region.
///
/// # Errors
/// The first field that is wrong; a region twice.
pub fn lanes_from_record(wire: records::LanesRecord) -> Result<BTreeMap<RegionId, LaneState>, Invalid> {
    let records::LanesRecord { schema, lanes } = wire;
    check_schema(schema)?;
    map_with("lanes", lanes, LANES_MAX, |lane| {
        let records::LaneRecord { region, stable, rollout, held, epoch } = lane;
        let state = LaneState {
            stable: optional("stable", stable)?,
            rollout: named_or_none("rollout", rollout, RolloutId::new)?,
            held,
            epoch: required("epoch", epoch)?,
        };
        if state.held && state.rollout.is_none() {
            return Err(Invalid::contradiction("held", true, "having no rollout"));
        }
        Ok((named("region", region, RegionId::new)?, state))
    })
}

/// The lanes as their record says them.
#[must_use]
pub fn lanes_to_record(lanes: &BTreeMap<RegionId, LaneState>) -> records::LanesRecord {
    let lane = |(region, state): (&RegionId, &LaneState)| {
        let LaneState { stable, rollout, held, epoch } = state;
        records::LaneRecord {
            region: region.to_string(),
            stable: stable.as_ref().map(Into::into),
            rollout: rollout.as_ref().map(ToString::to_string).unwrap_or_default(),
            held: *held,
            epoch: Some((*epoch).into()),
        }
    };
    records::LanesRecord { schema: schema(), lanes: lanes.iter().map(lane).collect() }
}
