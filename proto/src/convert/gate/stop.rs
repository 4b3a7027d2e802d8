//! Stop-the-line: what stands, and what was ordered, for people.

use meridian_core::id::RolloutId;
use meridian_core::rollout::gates::stops::{Said, Stop, StopEntry, StopScope, Stops};

use crate::convert::field::WORD_BYTES_MAX;
use crate::convert::field::text;
use crate::convert::invalid::{At, Invalid, InvalidKind};
use crate::convert::time::timestamp_to_wire;
use crate::r#gen::v1;

/// A scope, as it is written everywhere.
///
/// # Errors
/// If it is none.
pub fn scope_from_wire(field: &str, scope: &str) -> Result<StopScope, Invalid> {
    if scope.is_empty() {
        return Err(Invalid::missing(field));
    }
    let scope = text(field, scope.to_owned(), WORD_BYTES_MAX)?;
    let expected = "`organisation`, `services/…`, `regions/…` or `rollouts/…`";
    scope.parse().map_err(|_| Invalid::of(&scope, InvalidKind::UnknownWord(expected))).at(field)
}

/// Every stop that stands.
#[must_use]
pub fn stops_to_wire(stops: &Stops) -> Vec<v1::Stop> {
    stops.standing.iter().map(stop_to_wire).collect()
}

fn stop_to_wire((scope, stop): (&StopScope, &Stop)) -> v1::Stop {
    let Stop { said: Said { actor, reason, at }, exempt } = stop;
    v1::Stop {
        scope: scope.to_string(),
        actor: actor.clone(),
        reason: reason.clone(),
        time: Some(timestamp_to_wire(*at)),
        exemptions: exempt.iter().map(exemption_to_wire).collect(),
    }
}

fn exemption_to_wire((rollout, said): (&RolloutId, &Said)) -> v1::Exemption {
    let Said { actor, reason, at } = said;
    v1::Exemption {
        rollout: rollout.to_string(),
        actor: actor.clone(),
        reason: reason.clone(),
        time: Some(timestamp_to_wire(*at)),
    }
}

/// An order about stops, from their log.
#[must_use]
pub fn stop_entry_to_wire(entry: &StopEntry) -> v1::StopEntry {
    let StopEntry { number, kind, scope, rollout, said: Said { actor, reason, at }, previous } = entry;
    v1::StopEntry {
        number: *number,
        kind: kind.clone(),
        scope: scope.to_string(),
        rollout: rollout.as_ref().map(ToString::to_string).unwrap_or_default(),
        actor: actor.clone(),
        reason: reason.clone(),
        time: Some(timestamp_to_wire(*at)),
        previous_digest: previous.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}
