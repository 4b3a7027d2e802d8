//! The catalog: services, playbooks, releases, regions and plans. What people write down before anything moves. It keeps
//! and compares; it decides nothing about rollouts and never writes a key that the engine writes, but for regions, where
//! both compare.

mod forget;
mod kept;
mod kind;
mod lanes;
mod listing;
mod plans;
mod playbooks;
mod regions;
mod releases;
mod routes;
mod services;
mod sets;

use std::sync::Arc;

use meridian_core::time::Timestamp;
use meridian_store::{Revision, Store};

use crate::clock::Clock;
use crate::engine::RequestMark;

pub use forget::Forgetting;
pub use kind::Kind;
pub use lanes::{Outlook, ServiceLanes};
pub use listing::Listed;
pub(crate) use plans::unknown_zone;
pub use plans::{NewPlan, PlanOrder};
pub use regions::{RegionSpec, Voucher};
pub use services::ServiceText;
pub use sets::{MemberOrder, NewSet};

/// A value with the revision that last wrote it; [`Revision::ZERO`] if it was only checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stored<T> {
    /// The value.
    pub value: T,
    /// Its etag.
    pub revision: Revision,
}

/// Under which conditions something is written.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Whether it may be new.
    pub missing: Missing,
    /// Whether anything is written at all.
    pub effect: Effect,
    /// If set, what is there must be of this revision.
    pub etag: Option<Revision>,
    /// For having the effect of once.
    pub request: Option<RequestMark>,
}

/// What to do if there is nothing to change.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Missing {
    /// Refuse.
    #[default]
    Refused,
    /// Make it.
    Made,
}

/// Whether a change is made or only checked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Effect {
    /// Made.
    #[default]
    Made,
    /// Everything is checked, nothing is changed.
    Checked,
}

/// The catalog over a store. Cheap to clone.
#[derive(Clone)]
pub struct Catalog {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Catalog {
    /// A catalog in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Where it is kept, for following.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
