//! What is known of all launches: the newest one of each service that ended stable, and what is under way. It is followed
//! in the store; nothing is remembered that a restart would lose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use meridian_core::epoch::Epoch;
use meridian_core::id::{RegionId, RolloutId, ServiceId};
use meridian_core::release::ReleaseRef;
use meridian_core::rollout::state::Phase;
use meridian_store::record::{self, Outline};
use meridian_store::{Key, Revision, Versioned};
use tokio::sync::Notify;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::mirror::Sink;

/// The newest rollout of a service that ended stable and is no join.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    pub id: RolloutId,
    pub release: ReleaseRef,
    /// Its snapshot of the fleet.
    pub members: Arc<BTreeSet<RegionId>>,
    /// At which it ended.
    epoch: Epoch,
}

/// What is known of all services.
#[derive(Default)]
pub(super) struct Board {
    state: Mutex<State>,
    pub look: Notify,
}

#[derive(Default)]
struct State {
    launches: BTreeMap<ServiceId, Launch>,
    /// Joins that ended stable after the launch of their service: they are no launches, and are not read again.
    joins: BTreeMap<RolloutId, (ServiceId, Epoch)>,
    under_way: BTreeMap<RolloutId, ServiceId>,
    /// Whether all rollouts were listed once: before that, what is known may be no launch of today.
    listed: bool,
}

impl Board {
    /// All launches; nothing before they are known.
    pub fn launches(&self) -> Vec<(ServiceId, Launch)> {
        let state = self.state.lock().expect("no holder of this lock panics");
        let known = state.launches.iter().filter(|_| state.listed);
        known.map(|(service, launch)| (service.clone(), launch.clone())).collect()
    }

    /// That of a service.
    pub fn launch(&self, service: &ServiceId) -> Option<Launch> {
        let state = self.state.lock().expect("no holder of this lock panics");
        state.launches.get(service).filter(|_| state.listed).cloned()
    }

    /// What is under way of services of which nothing has ended stable.
    pub fn first_launches(&self) -> Vec<(ServiceId, RolloutId)> {
        let state = self.state.lock().expect("no holder of this lock panics");
        let known = state.under_way.iter().filter(|_| state.listed);
        let first = known.filter(|(_, service)| !state.launches.contains_key(*service));
        first.map(|(rollout, service)| (service.clone(), rollout.clone())).collect()
    }

    /// Whether a rollout that has ended stable may be a launch that is newer than what is known.
    fn is_news(&self, outline: &Outline) -> bool {
        let state = self.state.lock().expect("no holder of this lock panics");
        let newer = state.launches.get(&outline.service).is_none_or(|launch| launch.epoch < outline.epoch);
        newer && !state.joins.contains_key(&outline.id)
    }

    fn ended(&self, outline: Outline, launch: Option<Launch>) {
        let (service, epoch) = (outline.service, outline.epoch);
        let mut state = self.state.lock().expect("no holder of this lock panics");
        let Some(launch) = launch else {
            state.joins.insert(outline.id, (service, epoch));
            return;
        };
        state.joins.retain(|_, (of, at)| *of != service || *at > epoch);
        state.launches.insert(service, launch);
    }
}

/// Follows rollouts.
pub(super) struct Rollouts {
    pub engine: Engine,
    pub board: Arc<Board>,
}

impl Rollouts {
    /// The launch that a rollout was; `None`: it was a join.
    async fn launch(&self, outline: &Outline) -> Result<Option<Launch>, EngineError> {
        let plan = self.engine.plan(outline.plan).await?;
        if plan.join.is_some() {
            return Ok(None);
        }
        let members = Arc::new(plan.lanes.keys().cloned().collect());
        let (id, release) = (outline.id.clone(), plan.release.clone());
        Ok(Some(Launch { id, release, members, epoch: outline.epoch }))
    }
}

impl Sink for Rollouts {
    async fn put(&mut self, item: Versioned) {
        // What can't be read is told by the engine, which follows the same records.
        let Ok(outline) = record::decode_outline(&item.key, &item.value) else { return };
        {
            let mut state = self.board.state.lock().expect("no holder of this lock panics");
            if outline.phase.is_terminal() {
                state.under_way.remove(&outline.id);
            } else {
                state.under_way.insert(outline.id.clone(), outline.service.clone());
                return;
            }
        }
        self.board.look.notify_one();
        if !matches!(outline.phase, Phase::Stable { .. }) || !self.board.is_news(&outline) {
            return;
        }
        match self.launch(&outline).await {
            Ok(launch) => self.board.ended(outline, launch),
            Err(error) => {
                tracing::warn!(%error, rollout = %outline.id, "what it launched can't be read; reading again")
            }
        }
    }

    /// Records of rollouts are never removed.
    fn gone(&mut self, _key: &Key, _at: Revision) {}

    fn listed(&mut self, _keys: &BTreeSet<Key>, _at: Revision) {
        self.board.state.lock().expect("no holder of this lock panics").listed = true;
        self.board.look.notify_one();
    }
}

/// Follows regions: whoever comes, or is let in, may be late.
pub(super) struct Regions {
    pub board: Arc<Board>,
}

impl Sink for Regions {
    async fn put(&mut self, _item: Versioned) {
        self.board.look.notify_one();
    }

    fn gone(&mut self, _key: &Key, _at: Revision) {}

    fn listed(&mut self, _keys: &BTreeSet<Key>, _at: Revision) {}
}
