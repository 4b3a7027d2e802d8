//! What replicas tell each other through the store: that they are there, what they own, whom they hear and what they heard.
//! All of it is under a lease and gone with its replica; nothing here is a decision.

use meridian_core::id::{ReplicaId, ServiceId};
use meridian_core::observation::Observed;
use meridian_core::time::Timestamp;

use super::{check_schema, schema};
use crate::convert::field::{RECORD_TEXT_BYTES_MAX, named, present, text};
use crate::convert::invalid::{At as _, Invalid};
use crate::convert::report::{lane_from_wire, lane_to_wire};
use crate::convert::time::{moment, timestamp_to_wire};
use crate::r#gen::records::v1 as records;

/// A replica that is there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// Where agents and callers reach it.
    pub address: String,
    /// Its version.
    pub version: String,
}

impl TryFrom<records::ReplicaRecord> for Member {
    type Error = Invalid;

    fn try_from(wire: records::ReplicaRecord) -> Result<Self, Invalid> {
        let records::ReplicaRecord { schema, address, version } = wire;
        check_schema(schema)?;
        let address = text("address", address, RECORD_TEXT_BYTES_MAX)?;
        Ok(Self { address, version: text("version", version, RECORD_TEXT_BYTES_MAX)? })
    }
}

impl From<&Member> for records::ReplicaRecord {
    fn from(member: &Member) -> Self {
        let Member { address, version } = member.clone();
        Self { schema: schema(), address, version }
    }
}

/// The owner of a shard.
///
/// # Errors
/// If the record names no replica.
pub fn owner_from_record(wire: records::OwnerRecord) -> Result<ReplicaId, Invalid> {
    let records::OwnerRecord { schema, replica } = wire;
    check_schema(schema)?;
    named("replica", replica, ReplicaId::new)
}

/// The record of a shard's owner.
#[must_use]
pub fn owner_to_record(owner: &ReplicaId) -> records::OwnerRecord {
    records::OwnerRecord { schema: schema(), replica: owner.to_string() }
}

/// The newest session of a region's agent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionHeld {
    /// Its number.
    pub number: u64,
    /// Who holds it.
    pub replica: ReplicaId,
    /// When it was opened, by the clock of that replica.
    pub since: Timestamp,
}

impl TryFrom<records::SessionRecord> for SessionHeld {
    type Error = Invalid;

    fn try_from(wire: records::SessionRecord) -> Result<Self, Invalid> {
        let records::SessionRecord { schema, number, replica, since } = wire;
        check_schema(schema)?;
        Ok(Self { number, replica: named("replica", replica, ReplicaId::new)?, since: moment("since", since)? })
    }
}

impl From<&SessionHeld> for records::SessionRecord {
    fn from(held: &SessionHeld) -> Self {
        let SessionHeld { number, replica, since } = held;
        Self { schema: schema(), number: *number, replica: replica.to_string(), since: Some(timestamp_to_wire(*since)) }
    }
}

/// What an agent said of a lane, as another replica heard it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Heard {
    /// The session that it was said in.
    pub session: u64,
    /// Of which service.
    pub service: ServiceId,
    /// What it sees.
    pub observed: Observed,
}

impl TryFrom<records::SeenRecord> for Heard {
    type Error = Invalid;

    fn try_from(wire: records::SeenRecord) -> Result<Self, Invalid> {
        let records::SeenRecord { schema, session_number, lane } = wire;
        check_schema(schema)?;
        let (service, observed) = lane_from_wire(present("lane", lane)?).at("lane")?;
        Ok(Self { session: session_number, service, observed })
    }
}

impl From<&Heard> for records::SeenRecord {
    fn from(heard: &Heard) -> Self {
        let Heard { session, service, observed } = heard;
        Self { schema: schema(), session_number: *session, lane: Some(lane_to_wire(service, observed)) }
    }
}
