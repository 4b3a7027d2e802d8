//! Keys of alerts: routes that people declare, what is to be said, and what stands.

use meridian_core::epoch::Epoch;
use meridian_core::id::{RolloutId, RouteId, ServiceId};

use super::key;
use crate::Key;

/// A route.
#[must_use]
pub fn route(id: &RouteId) -> Key {
    key(format!("/routes/{id}"))
}

/// What a decision has to say.
#[must_use]
pub fn outgoing_decided(service: &ServiceId, epoch: Epoch) -> Key {
    key(format!("/alerts/outbox/{service}/decided.{:020}.{:020}", epoch.generation(), epoch.counter()))
}

/// What is said for the n-th time of what a rollout waits for.
#[must_use]
pub fn outgoing_waited(service: &ServiceId, rollout: &RolloutId, n: u64) -> Key {
    key(format!("/alerts/outbox/{service}/waited.{rollout}.{n:020}"))
}

/// The alerts of a rollout that stand because it waits.
#[must_use]
pub fn standing(rollout: &RolloutId) -> Key {
    key(format!("/alerts/standing/{rollout}"))
}

/// Begins every route.
#[must_use]
pub fn routes() -> Key {
    key("/routes/".to_owned())
}

/// Begins everything that is to be said.
#[must_use]
pub fn outbox() -> Key {
    key("/alerts/outbox/".to_owned())
}

/// Begins what stands of every rollout.
#[must_use]
pub fn all_standing() -> Key {
    key("/alerts/standing/".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::{Place, is_lasting};
    use super::*;

    #[test]
    fn they_are_as_written_down_and_read_back() {
        let (service, rollout) = (ServiceId::new("checkout").unwrap(), RolloutId::new("r-1").unwrap());
        let (id, epoch) = (RouteId::new("on-call").unwrap(), Epoch::new(1, 42));
        let decided = "/alerts/outbox/checkout/decided.00000000000000000001.00000000000000000042";
        let waited = "/alerts/outbox/checkout/waited.r-1.00000000000000000007";
        let table = [
            (route(&id), "/routes/on-call", Place::Route(id.clone()), true),
            (outgoing_decided(&service, epoch), decided, Place::Outgoing(service.clone()), false),
            (outgoing_waited(&service, &rollout, 7), waited, Place::Outgoing(service.clone()), false),
            (standing(&rollout), "/alerts/standing/r-1", Place::Standing(rollout.clone()), false),
        ];
        for (key, text, place, lasting) in table {
            assert_eq!((key.as_str(), Place::of(&key), is_lasting(&key)), (text, Some(place), lasting));
        }
        let begins = |key: Key, with: Key| assert!(key.as_str().starts_with(with.as_str()));
        begins(outgoing_decided(&service, epoch), outbox());
        begins(standing(&rollout), all_standing());
        begins(route(&id), routes());
    }
}
