//! Records for which core has no word of its own: what was said over the API, with the time it was said.

use std::collections::{BTreeMap, BTreeSet};

use meridian_core::digest::Digest;
use meridian_core::id::ServiceId;
use meridian_core::plan::parameters::Parameters;
use meridian_core::plan::{Plan, TrafficShare};
use meridian_core::playbook::Playbook;
use meridian_core::release::Release;
use meridian_core::time::Timestamp;

use super::quarantine::{Confirmed, Drain, Quarantine, Undrain, confirmed_from_wire, confirmed_to_wire};
use super::{check_schema, schema};
use crate::convert::field::{
    RECORD_TEXT_BYTES_MAX, digest, labels, list, list_with, map_with, optional, present, required, share_or_none, text,
    within,
};
use crate::convert::invalid::{At, Invalid};
use crate::convert::parameters::{parameters_from_wire, parameters_to_wire};
use crate::convert::report::{CAPABILITIES_MAX, LANES_MAX};
use crate::convert::time::{moment, timestamp_to_wire};
use crate::r#gen::records::v1 as records;
use crate::r#gen::v1;

/// A service as its owner describes it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Service {
    /// Free text.
    pub description: String,
    /// Who to ask.
    pub owner: String,
    /// For selecting.
    pub labels: BTreeMap<String, String>,
    /// What its workloads are started with.
    pub parameters: Parameters,
    /// First written.
    pub created: Timestamp,
    /// Last written.
    pub updated: Timestamp,
}

impl TryFrom<records::ServiceRecord> for Service {
    type Error = Invalid;

    fn try_from(wire: records::ServiceRecord) -> Result<Self, Invalid> {
        let records::ServiceRecord { schema, description, owner, labels: all, create_time, update_time, parameters } =
            wire;
        check_schema(schema)?;
        Ok(Self {
            description: text("description", description, RECORD_TEXT_BYTES_MAX)?,
            owner: text("owner", owner, RECORD_TEXT_BYTES_MAX)?,
            labels: labels("labels", all)?,
            parameters: parameters_from_wire("parameters", parameters)?,
            created: moment("create_time", create_time)?,
            updated: moment("update_time", update_time)?,
        })
    }
}

impl From<&Service> for records::ServiceRecord {
    fn from(spec: &Service) -> Self {
        let Service { description, owner, labels, parameters, created, updated } = spec;
        Self {
            schema: schema(),
            description: description.clone(),
            owner: owner.clone(),
            labels: labels.clone(),
            parameters: parameters_to_wire(parameters),
            create_time: Some(timestamp_to_wire(*created)),
            update_time: Some(timestamp_to_wire(*updated)),
        }
    }
}

/// The most drains of a region that are remembered after they were taken back; the oldest goes first.
pub const UNDRAINS_MAX: usize = 8;

/// A registered region.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Region {
    /// For selecting.
    pub labels: BTreeMap<String, String>,
    /// Free text.
    pub description: String,
    /// Taken out of new plans.
    pub cordoned: bool,
    /// First written.
    pub created: Timestamp,
    /// Last written.
    pub updated: Timestamp,
    /// As last said by its agent; empty if it never spoke.
    pub agent_version: String,
    /// What its drivers can do, as last said; empty if it never spoke.
    pub capabilities: BTreeSet<String>,
    /// Number of its last session; 0 before the first.
    pub session_number: u64,
    /// Its part of the traffic, if declared.
    pub traffic_share: Option<TrafficShare>,
    /// Why its agent is not believed, if it is not.
    pub quarantine: Option<Quarantine>,
    /// The last loss of memory of each lane that somebody has confirmed.
    pub confirmed: BTreeMap<ServiceId, Confirmed>,
    /// That it is on its way out of the fleet, if it is.
    pub drain: Option<Drain>,
    /// Drains that were taken back: the last [`UNDRAINS_MAX`], the newest last.
    pub undrains: Vec<Undrain>,
}

impl TryFrom<records::RegionRecord> for Region {
    type Error = Invalid;

    fn try_from(wire: records::RegionRecord) -> Result<Self, Invalid> {
        let records::RegionRecord {
            schema,
            labels: all,
            description,
            cordoned,
            create_time,
            update_time,
            agent_version,
            capabilities,
            session_number,
            traffic_share,
            quarantine,
            confirmed,
            drain,
            undrains,
        } = wire;
        check_schema(schema)?;
        let word = |word| text("", word, RECORD_TEXT_BYTES_MAX);
        Ok(Self {
            labels: labels("labels", all)?,
            description: text("description", description, RECORD_TEXT_BYTES_MAX)?,
            cordoned,
            created: moment("create_time", create_time)?,
            updated: moment("update_time", update_time)?,
            agent_version: text("agent_version", agent_version, RECORD_TEXT_BYTES_MAX)?,
            capabilities: list_with("capabilities", capabilities, CAPABILITIES_MAX, word)?.into_iter().collect(),
            session_number,
            traffic_share: share_or_none("traffic_share", traffic_share)?,
            quarantine: optional("quarantine", quarantine)?,
            confirmed: map_with("confirmed", confirmed, LANES_MAX, confirmed_from_wire)?,
            drain: optional("drain", drain)?,
            undrains: list("undrains", undrains, UNDRAINS_MAX)?,
        })
    }
}

impl From<&Region> for records::RegionRecord {
    fn from(entry: &Region) -> Self {
        let Region {
            labels,
            description,
            cordoned,
            created,
            updated,
            agent_version,
            capabilities,
            session_number,
            traffic_share,
            quarantine,
            confirmed,
            drain,
            undrains,
        } = entry;
        Self {
            schema: schema(),
            labels: labels.clone(),
            description: description.clone(),
            cordoned: *cordoned,
            create_time: Some(timestamp_to_wire(*created)),
            update_time: Some(timestamp_to_wire(*updated)),
            agent_version: agent_version.clone(),
            capabilities: capabilities.iter().cloned().collect(),
            session_number: *session_number,
            traffic_share: traffic_share.map(TrafficShare::get).unwrap_or_default(),
            quarantine: quarantine.as_ref().map(Into::into),
            confirmed: confirmed.iter().map(confirmed_to_wire).collect(),
            drain: drain.as_ref().map(Into::into),
            undrains: undrains.iter().map(Into::into).collect(),
        }
    }
}

/// A revision of a playbook.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredPlaybook {
    /// As written by its author; validated before it was stored.
    pub playbook: Playbook,
    /// Counted from one.
    pub revision: u64,
    /// When this revision was written.
    pub updated: Timestamp,
}

impl TryFrom<records::PlaybookRecord> for StoredPlaybook {
    type Error = Invalid;

    fn try_from(wire: records::PlaybookRecord) -> Result<Self, Invalid> {
        let records::PlaybookRecord { schema, playbook } = wire;
        check_schema(schema)?;
        let mut playbook = present("playbook", playbook)?;
        let revision = playbook.revision;
        let updated = moment("update_time", playbook.update_time.take()).at("playbook")?;
        within("revision", revision, 1, u64::MAX).at("playbook")?;
        Ok(Self { playbook: Playbook::try_from(playbook).at("playbook")?, revision, updated })
    }
}

impl From<&StoredPlaybook> for records::PlaybookRecord {
    fn from(entry: &StoredPlaybook) -> Self {
        let StoredPlaybook { playbook, revision, updated } = entry;
        let update_time = Some(timestamp_to_wire(*updated));
        let playbook = v1::Playbook { revision: *revision, update_time, ..playbook.into() };
        Self { schema: schema(), playbook: Some(playbook) }
    }
}

/// A release with the time it was made known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredRelease {
    /// The release.
    pub release: Release,
    /// When it was made known.
    pub created: Timestamp,
}

impl TryFrom<records::ReleaseRecord> for StoredRelease {
    type Error = Invalid;

    fn try_from(wire: records::ReleaseRecord) -> Result<Self, Invalid> {
        let records::ReleaseRecord { schema, release } = wire;
        check_schema(schema)?;
        let mut release = present("release", release)?;
        let created = moment("create_time", release.create_time.take()).at("release")?;
        Ok(Self { release: Release::try_from(release).at("release")?, created })
    }
}

impl From<&StoredRelease> for records::ReleaseRecord {
    fn from(entry: &StoredRelease) -> Self {
        let StoredRelease { release, created } = entry;
        let release = v1::Release { create_time: Some(timestamp_to_wire(*created)), ..release.into() };
        Self { schema: schema(), release: Some(release) }
    }
}

/// A plan with the time it was made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredPlan {
    /// The plan.
    pub plan: Plan,
    /// When it was made.
    pub created: Timestamp,
}

impl TryFrom<records::PlanRecord> for StoredPlan {
    type Error = Invalid;

    fn try_from(wire: records::PlanRecord) -> Result<Self, Invalid> {
        let records::PlanRecord { schema, plan, create_time } = wire;
        check_schema(schema)?;
        Ok(Self { plan: required("plan", plan)?, created: moment("create_time", create_time)? })
    }
}

impl From<&StoredPlan> for records::PlanRecord {
    fn from(entry: &StoredPlan) -> Self {
        let StoredPlan { plan, created } = entry;
        Self { schema: schema(), plan: Some(plan.into()), create_time: Some(timestamp_to_wire(*created)) }
    }
}

/// What a request id has done: the same id with the same body has the effect of once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestDone {
    /// Digest of method and body.
    pub body: Digest,
    /// Name of the resource that came of it.
    pub resource: String,
    /// When.
    pub time: Timestamp,
}

impl TryFrom<records::RequestRecord> for RequestDone {
    type Error = Invalid;

    fn try_from(wire: records::RequestRecord) -> Result<Self, Invalid> {
        let records::RequestRecord { schema, body_digest, resource, time } = wire;
        check_schema(schema)?;
        Ok(Self {
            body: digest("body_digest", &body_digest)?,
            resource: text("resource", resource, RECORD_TEXT_BYTES_MAX)?,
            time: moment("time", time)?,
        })
    }
}

impl From<&RequestDone> for records::RequestRecord {
    fn from(done: &RequestDone) -> Self {
        let RequestDone { body, resource, time } = done;
        Self {
            schema: schema(),
            body_digest: body.to_string(),
            resource: resource.clone(),
            time: Some(timestamp_to_wire(*time)),
        }
    }
}
