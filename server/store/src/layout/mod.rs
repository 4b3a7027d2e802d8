//! The whole key layout: which record is stored under which key, written and read in one place. It knows no record. Here are
//! the keys; beside them what they begin with, by folder, and how they are read back.

mod alerts;
mod folders;
mod place;
mod watching;

use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::id::{Lane, PlaybookId, RegionId, ReplicaId, RolloutId, ServiceId, SetId};
use meridian_core::ownership::Shard;
use semver::Version;

use crate::{Key, KeyInvalid};

pub use alerts::{all_standing, outbox, outgoing_decided, outgoing_waited, route, routes, standing};
pub use folders::{
    all_of_service, all_seen, audits, before_audit, everything, owners, plans, playbook_folder, playbook_revisions,
    playbooks, queues, regions, releases, replicas, requests, rollouts, services, sessions,
};
pub use place::Place;
pub use watching::{
    all_watches, answer, answers, kpi, kpis, opinion, opinions, watch, watch_audit, watch_audits, watches,
};

/// What a service's owner says of it.
#[must_use]
pub fn service(id: &ServiceId) -> Key {
    key(format!("/services/{id}/spec"))
}

/// The head of a service.
#[must_use]
pub fn head(service: &ServiceId) -> Key {
    key(format!("/services/{service}/head"))
}

/// The lanes of a service.
#[must_use]
pub fn lanes(service: &ServiceId) -> Key {
    key(format!("/services/{service}/lanes"))
}

/// A release of a service.
///
/// # Panics
/// With a version of more than 400 bytes; versions are bounded far below where they come in.
#[must_use]
pub fn release(service: &ServiceId, version: &Version) -> Key {
    key(format!("/services/{service}/releases/{version}"))
}

/// The audit entry of a decision.
#[must_use]
pub fn audit(service: &ServiceId, epoch: Epoch) -> Key {
    key(format!("/services/{service}/audit/{:020}.{:020}", epoch.generation(), epoch.counter()))
}

/// A region.
#[must_use]
pub fn region(id: &RegionId) -> Key {
    key(format!("/regions/{id}"))
}

/// The revision of a playbook that is in force.
#[must_use]
pub fn playbook(id: &PlaybookId) -> Key {
    key(format!("/playbooks/{id}/latest"))
}

/// A revision of a playbook.
#[must_use]
pub fn playbook_revision(id: &PlaybookId, revision: u64) -> Key {
    key(format!("/playbooks/{id}/revisions/{revision:020}"))
}

/// A plan.
#[must_use]
pub fn plan(hash: &Digest) -> Key {
    key(format!("/plans/{}", hash.hex()))
}

/// A rollout.
#[must_use]
pub fn rollout(id: &RolloutId) -> Key {
    key(format!("/rollouts/{id}"))
}

/// What a request id has done. Ids are UUIDs, which are the same in upper and lower case.
///
/// # Errors
/// An id that does not fit into a key.
pub fn request(id: &str) -> Result<Key, KeyInvalid> {
    Key::new(format!("/requests/{}", id.to_ascii_lowercase()))
}

/// A replica that is there.
#[must_use]
pub fn replica(id: &ReplicaId) -> Key {
    key(format!("/replicas/{id}"))
}

/// The owner of a shard.
#[must_use]
pub fn owner(shard: Shard) -> Key {
    key(format!("/owners/{:02}", shard.number()))
}

/// The newest session of a region's agent.
#[must_use]
pub fn session(region: &RegionId) -> Key {
    key(format!("/sessions/{region}"))
}

/// What was heard of a lane.
#[must_use]
pub fn seen(lane: &Lane) -> Key {
    key(format!("/seen/{}/{}", lane.region, lane.service))
}

/// A set.
#[must_use]
pub fn set(id: &SetId) -> Key {
    key(format!("/sets/{id}"))
}

/// Where the line is stopped.
#[must_use]
pub fn stops() -> Key {
    key("/stops/now".to_owned())
}

/// An order about stops.
#[must_use]
pub fn stop_entry(number: u64) -> Key {
    key(format!("/stops/log/{number:020}"))
}

/// What waits for the lanes of a service.
#[must_use]
pub fn queue(service: &ServiceId) -> Key {
    key(format!("/queues/{service}"))
}

/// The restore that filled this store.
#[must_use]
pub fn restore() -> Key {
    key("/restore".to_owned())
}

/// Whether an entry means something to a later life of the store: who owns, serves and speaks now does not, nor what
/// was seen, what was to be said of it, nor how this store was filled.
#[must_use]
pub fn is_lasting(key: &Key) -> bool {
    let passing = ["/owners/", "/replicas/", "/sessions/", "/seen/", "/alerts/", "/restore"];
    !passing.iter().any(|prefix| key.as_str().starts_with(prefix))
}

fn key(text: String) -> Key {
    Key::new(text).expect("names, numbers and bounded versions are short printable ASCII")
}

#[cfg(test)]
mod tests;
