//! Stop-the-line in the shell: every replica follows what stands, and each forward decision compares the very record that
//! it was made under. What a stop reaches, and whom it lets through, is `core`'s to say.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meridian_core::observation::Sight;
use meridian_core::rollout::gates::stops::{Said, StopEntry, StopOrder, Stops};
use meridian_core::rollout::state::Rollout;
use meridian_store::{Expect, Key, Revision, Txn, Versioned, commit_known, layout, record};
use tokio_util::sync::CancellationToken;

use crate::engine::books::{Kept, Request};
use crate::engine::{Engine, RequestMark};
use crate::error::EngineError;
use crate::mirror::{self, Sink};

/// Between two listings; in between the watch tells.
const EVERY: Duration = Duration::from_secs(15);
/// How often an order is tried again after somebody else gave one.
const CONFLICTS_MAX: u32 = 10;

/// What stands, under the expectation that it still does.
pub(in crate::engine) type Standing = Arc<Kept<Stops>>;

/// What is known of the stops; nothing before the first listing, and then nothing goes forward.
#[derive(Default)]
pub(in crate::engine) struct Stopped(Mutex<Option<(Standing, Revision)>>);

/// Somebody's order about stops.
#[derive(Clone, Debug)]
pub struct StopCall {
    /// What.
    pub order: StopOrder,
    /// Declared name.
    pub actor: String,
    /// Their words.
    pub reason: String,
    /// For having the effect of once.
    pub request: Option<RequestMark>,
}

impl Stopped {
    /// What is known now.
    pub fn get(&self) -> Option<Standing> {
        self.0.lock().expect("no holder of this lock panics").as_ref().map(|(standing, _)| standing.clone())
    }

    /// Takes over what was read at `revision`; says whether it is news.
    fn learn(&self, standing: Kept<Stops>, revision: Revision) -> bool {
        let mut known = self.0.lock().expect("no holder of this lock panics");
        if known.as_ref().is_some_and(|(_, at)| *at >= revision) {
            return false;
        }
        let news = known.as_ref().is_none_or(|(before, _)| before.value != standing.value);
        *known = Some((Arc::new(standing), revision));
        news
    }
}

/// Says of each lane of a sight whether the line is stopped there.
pub(in crate::engine) fn fill(sight: &mut Sight, record: &Rollout, stops: &Stops) {
    if stops.standing.is_empty() {
        return;
    }
    for (region, seen) in sight {
        seen.halt = stops.halt(&record.id, &record.plan.service, region);
    }
}

/// Follows the stops until `shutdown`.
pub(in crate::engine) async fn run(engine: Engine, shutdown: CancellationToken) {
    let store = engine.shared.books.store.clone();
    mirror::follow(store, layout::stops(), EVERY, Followed { engine }, shutdown).await;
}

struct Followed {
    engine: Engine,
}

impl Sink for Followed {
    async fn put(&mut self, item: Versioned) {
        self.engine.learn_stops(&item);
    }

    /// The record of the stops is never removed.
    fn gone(&mut self, _key: &Key, _at: Revision) {}

    fn listed(&mut self, keys: &BTreeSet<Key>, at: Revision) {
        let none = || Kept { value: Stops::default(), expect: Expect::Absent };
        if keys.is_empty() && self.engine.shared.stops.learn(none(), at) {
            self.engine.look_where(|_| true);
        }
    }
}

impl Engine {
    fn learn_stops(&self, item: &Versioned) {
        match record::decode_stops(&item.key, &item.value) {
            Ok(value) => {
                let expect = Expect::At(item.mod_revision);
                if self.shared.stops.learn(Kept { value, expect }, item.mod_revision) {
                    self.look_where(|_| true);
                }
            }
            // Nothing goes forward past what is known: the compare fails from here on.
            Err(error) => tracing::error!(%error, "the stops can't be read"),
        }
    }

    /// Reads the stops anew: a decision was made under older ones.
    pub(in crate::engine) async fn read_stops(&self) -> Result<(), EngineError> {
        let read = self.shared.books.store.get(&layout::stops()).await?;
        if let Some(item) = read.item {
            self.learn_stops(&item);
        }
        Ok(())
    }

    /// What stands, read from the store.
    ///
    /// # Errors
    /// If it can't be read.
    pub async fn stops(&self) -> Result<Stops, EngineError> {
        Ok(self.shared.books.stops().await?.value)
    }

    /// The last orders about stops, the newest first.
    ///
    /// # Errors
    /// If they can't be read.
    pub async fn stop_log(&self, stops: &Stops, most: u64) -> Result<Vec<StopEntry>, EngineError> {
        let mut entries = Vec::new();
        for number in (1..=stops.number).rev().take(usize::try_from(most).unwrap_or(usize::MAX)) {
            let key = layout::stop_entry(number);
            let Some(item) = self.shared.books.store.get(&key).await?.item else { break };
            entries.push(record::decode_stop_entry(&key, &item.value)?);
        }
        Ok(entries)
    }

    /// Stops the line, lifts a stop, or exempts a rollout.
    ///
    /// # Errors
    /// If the rules refuse it, others keep giving orders, or the store fails.
    pub async fn stop_the_line(&self, call: &StopCall) -> Result<Stops, EngineError> {
        for attempt in 0..CONFLICTS_MAX {
            if let Some(mark) = &call.request
                && let Request::Done(_) = self.shared.books.request(mark).await?
            {
                return self.stops().await;
            }
            match self.try_stop(call).await {
                Err(EngineError::Contended { .. }) => tokio::time::sleep(crate::backoff::jittered(attempt)).await,
                answer => return answer,
            }
        }
        Err(EngineError::Contended { key: layout::stops().as_str().to_owned() })
    }

    async fn try_stop(&self, call: &StopCall) -> Result<Stops, EngineError> {
        let StopCall { order, actor, reason, request } = call;
        let books = &self.shared.books;
        let Kept { value: before, expect } = books.stops().await?;
        let at = self.shared.clock.now();
        let said = Said { actor: actor.clone(), reason: reason.clone(), at };
        let (after, entry) = before.order(order, said)?;
        let key = layout::stop_entry(entry.number);
        // To stop must be possible also when the store is full.
        let txn = Txn::new()
            .put(key.clone(), record::encode_stop_entry(&entry), Expect::Absent)
            .put(layout::stops(), record::encode_stops(&after), expect)
            .urgent();
        let resource = order.scope().to_string();
        let txn = crate::engine::commit::marked(txn, request.as_ref(), resource, at)?;
        let done = commit_known(books.store.as_ref(), txn, &key).await?;
        tracing::warn!(scope = %order.scope(), kind = order.kind(), actor, "stop-the-line");
        let known = Kept { value: after.clone(), expect: Expect::At(done.revision) };
        if self.shared.stops.learn(known, done.revision) {
            self.look_where(|_| true);
        }
        Ok(after)
    }
}
