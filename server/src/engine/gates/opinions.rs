//! What people say of releases, as far as a pilot waits for it: every replica follows the sums of all feedback, and the
//! decision that leaves a pilot compares the very sum that it was made on. Who judges it is `core`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use meridian_core::id::ServiceId;
use meridian_core::observation::Sight;
use meridian_core::plan::Plan;
use meridian_core::watch::Opinion;
use meridian_store::layout::Place;
use meridian_store::{Expect, Key, Revision, Versioned, layout, record};
use semver::Version;
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::engine::books::Kept;
use crate::error::EngineError;
use crate::mirror::{self, Sink};

/// Between two listings; in between the watch tells.
const EVERY: Duration = Duration::from_secs(15);

/// What is known of all opinions.
#[derive(Default)]
pub(in crate::engine) struct Opinions(Mutex<State>);

#[derive(Default)]
struct State {
    of: BTreeMap<(ServiceId, Version), (Opinion, Revision)>,
    /// Whether all were listed once: before that, a missing one may only be unknown.
    listed: bool,
}

impl Opinions {
    /// What is known of a plan's release; `None`: nothing yet, or the plan does not ask.
    pub fn of(&self, plan: &Plan) -> Option<Kept<Opinion>> {
        plan.feedback.as_ref()?;
        let state = self.0.lock().expect("no holder of this lock panics");
        match state.of.get(&(plan.service.clone(), plan.release.version.clone())) {
            Some((value, at)) => Some(Kept { value: *value, expect: Expect::At(*at) }),
            None => state.listed.then(|| Kept { value: Opinion::default(), expect: Expect::Absent }),
        }
    }

    /// Takes over what was read; says whether it is news.
    fn learn(&self, release: (ServiceId, Version), opinion: Opinion, at: Revision) -> bool {
        let mut state = self.0.lock().expect("no holder of this lock panics");
        if state.of.get(&release).is_some_and(|(_, known)| *known >= at) {
            return false;
        }
        state.of.insert(release, (opinion, at));
        true
    }
}

/// Says of each lane of a sight what people say of the release.
pub(in crate::engine) fn fill(sight: &mut Sight, opinion: Option<&Kept<Opinion>>) {
    if let Some(Kept { value, .. }) = opinion {
        sight.values_mut().for_each(|seen| seen.feedback = Some(*value));
    }
}

/// Follows the opinions until `shutdown`.
pub(in crate::engine) async fn run(engine: Engine, shutdown: CancellationToken) {
    let store = engine.shared.books.store.clone();
    mirror::follow(store, layout::opinions(), EVERY, Followed { engine }, shutdown).await;
}

struct Followed {
    engine: Engine,
}

impl Sink for Followed {
    async fn put(&mut self, item: Versioned) {
        self.engine.learn_opinion(&item);
    }

    /// Opinions are never removed.
    fn gone(&mut self, _key: &Key, _at: Revision) {}

    fn listed(&mut self, _keys: &BTreeSet<Key>, _at: Revision) {
        let first = {
            let mut state = self.engine.shared.opinions.0.lock().expect("no holder of this lock panics");
            !std::mem::replace(&mut state.listed, true)
        };
        if first {
            self.engine.look_where(|plan| plan.feedback.is_some());
        }
    }
}

impl Engine {
    fn learn_opinion(&self, item: &Versioned) {
        let Some(Place::Opinion(service, version)) = Place::of(&item.key) else { return };
        match record::decode_opinion(&item.key, &item.value) {
            Ok(opinion) => {
                if self.shared.opinions.learn((service.clone(), version.clone()), opinion, item.mod_revision) {
                    let asks = |plan: &Plan| plan.feedback.is_some() && plan.service == service;
                    self.look_where(|plan| asks(plan) && plan.release.version == version);
                }
            }
            // No pilot is left past what is known: the compare fails from here on.
            Err(error) => tracing::error!(%error, key = item.key.as_str(), "an opinion can't be read"),
        }
    }

    /// Reads an opinion anew: a decision was made on an older one.
    pub(in crate::engine) async fn read_opinion(&self, key: &Key) -> Result<(), EngineError> {
        let read = self.shared.books.store.get(key).await?;
        read.item.iter().for_each(|item| self.learn_opinion(item));
        Ok(())
    }
}
