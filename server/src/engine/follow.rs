//! Follows the records of all rollouts: whatever another replica decides is known here too, and a rollout that nobody runs
//! here is run. The same path at start, after a crash and for ever after.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use meridian_core::planted;
use meridian_core::rollout::goals::goal;
use meridian_core::rollout::state::Phase;
use meridian_core::time::Span;
use meridian_store::layout::Place;
use meridian_store::record::Outline;
use meridian_store::{Key, Revision, Versioned, layout, record};
use tokio_util::sync::CancellationToken;

use super::Engine;
use crate::mirror::{self, Sink};

/// Between two listings; in between the watch tells. A listing reads every record there is.
const EVERY: Duration = Duration::from_secs(15);
/// Records whose watch and listings were silent for longer are not shown as if they were known: three times the silence
/// after which a watch tells where it is.
pub(super) const STALE_AFTER: Span = Span::from_secs(15);

/// Follows until `shutdown`.
pub(super) async fn run(engine: Engine, shutdown: CancellationToken) {
    let store = engine.shared.books.store.clone();
    mirror::follow(store, layout::rollouts(), EVERY, Records { engine }, shutdown).await;
}

struct Records {
    engine: Engine,
}

impl Sink for Records {
    async fn put(&mut self, item: Versioned) {
        let Some(Place::Rollout(id)) = Place::of(&item.key) else { return };
        if let Some(handle) = self.engine.known_runner(&id) {
            handle.offer(item);
            return;
        }
        // The end of a rollout that was never run here is still told to the agents here that have not heard of it.
        let sessions = &self.engine.shared.sessions;
        let is_told =
            |outline: &Outline| outline.phase.is_terminal() && !sessions.is_behind(&outline.service, outline.epoch);
        let told = record::decode_outline(&item.key, &item.value).as_ref().is_ok_and(is_told);
        if told || planted::is("no-sweep") {
            return;
        }
        // A record that can't be read is frozen by that: it is told loudly, and the others go on.
        match self.engine.shared.books.decode_rollout(&item.key, &item.value).await {
            // Whoever has taken its lanes over speaks for them.
            Ok(record) if matches!(record.phase, Phase::Superseded { .. }) => {}
            Ok(record) if record.phase.is_terminal() => {
                record.lanes.keys().filter_map(|region| goal(&record, region)).for_each(|goal| sessions.push(goal));
            }
            Ok(record) => {
                self.engine.start_runner(Arc::new(record), item.mod_revision);
            }
            Err(error) => tracing::error!(%error, key = item.key.as_str(), "a rollout can't be read"),
        }
    }

    /// Records of rollouts are never removed.
    fn gone(&mut self, _key: &Key, _at: Revision) {}

    fn listed(&mut self, _keys: &BTreeSet<Key>, _at: Revision) {}

    fn current(&mut self) {
        let now = self.engine.shared.clock.now();
        *self.engine.shared.followed.lock().expect("no holder of this lock panics") = now;
    }
}
