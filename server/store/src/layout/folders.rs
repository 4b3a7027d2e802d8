//! What keys of one kind begin with, for listing and watching them.

use meridian_core::epoch::Epoch;
use meridian_core::id::{PlaybookId, ServiceId};

use super::{audit, key};
use crate::Key;

/// Begins every replica.
#[must_use]
pub fn replicas() -> Key {
    key("/replicas/".to_owned())
}

/// Begins every owner.
#[must_use]
pub fn owners() -> Key {
    key("/owners/".to_owned())
}

/// Begins every session.
#[must_use]
pub fn sessions() -> Key {
    key("/sessions/".to_owned())
}

/// Begins everything heard of lanes.
#[must_use]
pub fn all_seen() -> Key {
    key("/seen/".to_owned())
}

/// Begins every key of every service.
#[must_use]
pub fn services() -> Key {
    key("/services/".to_owned())
}

/// Begins every key of a service.
#[must_use]
pub fn all_of_service(service: &ServiceId) -> Key {
    key(format!("/services/{service}/"))
}

/// Begins every release of a service.
#[must_use]
pub fn releases(service: &ServiceId) -> Key {
    key(format!("/services/{service}/releases/"))
}

/// Begins every audit entry of a service; they are listed in the order of their epochs.
#[must_use]
pub fn audits(service: &ServiceId) -> Key {
    key(format!("/services/{service}/audit/"))
}

/// The place right before an audit entry, from which on a listing begins with it; `None`: nothing can be before it.
#[must_use]
pub fn before_audit(service: &ServiceId, epoch: Epoch) -> Option<Key> {
    let counter = epoch.counter().checked_sub(1)?;
    Some(audit(service, Epoch::new(epoch.generation(), counter)))
}

/// Begins every region.
#[must_use]
pub fn regions() -> Key {
    key("/regions/".to_owned())
}

/// Begins every key of every playbook.
#[must_use]
pub fn playbooks() -> Key {
    key("/playbooks/".to_owned())
}

/// Begins every key of a playbook.
#[must_use]
pub fn playbook_folder(id: &PlaybookId) -> Key {
    key(format!("/playbooks/{id}/"))
}

/// Begins every revision of a playbook; they are listed in their order.
#[must_use]
pub fn playbook_revisions(id: &PlaybookId) -> Key {
    key(format!("/playbooks/{id}/revisions/"))
}

/// Begins every plan.
#[must_use]
pub fn plans() -> Key {
    key("/plans/".to_owned())
}

/// Begins every rollout.
#[must_use]
pub fn rollouts() -> Key {
    key("/rollouts/".to_owned())
}

/// Begins every request.
#[must_use]
pub fn requests() -> Key {
    key("/requests/".to_owned())
}

/// Begins every queue.
#[must_use]
pub fn queues() -> Key {
    key("/queues/".to_owned())
}

/// Begins every key.
#[must_use]
pub fn everything() -> Key {
    key("/".to_owned())
}
