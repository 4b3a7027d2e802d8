//! Where the line is stopped, and the log of how that came about.

use meridian_core::id::RolloutId;
use meridian_core::rollout::gates::stops::{EXEMPT_MAX, STOPS_MAX, Said, Stop, StopEntry, StopScope, Stops};

use crate::convert::field::{RECORD_TEXT_BYTES_MAX, WORD_BYTES_MAX, digest_or_none, map_with, named, named_or_none};
use crate::convert::field::{required, text};
use crate::convert::gate::scope_from_wire;
use crate::convert::invalid::Invalid;
use crate::convert::record::{check_schema, schema};
use crate::convert::time::{moment, timestamp_to_wire};
use crate::r#gen::records::v1 as records;

/// The stops that stand.
///
/// # Errors
/// The first field that is wrong.
pub fn stops_from_record(wire: records::StopsRecord) -> Result<Stops, Invalid> {
    let records::StopsRecord { schema, number, log, standing } = wire;
    check_schema(schema)?;
    let standing = map_with("standing", standing, STOPS_MAX, stop_from_wire)?;
    Ok(Stops { number, log: digest_or_none("log", &log)?, standing })
}

/// The stops as their record says them.
#[must_use]
pub fn stops_to_record(stops: &Stops) -> records::StopsRecord {
    let Stops { number, log, standing } = stops;
    records::StopsRecord {
        schema: schema(),
        number: *number,
        log: log.as_ref().map(ToString::to_string).unwrap_or_default(),
        standing: standing.iter().map(stop_to_wire).collect(),
    }
}

/// An entry of the log.
///
/// # Errors
/// The first field that is wrong.
pub fn stop_entry_from_record(wire: records::StopEntryRecord) -> Result<StopEntry, Invalid> {
    let records::StopEntryRecord { schema, number, kind, scope, rollout, said, previous } = wire;
    check_schema(schema)?;
    Ok(StopEntry {
        number,
        kind: text("kind", kind, WORD_BYTES_MAX)?,
        scope: scope_from_wire("scope", &scope)?,
        rollout: named_or_none("rollout", rollout, RolloutId::new)?,
        said: required("said", said)?,
        previous: digest_or_none("previous", &previous)?,
    })
}

/// An entry of the log as its record says it.
#[must_use]
pub fn stop_entry_to_record(entry: &StopEntry) -> records::StopEntryRecord {
    let StopEntry { number, kind, scope, rollout, said, previous } = entry;
    records::StopEntryRecord {
        schema: schema(),
        number: *number,
        kind: kind.clone(),
        scope: scope.to_string(),
        rollout: rollout.as_ref().map(ToString::to_string).unwrap_or_default(),
        said: Some(said.into()),
        previous: previous.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

fn stop_from_wire(wire: records::StopRecord) -> Result<(StopScope, Stop), Invalid> {
    let records::StopRecord { scope, said, exempt } = wire;
    let exempt = map_with("exempt", exempt, EXEMPT_MAX, |wire| {
        let records::ExemptRecord { rollout, said } = wire;
        Ok((named("rollout", rollout, RolloutId::new)?, required("said", said)?))
    })?;
    Ok((scope_from_wire("scope", &scope)?, Stop { said: required("said", said)?, exempt }))
}

fn stop_to_wire((scope, stop): (&StopScope, &Stop)) -> records::StopRecord {
    let Stop { said, exempt: exempted } = stop;
    let exempt = |(rollout, said): (&RolloutId, &Said)| records::ExemptRecord {
        rollout: rollout.to_string(),
        said: Some(said.into()),
    };
    records::StopRecord {
        scope: scope.to_string(),
        said: Some(said.into()),
        exempt: exempted.iter().map(exempt).collect(),
    }
}

impl TryFrom<records::SaidRecord> for Said {
    type Error = Invalid;

    fn try_from(wire: records::SaidRecord) -> Result<Self, Invalid> {
        let records::SaidRecord { actor, reason, at } = wire;
        Ok(Self {
            actor: text("actor", actor, RECORD_TEXT_BYTES_MAX)?,
            reason: text("reason", reason, RECORD_TEXT_BYTES_MAX)?,
            at: moment("at", at)?,
        })
    }
}

impl From<&Said> for records::SaidRecord {
    fn from(said: &Said) -> Self {
        let Said { actor, reason, at } = said;
        Self { actor: actor.clone(), reason: reason.clone(), at: Some(timestamp_to_wire(*at)) }
    }
}
