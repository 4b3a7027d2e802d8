//! Records as bytes: one pair of functions for each kind. Whatever can't be read whole is refused: bytes that are none of
//! ours, values that contradict themselves, and records of a newer major schema.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use meridian_core::audit::AuditEntry;
use meridian_core::digest::Digest;
use meridian_core::id::{RegionId, ReplicaId, ServiceId};
use meridian_core::lane::LaneState;
use meridian_core::plan::HashedPlan;
use meridian_core::queue::Queue;
use meridian_core::rollout::gates::stops::{StopEntry, Stops};
use meridian_core::rollout::state::Rollout;
use meridian_core::watch::{Feedback, History, Opinion};
use meridian_proto::convert::Invalid;
use meridian_proto::convert::record as convert;
use meridian_proto::r#gen::records::v1 as wire;
use prost::Message;
use thiserror::Error;

use crate::Key;

pub use meridian_proto::convert::record::{
    Confirmed, Drain, Head, Heard, Member, Outgoing, Outline, Quarantine, Region, RequestDone, Restore, SCHEMA_MAJOR,
    SCHEMA_MINOR, Service, SessionHeld, Stands, StoredPlan, StoredPlaybook, StoredRelease, StoredRoute, StoredSet,
    StoredWatch, UNDRAINS_MAX, Undrain,
};

/// Why a record can't be read. Reading it again won't help.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordError {
    /// Written by a newer version, which may mean something else by the same fields.
    #[error("{key} was written with schema {major}, this version reads up to {SCHEMA_MAJOR}; run the newer version")]
    SchemaTooNew {
        /// Where.
        key: Key,
        /// The schema's major number.
        major: u32,
    },
    /// Not a record of its kind: empty, damaged, or contradicting itself.
    #[error("{key} can't be read: {reason}")]
    Undecodable {
        /// Where.
        key: Key,
        /// What was found.
        reason: String,
    },
}

/// The bytes of what a service's owner says of it.
#[must_use]
pub fn encode_service(service: &Service) -> Bytes {
    encode(&wire::ServiceRecord::from(service))
}

/// Reads what a service's owner says of it.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_service(key: &Key, bytes: &[u8]) -> Result<Service, RecordError> {
    decode::<wire::ServiceRecord, _>(key, bytes, Service::try_from)
}

/// The bytes of a service's head.
#[must_use]
pub fn encode_head(head: &Head) -> Bytes {
    encode(&wire::HeadRecord::from(head))
}

/// Reads a service's head.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_head(key: &Key, bytes: &[u8]) -> Result<Head, RecordError> {
    decode::<wire::HeadRecord, _>(key, bytes, Head::try_from)
}

/// The bytes of a service's lanes.
#[must_use]
pub fn encode_lanes(lanes: &BTreeMap<RegionId, LaneState>) -> Bytes {
    encode(&convert::lanes_to_record(lanes))
}

/// Reads a service's lanes.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_lanes(key: &Key, bytes: &[u8]) -> Result<BTreeMap<RegionId, LaneState>, RecordError> {
    decode(key, bytes, convert::lanes_from_record)
}

/// The bytes of a release.
#[must_use]
pub fn encode_release(release: &StoredRelease) -> Bytes {
    encode(&wire::ReleaseRecord::from(release))
}

/// Reads a release.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_release(key: &Key, bytes: &[u8]) -> Result<StoredRelease, RecordError> {
    decode::<wire::ReleaseRecord, _>(key, bytes, StoredRelease::try_from)
}

/// The bytes of what a decision changes in a rollout's record, as its audit entry keeps them.
#[must_use]
pub fn encode_change(before: Option<&Rollout>, next: &Rollout) -> Vec<u8> {
    convert::change_to_bytes(before, next)
}

/// The bytes of an audit entry.
#[must_use]
pub fn encode_audit(entry: &AuditEntry) -> Bytes {
    encode(&convert::audit_to_record(entry))
}

/// Reads an audit entry of `service`, and checks that it is what was written.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_audit(key: &Key, bytes: &[u8], service: &ServiceId) -> Result<AuditEntry, RecordError> {
    decode(key, bytes, |record| convert::audit_from_record(service.clone(), record))
}

/// The bytes of a region.
#[must_use]
pub fn encode_region(region: &Region) -> Bytes {
    encode(&wire::RegionRecord::from(region))
}

/// Reads a region.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_region(key: &Key, bytes: &[u8]) -> Result<Region, RecordError> {
    decode::<wire::RegionRecord, _>(key, bytes, Region::try_from)
}

/// The bytes of a revision of a playbook.
#[must_use]
pub fn encode_playbook(playbook: &StoredPlaybook) -> Bytes {
    encode(&wire::PlaybookRecord::from(playbook))
}

/// Reads a revision of a playbook.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_playbook(key: &Key, bytes: &[u8]) -> Result<StoredPlaybook, RecordError> {
    decode::<wire::PlaybookRecord, _>(key, bytes, StoredPlaybook::try_from)
}

/// The bytes of a plan.
#[must_use]
pub fn encode_plan(plan: &StoredPlan) -> Bytes {
    encode(&wire::PlanRecord::from(plan))
}

/// Reads a plan, and checks that it is the one of its hash.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_plan(key: &Key, bytes: &[u8]) -> Result<StoredPlan, RecordError> {
    decode::<wire::PlanRecord, _>(key, bytes, StoredPlan::try_from)
}

/// The bytes of a rollout; its plan is stored on its own.
#[must_use]
pub fn encode_rollout(rollout: &Rollout) -> Bytes {
    encode(&convert::rollout_to_record(rollout))
}

/// Reads a rollout of `plan`.
///
/// # Errors
/// See [`RecordError`]; also if it is a rollout of another plan.
pub fn decode_rollout(key: &Key, bytes: &[u8], plan: Arc<HashedPlan>) -> Result<Rollout, RecordError> {
    decode(key, bytes, |record| convert::rollout_from_record(record, plan))
}

/// Reads what can be said of a rollout without its plan: cheap, however many regions it has.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_outline(key: &Key, bytes: &[u8]) -> Result<Outline, RecordError> {
    decode::<wire::RolloutOutline, _>(key, bytes, Outline::try_from)
}

/// The hash of a rollout's plan, with which the rollout can be read.
///
/// # Errors
/// See [`RecordError`].
pub fn plan_of_rollout(key: &Key, bytes: &[u8]) -> Result<Digest, RecordError> {
    decode_outline(key, bytes).map(|outline| outline.plan)
}

/// Whether a rollout has ended, without reading all of it.
///
/// # Errors
/// See [`RecordError`].
pub fn has_ended(key: &Key, bytes: &[u8]) -> Result<bool, RecordError> {
    decode_outline(key, bytes).map(|outline| outline.phase.is_terminal())
}

/// The bytes of what a request has done.
#[must_use]
pub fn encode_request(done: &RequestDone) -> Bytes {
    encode(&wire::RequestRecord::from(done))
}

/// Reads what a request has done.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_request(key: &Key, bytes: &[u8]) -> Result<RequestDone, RecordError> {
    decode::<wire::RequestRecord, _>(key, bytes, RequestDone::try_from)
}

/// The bytes of a set.
#[must_use]
pub fn encode_set(set: &StoredSet) -> Bytes {
    encode(&wire::SetRecord::from(set))
}

/// Reads a set.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_set(key: &Key, bytes: &[u8]) -> Result<StoredSet, RecordError> {
    decode::<wire::SetRecord, _>(key, bytes, StoredSet::try_from)
}

/// The bytes of a replica that is there.
#[must_use]
pub fn encode_member(member: &Member) -> Bytes {
    encode(&wire::ReplicaRecord::from(member))
}

/// Reads a replica that is there.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_member(key: &Key, bytes: &[u8]) -> Result<Member, RecordError> {
    decode::<wire::ReplicaRecord, _>(key, bytes, Member::try_from)
}

/// The bytes of the newest session of a region.
#[must_use]
pub fn encode_session(session: &SessionHeld) -> Bytes {
    encode(&wire::SessionRecord::from(session))
}

/// Reads the newest session of a region.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_session(key: &Key, bytes: &[u8]) -> Result<SessionHeld, RecordError> {
    decode::<wire::SessionRecord, _>(key, bytes, SessionHeld::try_from)
}

/// The bytes of what was heard of a lane.
#[must_use]
pub fn encode_heard(heard: &Heard) -> Bytes {
    encode(&wire::SeenRecord::from(heard))
}

/// Reads what was heard of a lane.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_heard(key: &Key, bytes: &[u8]) -> Result<Heard, RecordError> {
    decode::<wire::SeenRecord, _>(key, bytes, Heard::try_from)
}

/// The bytes of a shard's owner.
#[must_use]
pub fn encode_owner(owner: &ReplicaId) -> Bytes {
    encode(&convert::owner_to_record(owner))
}

/// Reads a shard's owner.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_owner(key: &Key, bytes: &[u8]) -> Result<ReplicaId, RecordError> {
    decode(key, bytes, convert::owner_from_record)
}

/// The bytes of a watch.
#[must_use]
pub fn encode_watch(stored: &StoredWatch) -> Bytes {
    encode(&wire::WatchRecord::from(stored))
}

/// Reads a watch.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_watch(key: &Key, bytes: &[u8]) -> Result<StoredWatch, RecordError> {
    decode::<wire::WatchRecord, _>(key, bytes, StoredWatch::try_from)
}

/// The bytes of what was measured of a KPI.
#[must_use]
pub fn encode_history(history: &History) -> Bytes {
    encode(&convert::history_to_record(history))
}

/// Reads what was measured of a KPI.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_history(key: &Key, bytes: &[u8]) -> Result<History, RecordError> {
    decode(key, bytes, convert::history_from_record)
}

/// The bytes of what somebody said of a release.
#[must_use]
pub fn encode_feedback(feedback: &Feedback) -> Bytes {
    encode(&convert::feedback_to_record(feedback))
}

/// Reads what somebody said of a release.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_feedback(key: &Key, bytes: &[u8]) -> Result<Feedback, RecordError> {
    decode(key, bytes, convert::feedback_from_record)
}

/// The bytes of all feedback of a release, added up.
#[must_use]
pub fn encode_opinion(opinion: Opinion) -> Bytes {
    encode(&convert::opinion_to_record(opinion))
}

/// Reads all feedback of a release, added up.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_opinion(key: &Key, bytes: &[u8]) -> Result<Opinion, RecordError> {
    decode(key, bytes, convert::opinion_from_record)
}

/// The bytes of the mark of a restore.
#[must_use]
pub fn encode_restore(restore: &Restore) -> Bytes {
    encode(&wire::RestoreRecord::from(restore))
}

/// Reads the mark of a restore.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_restore(key: &Key, bytes: &[u8]) -> Result<Restore, RecordError> {
    decode::<wire::RestoreRecord, _>(key, bytes, Restore::try_from)
}

/// The bytes of what is to be said.
#[must_use]
pub fn encode_outgoing(outgoing: &Outgoing) -> Bytes {
    encode(&wire::OutgoingRecord::from(outgoing))
}

/// Reads what is to be said.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_outgoing(key: &Key, bytes: &[u8]) -> Result<Outgoing, RecordError> {
    decode::<wire::OutgoingRecord, _>(key, bytes, Outgoing::try_from)
}

/// The bytes of the alerts that stand.
#[must_use]
pub fn encode_stands(stands: &Stands) -> Bytes {
    encode(&wire::StandingRecord::from(stands))
}

/// Reads the alerts that stand.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_stands(key: &Key, bytes: &[u8]) -> Result<Stands, RecordError> {
    decode::<wire::StandingRecord, _>(key, bytes, Stands::try_from)
}

/// The bytes of a route.
#[must_use]
pub fn encode_route(route: &StoredRoute) -> Bytes {
    encode(&wire::RouteRecord::from(route))
}

/// Reads a route.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_route(key: &Key, bytes: &[u8]) -> Result<StoredRoute, RecordError> {
    decode::<wire::RouteRecord, _>(key, bytes, StoredRoute::try_from)
}

/// The bytes of what is stopped.
#[must_use]
pub fn encode_stops(stops: &Stops) -> Bytes {
    encode(&convert::stops_to_record(stops))
}

/// Reads what is stopped.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_stops(key: &Key, bytes: &[u8]) -> Result<Stops, RecordError> {
    decode(key, bytes, convert::stops_from_record)
}

/// The bytes of an order about stops.
#[must_use]
pub fn encode_stop_entry(entry: &StopEntry) -> Bytes {
    encode(&convert::stop_entry_to_record(entry))
}

/// Reads an order about stops.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_stop_entry(key: &Key, bytes: &[u8]) -> Result<StopEntry, RecordError> {
    decode(key, bytes, convert::stop_entry_from_record)
}

/// The bytes of a queue.
#[must_use]
pub fn encode_queue(queue: &Queue) -> Bytes {
    encode(&convert::queue_to_record(queue))
}

/// Reads a queue.
///
/// # Errors
/// See [`RecordError`].
pub fn decode_queue(key: &Key, bytes: &[u8]) -> Result<Queue, RecordError> {
    decode(key, bytes, convert::queue_from_record)
}

fn encode(record: &impl Message) -> Bytes {
    let bytes = record.encode_to_vec();
    assert!(!bytes.is_empty(), "every record carries its schema");
    bytes.into()
}

/// Reads the schema first and alone: a newer record may not even have the shape that this version would read it by.
fn decode<M: Message + Default, T>(
    key: &Key,
    bytes: &[u8],
    convert: impl FnOnce(M) -> Result<T, Invalid>,
) -> Result<T, RecordError> {
    let undecodable = |reason: String| RecordError::Undecodable { key: key.clone(), reason };
    if bytes.is_empty() {
        return Err(undecodable("it is empty".to_owned()));
    }
    let wire::AnyRecord { schema } = wire::AnyRecord::decode(bytes).map_err(|error| undecodable(error.to_string()))?;
    if let Some(wire::Schema { major, minor: _ }) = schema
        && major > SCHEMA_MAJOR
    {
        return Err(RecordError::SchemaTooNew { key: key.clone(), major });
    }
    let record = M::decode(bytes).map_err(|error| undecodable(error.to_string()))?;
    convert(record).map_err(|invalid| undecodable(invalid.to_string()))
}

#[cfg(test)]
mod tests;
