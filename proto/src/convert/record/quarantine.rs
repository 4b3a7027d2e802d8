//! How a region stands, as its record keeps it: what its agent claimed and somebody has confirmed since, and that it is to go.

use std::collections::BTreeMap;

use meridian_core::agent::quarantine::{Distrust, Pardon};
use meridian_core::id::ServiceId;
use meridian_core::time::Timestamp;

use crate::convert::field::{RECORD_TEXT_BYTES_MAX, map_with, named, optional, required, text};
use crate::convert::invalid::Invalid;
use crate::convert::report::LANES_MAX;
use crate::convert::time::{moment, timestamp_to_wire};
use crate::r#gen::records::v1 as records;
use crate::r#gen::records::v1::quarantine as wire_quarantine;

/// That a region's agent is not believed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Quarantine {
    /// Since when.
    pub since: Timestamp,
    /// Why, by lane.
    pub lanes: BTreeMap<ServiceId, Distrust>,
}

/// A loss of memory that somebody has confirmed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Confirmed {
    /// What was confirmed.
    pub pardon: Pardon,
    /// Who did.
    pub actor: String,
    /// Their words.
    pub reason: String,
    /// When.
    pub time: Timestamp,
}

impl TryFrom<records::Quarantine> for Quarantine {
    type Error = Invalid;

    fn try_from(wire: records::Quarantine) -> Result<Self, Invalid> {
        let records::Quarantine { since, lanes } = wire;
        Ok(Self { since: moment("since", since)?, lanes: map_with("lanes", lanes, LANES_MAX, lane_from_wire)? })
    }
}

impl From<&Quarantine> for records::Quarantine {
    fn from(quarantine: &Quarantine) -> Self {
        let Quarantine { since, lanes } = quarantine;
        Self { since: Some(timestamp_to_wire(*since)), lanes: lanes.iter().map(lane_to_wire).collect() }
    }
}

fn lane_from_wire(wire: wire_quarantine::Lane) -> Result<(ServiceId, Distrust), Invalid> {
    let wire_quarantine::Lane { service, claimed, acked, head } = wire;
    let claimed = required("claimed", claimed)?;
    let distrust = match optional("acked", acked)? {
        Some(acked) => Distrust::Forgot { claimed, acked },
        None => Distrust::NeverIssued { claimed, head: required("head", head)? },
    };
    Ok((named("service", service, ServiceId::new)?, distrust))
}

fn lane_to_wire((service, distrust): (&ServiceId, &Distrust)) -> wire_quarantine::Lane {
    let (claimed, acked, head) = match *distrust {
        Distrust::Forgot { claimed, acked } => (claimed, Some(acked.into()), None),
        Distrust::NeverIssued { claimed, head } => (claimed, None, Some(head.into())),
    };
    wire_quarantine::Lane { service: service.to_string(), claimed: Some(claimed.into()), acked, head }
}

pub(super) fn confirmed_from_wire(wire: records::Confirmed) -> Result<(ServiceId, Confirmed), Invalid> {
    let records::Confirmed { service, acked, claimed, actor, reason, time } = wire;
    let pardon = Pardon { acked: required("acked", acked)?, claimed: required("claimed", claimed)? };
    let actor = text("actor", actor, RECORD_TEXT_BYTES_MAX)?;
    let reason = text("reason", reason, RECORD_TEXT_BYTES_MAX)?;
    let confirmed = Confirmed { pardon, actor, reason, time: moment("time", time)? };
    Ok((named("service", service, ServiceId::new)?, confirmed))
}

pub(super) fn confirmed_to_wire((service, confirmed): (&ServiceId, &Confirmed)) -> records::Confirmed {
    let Confirmed { pardon: Pardon { acked, claimed }, actor, reason, time } = confirmed;
    records::Confirmed {
        service: service.to_string(),
        acked: Some((*acked).into()),
        claimed: Some((*claimed).into()),
        actor: actor.clone(),
        reason: reason.clone(),
        time: Some(timestamp_to_wire(*time)),
    }
}

/// Who has taken a region out of the fleet, why and when.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Drain {
    /// Declared name.
    pub actor: String,
    /// Their words.
    pub reason: String,
    /// When.
    pub since: Timestamp,
}

impl TryFrom<records::Drain> for Drain {
    type Error = Invalid;

    fn try_from(wire: records::Drain) -> Result<Self, Invalid> {
        let records::Drain { actor, reason, since } = wire;
        Ok(Self {
            actor: text("actor", actor, RECORD_TEXT_BYTES_MAX)?,
            reason: text("reason", reason, RECORD_TEXT_BYTES_MAX)?,
            since: moment("since", since)?,
        })
    }
}

impl From<&Drain> for records::Drain {
    fn from(drain: &Drain) -> Self {
        let Drain { actor, reason, since } = drain.clone();
        Self { actor, reason, since: Some(timestamp_to_wire(since)) }
    }
}

/// That a region was on its way out of the fleet, and who has taken it back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Undrain {
    /// Who had taken it out.
    pub drain: Drain,
    /// Declared name.
    pub actor: String,
    /// Their words.
    pub reason: String,
    /// When.
    pub time: Timestamp,
}

impl TryFrom<records::Undrain> for Undrain {
    type Error = Invalid;

    fn try_from(wire: records::Undrain) -> Result<Self, Invalid> {
        let records::Undrain { drain, actor, reason, time } = wire;
        Ok(Self {
            drain: required("drain", drain)?,
            actor: text("actor", actor, RECORD_TEXT_BYTES_MAX)?,
            reason: text("reason", reason, RECORD_TEXT_BYTES_MAX)?,
            time: moment("time", time)?,
        })
    }
}

impl From<&Undrain> for records::Undrain {
    fn from(undrain: &Undrain) -> Self {
        let Undrain { drain, actor, reason, time } = undrain;
        let (actor, reason) = (actor.clone(), reason.clone());
        Self { drain: Some(drain.into()), actor, reason, time: Some(timestamp_to_wire(*time)) }
    }
}
