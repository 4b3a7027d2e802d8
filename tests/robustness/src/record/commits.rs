//! Follows the store's history from its first revision and keeps every decision and audit entry. It resumes after each loss
//! where it was, so nothing is missed unless history is compacted past it, which it reports.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::Context;
use futures::StreamExt as _;
use meridian_core::canon::Canonical as _;
use meridian_core::digest::Digest;
use meridian_core::id::RegionId;
use meridian_core::lane::LaneState;
use meridian_core::plan::HashedPlan;
use meridian_core::rollout::goals::goal;
use meridian_core::rollout::state::{LaneAt, Rollout};
use meridian_store::etcd::EtcdStore;
use meridian_store::layout::Place;
use meridian_store::record;
use meridian_store::{Change, Key, Revision, Store as _, Versioned, WatchItem};
use tokio::task::JoinHandle;
use tokio::time::{Duration, sleep};

use crate::history::{Audit, Decision, LaneSeen, Micros};

/// Between two tries to watch on.
const AGAIN: Duration = Duration::from_millis(200);

/// What has been recorded so far.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// Every put of a rollout's record.
    pub decisions: Vec<Decision>,
    /// Every put of an audit entry.
    pub audits: Vec<Audit>,
    /// The lanes as they were put last.
    pub lanes: BTreeMap<RegionId, LaneState>,
    /// Up to where history has been read.
    pub revision: Revision,
    /// What could not be read, or was missed.
    pub troubles: Vec<String>,
    plans: BTreeMap<Digest, Arc<HashedPlan>>,
}

/// Records in the background until it is dropped.
#[derive(Debug)]
pub struct Recorder {
    shared: Arc<Mutex<Recorded>>,
    task: JoinHandle<()>,
}

impl Recorder {
    /// Starts at the store's first revision.
    #[must_use]
    pub fn start(store: EtcdStore, base: Instant) -> Self {
        let shared = Arc::new(Mutex::new(Recorded::default()));
        let task = tokio::spawn(follow(store, base, shared.clone()));
        Self { shared, task }
    }

    /// What has been recorded so far.
    #[must_use]
    pub fn recorded(&self) -> Recorded {
        lock(&self.shared).clone()
    }

    /// Up to where history has been read.
    #[must_use]
    pub fn revision(&self) -> Revision {
        lock(&self.shared).revision
    }

    /// The word of a rollout's phase and whether it is an end; `None`: never seen.
    #[must_use]
    pub fn phase(&self, rollout: &str) -> Option<(String, bool)> {
        let recorded = lock(&self.shared);
        let last = recorded.decisions.iter().rfind(|decision| decision.rollout == rollout)?;
        Some((last.phase.clone(), last.is_end))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(shared: &Mutex<Recorded>) -> MutexGuard<'_, Recorded> {
    // Each entry is whole before the next is begun.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn follow(store: EtcdStore, base: Instant, shared: Arc<Mutex<Recorded>>) {
    let everything = Key::new("/").expect("a slash is a key");
    loop {
        let from = lock(&shared).revision;
        let Ok(mut watch) = store.watch(&everything, from).await else {
            sleep(AGAIN).await; // tidy: paced
            continue;
        };
        while let Some(item) = watch.next().await {
            match item {
                Ok(WatchItem::Changes { revision, changes }) => {
                    let seen = u64::try_from(base.elapsed().as_micros()).unwrap_or(Micros::MAX);
                    let mut recorded = lock(&shared);
                    for change in changes {
                        if let Change::Put(item) = change
                            && let Err(why) = recorded.keep(&item, seen)
                        {
                            recorded.troubles.push(format!("{}: {why:#}", item.key));
                        }
                    }
                    recorded.revision = revision;
                }
                // History under one prefix moves slower than the store; only what was seen counts as read.
                Ok(WatchItem::Progress { revision }) => {
                    let mut recorded = lock(&shared);
                    recorded.revision = recorded.revision.max(revision);
                }
                Err(ended) if ended.retryable() => break,
                Err(ended) => {
                    lock(&shared).troubles.push(format!("history was missed: {ended}"));
                    break;
                }
            }
        }
        sleep(AGAIN).await; // tidy: paced
    }
}

impl Recorded {
    fn keep(&mut self, item: &Versioned, seen: Micros) -> anyhow::Result<()> {
        let Some(place) = Place::of(&item.key) else { return Ok(()) };
        if let Place::Plan(hash) = place {
            let plan = record::decode_plan(&item.key, &item.value)?.plan;
            self.plans.insert(hash, plan.into());
        } else if let Place::Rollout(_) = place {
            let hash = record::plan_of_rollout(&item.key, &item.value)?;
            let plan = self.plans.get(&hash).context("its plan was never put")?.clone();
            let rollout = record::decode_rollout(&item.key, &item.value, plan)?;
            self.decisions.push(decision(&rollout, item, seen));
        } else if let Place::Audit(service, _) = place {
            let entry = record::decode_audit(&item.key, &item.value, &service)?;
            self.audits.push(Audit {
                revision: item.mod_revision.get(),
                digest: entry.digest().to_string(),
                service: entry.service.to_string(),
                rollout: entry.rollout.map(|rollout| rollout.to_string()).unwrap_or_default(),
                epoch: entry.epoch,
                kind: entry.kind,
                actor: entry.actor,
                record: entry.record.to_string(),
                previous: entry.previous.map(|digest| digest.to_string()),
            });
        } else if let Place::Lanes(_) = place {
            self.lanes = record::decode_lanes(&item.key, &item.value)?;
        }
        Ok(())
    }
}

fn decision(rollout: &Rollout, item: &Versioned, seen: Micros) -> Decision {
    let lane = |region: &RegionId| {
        let (progress, planned) = (rollout.lanes.get(region)?, rollout.plan.lanes.get(region)?);
        let goal = goal(rollout, region)?;
        let weight_new = goal.split.map_or(0, |split| split.of(planned.slot).basis_points().into());
        let is_confirmed = rollout.phase.is_terminal()
            || match progress.at {
                LaneAt::Shifting(_) | LaneAt::Reverting => false,
                LaneAt::Waiting
                | LaneAt::Preparing { .. }
                | LaneAt::Baking(_)
                | LaneAt::Settled(_)
                | LaneAt::Reverted => true,
            };
        let lane = LaneSeen { epoch: goal.epoch, hash: goal.hash().to_string(), weight_new, is_confirmed };
        Some((region.to_string(), lane))
    };
    Decision {
        revision: item.mod_revision.get(),
        seen,
        service: rollout.plan.service.to_string(),
        rollout: rollout.id.to_string(),
        epoch: rollout.epoch,
        content: Digest::of(&item.value).to_string(),
        phase: rollout.phase.as_str().to_owned(),
        is_end: rollout.phase.is_terminal(),
        lanes: rollout.lanes.keys().filter_map(lane).collect(),
    }
}
