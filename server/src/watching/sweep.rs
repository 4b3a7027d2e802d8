//! The sweep: opens the watch of what was switched, and looks at watches when time or their rollout has moved on. It
//! follows both in the store and remembers nothing that a restart would lose. Every replica sweeps what no other one owns;
//! that is for quiet only, the compare decides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meridian_core::id::{RolloutId, ServiceId};
use meridian_core::rollout::state::Phase;
use meridian_core::time::Timestamp;
use meridian_core::watch::{Event, Standing, Watch, WatchPolicy, open, standing, step};
use meridian_store::layout::Place;
use meridian_store::{Key, Revision, Versioned, layout, record};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Watches;
use super::books::Decision;
use crate::error::EngineError;
use crate::mirror::{self, Sink};
use crate::ownership::Owner;

/// Between two listings; in between the watches of the store tell.
const EVERY: Duration = Duration::from_secs(60);
/// Between two looks at the clock: reviews are due by the day.
const LOOK: Duration = Duration::from_secs(1);
/// After a look that failed: a record that can't be read is not told of every second.
const AGAIN_AFTER: Duration = Duration::from_secs(10);
/// The most decisions of one look; the next one goes on.
const BATCH: usize = 100;

/// What is known of all rollouts and watches.
#[derive(Default)]
struct Board {
    state: Mutex<State>,
    look: Notify,
}

#[derive(Default)]
struct State {
    rollouts: BTreeMap<RolloutId, Launch>,
    watches: BTreeMap<RolloutId, Seen>,
    /// What was switched too long ago to be watched.
    past: BTreeSet<RolloutId>,
    /// Whether all watches were listed once: before that, a missing one may only be unknown.
    listed: bool,
}

/// A rollout that was switched, or taken back.
struct Launch {
    service: ServiceId,
    standing: Standing,
}

/// A watch.
struct Seen {
    service: ServiceId,
    watching: bool,
    due: Option<Timestamp>,
    overdue: usize,
}

/// What there is to do.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Task {
    Open(RolloutId),
    Look(ServiceId, RolloutId),
}

/// Sweeps, look after look.
pub struct Sweep {
    watches: Watches,
    board: Arc<Board>,
}

impl Sweep {
    /// Of these watches.
    #[must_use]
    pub fn new(watches: Watches) -> Self {
        Self { watches, board: Arc::default() }
    }

    /// Sweeps until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let store = || self.watches.store.clone();
        let rollouts = Rollouts { board: self.board.clone() };
        let watches = Records { board: self.board.clone() };
        tokio::join!(
            mirror::follow(store(), layout::rollouts(), EVERY, rollouts, shutdown.clone()),
            mirror::follow(store(), layout::all_watches(), EVERY, watches, shutdown.clone()),
            self.keep(&shutdown),
        );
    }

    async fn keep(&self, shutdown: &CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = self.board.look.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            let mut failed = false;
            for task in self.tasks() {
                if shutdown.is_cancelled() {
                    return;
                }
                if let Err(error) = self.carry_out(&task).await {
                    tracing::warn!(%error, ?task, "a watch was not looked at; looking again soon");
                    failed = true;
                }
            }
            if failed {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(AGAIN_AFTER) => {}
                }
            }
        }
    }

    /// What there is to do now, of the services that no other replica owns.
    fn tasks(&self) -> Vec<Task> {
        let now = self.watches.clock.now();
        let ownership = self.watches.engine.ownership();
        let ours = |service: &ServiceId| ownership.owner(service) != Owner::Other;
        let state = self.board.state.lock().expect("no holder of this lock panics");
        let overdue: usize = state.watches.values().map(|seen| seen.overdue).sum();
        self.watches.metrics.overdue.set(i64::try_from(overdue).unwrap_or(i64::MAX));
        let is_new = |id: &RolloutId| !state.watches.contains_key(id) && !state.past.contains(id);
        let unopened = state.rollouts.iter().filter(|(id, launch)| {
            state.listed && is_new(id) && !matches!(launch.standing, Standing::TakenBack(_)) && ours(&launch.service)
        });
        let gone = |id: &RolloutId| {
            state.rollouts.get(id).is_some_and(|launch| matches!(launch.standing, Standing::TakenBack(_)))
        };
        let moved = state.watches.iter().filter(|(id, seen)| {
            seen.watching && (seen.due.is_some_and(|due| due <= now) || gone(id)) && ours(&seen.service)
        });
        let looks = moved.map(|(id, seen)| Task::Look(seen.service.clone(), id.clone()));
        unopened.map(|(id, _)| Task::Open(id.clone())).chain(looks).take(BATCH).collect()
    }

    async fn carry_out(&self, task: &Task) -> Result<(), EngineError> {
        match task {
            Task::Open(rollout) => self.open(rollout).await,
            Task::Look(service, rollout) => self.look(service, rollout).await,
        }
    }

    /// The first decision about a watch, if its rollout is still as it was read.
    async fn open(&self, rollout: &RolloutId) -> Result<(), EngineError> {
        let status = self.watches.engine.status(rollout).await?;
        let policy = match self.watches.policy(&status.record.plan).await {
            // A plan that was made before playbooks were kept by revision.
            Err(EngineError::NotFound { .. }) => WatchPolicy::default(),
            policy => policy?,
        };
        let now = self.watches.clock.now();
        let Some(watch) = open(&status.record, policy, now) else {
            let mut state = self.board.state.lock().expect("no holder of this lock panics");
            if matches!(status.record.phase, Phase::Switched { .. } | Phase::Stable { .. }) {
                state.past.insert(rollout.clone());
            }
            return Ok(());
        };
        let message = format!("{} reviews, {} {}", watch.reviews.len(), watch.service, watch.release);
        let decision = Decision {
            next: &watch,
            kind: "open",
            actor: "meridian".to_owned(),
            message,
            before: None,
            rollout: Some(status.revision),
            request: None,
            now,
        };
        // Somebody else has opened it, or the rollout has moved on: the store tells, and the next look sees it.
        if self.watches.commit(decision).await?.is_some() {
            self.board.saw(&watch);
        }
        Ok(())
    }

    async fn look(&self, service: &ServiceId, rollout: &RolloutId) -> Result<(), EngineError> {
        let kept = self.watches.watch(service, rollout).await?;
        let (facts, _) = self.watches.facts(&kept.stored.watch).await?;
        let now = self.watches.clock.now();
        let decided = step(&kept.stored.watch, Event::Look, &facts, now)?;
        let Some(next) = &decided.next else {
            self.board.saw(&kept.stored.watch);
            return Ok(());
        };
        if self.watches.commit(Decision::of(next, &decided, &kept, now)).await?.is_some() {
            if decided.kind == "overdue" {
                tracing::warn!(%service, %rollout, message = decided.message, "reviews are overdue: nobody has signed them");
            }
            self.board.saw(next);
        }
        Ok(())
    }
}

impl Board {
    /// A watch is at least as far as this. What comes late is set right by the next look, which reads it.
    fn saw(&self, watch: &Watch) {
        let overdue = watch.reviews.iter().filter(|review| review.word() == "overdue").count();
        let seen = Seen {
            service: watch.service.clone(),
            watching: watch.is_watching(),
            due: watch.next_due(),
            overdue: if watch.is_watching() { overdue } else { 0 },
        };
        self.state.lock().expect("no holder of this lock panics").watches.insert(watch.rollout.clone(), seen);
    }
}

/// Follows rollouts.
struct Rollouts {
    board: Arc<Board>,
}

impl Sink for Rollouts {
    async fn put(&mut self, item: Versioned) {
        // What can't be read is told by the engine, which follows the same records.
        let Ok(outline) = record::decode_outline(&item.key, &item.value) else { return };
        let launched = matches!(outline.phase, Phase::Switched { .. } | Phase::Stable { .. });
        let standing = standing(&outline.phase);
        let mut state = self.board.state.lock().expect("no holder of this lock panics");
        if launched || matches!(standing, Standing::TakenBack(_)) {
            state.rollouts.insert(outline.id, Launch { service: outline.service, standing });
            drop(state);
            self.board.look.notify_one();
        } else {
            state.rollouts.remove(&outline.id);
        }
    }

    /// Records of rollouts are never removed.
    fn gone(&mut self, _key: &Key, _at: Revision) {}

    fn listed(&mut self, _keys: &BTreeSet<Key>, _at: Revision) {}
}

/// Follows watches.
struct Records {
    board: Arc<Board>,
}

impl Sink for Records {
    async fn put(&mut self, item: Versioned) {
        let Some(Place::Watch(_, rollout)) = Place::of(&item.key) else { return };
        match record::decode_watch(&item.key, &item.value) {
            Ok(stored) => self.board.saw(&stored.watch),
            Err(error) => {
                tracing::error!(%error, key = item.key.as_str(), "a watch can't be read");
                // It is there all the same: nobody opens a second one.
                self.board.state.lock().expect("no holder of this lock panics").past.insert(rollout);
            }
        }
    }

    /// Watches are never removed.
    fn gone(&mut self, _key: &Key, _at: Revision) {}

    fn listed(&mut self, _keys: &BTreeSet<Key>, _at: Revision) {
        self.board.state.lock().expect("no holder of this lock panics").listed = true;
        self.board.look.notify_one();
    }
}
