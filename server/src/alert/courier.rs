//! The courier: reads what is to be said, tells every receiver of every route that takes it, and removes what all have been told.
//! One that was told and whose entry could not be removed is told again: at least once, by one delivery's name.
//!
//! Each receiver is told in order; one that does not answer holds up nobody but itself, and is given up after a while.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use meridian_core::alert::{Receiver, Route, Saying};
use meridian_outbound::pause;
use meridian_store::record::Outgoing;
use meridian_store::{Expect, Key, Revision, Store, Txn, Versioned, layout, record};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Bell, Notice, Teller, waiting};
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::metrics::AlertMetrics;

/// Between two rounds when nothing rings.
const EVERY: Duration = Duration::from_secs(5);
/// Between two rounds while somebody is to be told again.
const SOON: Duration = Duration::from_millis(500);
/// Entries that are looked at in one round; the others come when these are gone.
const ENTRIES_MAX: usize = 200;
/// Receivers that are told at once.
const AT_ONCE: usize = 16;
/// After so many tries, some ten minutes, a receiver is given up for this saying.
const TRIES_MAX: u32 = 14;
/// Wait after the first try that failed.
const WAIT_MIN: Duration = Duration::from_millis(500);
/// The longest wait between two tries.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// What a courier is made of.
pub struct CourierParts {
    /// Where the outbox is.
    pub store: Arc<dyn Store>,
    /// Knows routes and services.
    pub catalog: Catalog,
    /// Knows what is owned here and what rollouts wait for.
    pub engine: Engine,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Tells.
    pub teller: Teller,
    /// What is counted.
    pub metrics: AlertMetrics,
    /// Rings when something is to be told.
    pub bell: Bell,
}

/// Delivers, round after round.
pub struct Courier {
    parts: CourierParts,
    /// What has become of the deliveries of each entry.
    progress: BTreeMap<Key, BTreeMap<Delivery, Progress>>,
    waiting: waiting::Seen,
    /// When was last looked at what is waited for.
    looked: Option<Instant>,
}

/// One saying for one receiver.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
struct Delivery {
    /// Position in the entry.
    index: usize,
    route: String,
    receiver: String,
}

#[derive(Clone, Copy, Debug)]
enum Progress {
    Over,
    Again { tries: u32, not_before: Instant },
}

/// A delivery that is due.
struct Due<'a> {
    key: &'a Key,
    delivery: Delivery,
    route: &'a Route,
    receiver: &'a Receiver,
    saying: &'a Saying,
    tries: u32,
}

/// An entry of the outbox.
struct Entry {
    key: Key,
    revision: Revision,
    outgoing: Outgoing,
    labels: Arc<BTreeMap<String, String>>,
}

impl Courier {
    /// Begins.
    #[must_use]
    pub fn new(parts: CourierParts) -> Self {
        Self { parts, progress: BTreeMap::new(), waiting: waiting::Seen::default(), looked: None }
    }

    /// Delivers until `shutdown`. What is not delivered by then is found by whoever owns it next.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            let round = async {
                if let Err(error) = self.round().await {
                    tracing::warn!(%error, "alerts wait for another round");
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = round => {}
            }
            let again =
                self.progress.values().flat_map(BTreeMap::values).any(|it| matches!(it, Progress::Again { .. }));
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.parts.bell.rung() => {}
                () = tokio::time::sleep(if again { SOON } else { EVERY }) => {}
            }
        }
    }

    async fn round(&mut self) -> Result<(), EngineError> {
        if self.looked.is_none_or(|at| at.elapsed() >= EVERY) {
            waiting::round(&self.parts, &mut self.waiting).await?;
            self.looked = Some(Instant::now());
        }
        let entries = self.entries().await?;
        let here: BTreeSet<&Key> = entries.iter().map(|entry| &entry.key).collect();
        self.progress.retain(|key, _| here.contains(key));
        if entries.is_empty() {
            return Ok(());
        }
        let routes = self.parts.catalog.all_routes().await?;
        let due = self.due(&entries, &routes);
        for part in due.chunks(AT_ONCE) {
            let told = join_all(part.iter().map(|due| self.tell(due))).await;
            for (due, is_told) in part.iter().zip(told) {
                let progress = self.after(due, is_told);
                self.progress.entry(due.key.clone()).or_default().insert(due.delivery.clone(), progress);
            }
        }
        for entry in &entries {
            if self.is_over(entry, &routes) {
                let txn = Txn::new().delete(entry.key.clone(), Expect::At(entry.revision));
                // Somebody else has removed it, or it is told again.
                if let Err(error) = self.parts.store.commit(txn).await {
                    tracing::debug!(%error, key = entry.key.as_str(), "an alert stays in the outbox");
                }
            }
        }
        Ok(())
    }

    /// What is to be said by this replica, in order.
    async fn entries(&self) -> Result<Vec<Entry>, EngineError> {
        let page = self.parts.store.list(&layout::outbox(), None, ENTRIES_MAX).await?;
        let (mut entries, mut known) = (Vec::new(), BTreeMap::new());
        for Versioned { key, value, mod_revision, .. } in page.items {
            match record::decode_outgoing(&key, &value) {
                Ok(outgoing) if self.parts.engine.ownership().claim(&outgoing.service).is_some() => {
                    if !known.contains_key(&outgoing.service) {
                        let labels = self.parts.catalog.labels_of(&outgoing.service).await?;
                        known.insert(outgoing.service.clone(), Arc::new(labels));
                    }
                    let labels = Arc::clone(&known[&outgoing.service]);
                    entries.push(Entry { key, revision: mod_revision, outgoing, labels });
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, key = key.as_str(), "an alert can't be read and is not told"),
            }
        }
        Ok(entries)
    }

    /// What has to be told now: to each receiver the oldest first, and nothing behind one that waits.
    fn due<'a>(&self, entries: &'a [Entry], routes: &'a [Route]) -> Vec<Due<'a>> {
        let (now, mut due) = (Instant::now(), Vec::new());
        let mut waits: BTreeSet<(&str, String, String)> = BTreeSet::new();
        for entry in entries {
            for (delivery, route, receiver, saying) in deliveries(entry, routes) {
                let lane = (entry.outgoing.service.as_str(), delivery.route.clone(), delivery.receiver.clone());
                let tries = match self.progress.get(&entry.key).and_then(|known| known.get(&delivery)) {
                    Some(Progress::Over) => continue,
                    Some(Progress::Again { tries, not_before }) if *not_before <= now => *tries,
                    Some(Progress::Again { .. }) => {
                        waits.insert(lane);
                        continue;
                    }
                    None => 0,
                };
                // One at a time to each, so that what is over is never told before what began it.
                if waits.insert(lane) {
                    due.push(Due { key: &entry.key, delivery, route, receiver, saying, tries });
                }
            }
        }
        due
    }

    async fn tell(&self, due: &Due<'_>) -> bool {
        let Due { key, delivery, route, receiver, saying, tries } = due;
        let name = format!("{}#{}", key.as_str(), delivery.index);
        let notice = Notice { route, saying, delivery: &name, now: self.parts.clock.now() };
        let told = self.parts.teller.tell(receiver, notice).await;
        let (route, receiver, alert) = (&delivery.route, &delivery.receiver, saying.alert.key());
        match &told {
            Ok(()) => tracing::info!(%route, %receiver, %alert, turn = saying.turn.as_str(), "told"),
            Err(error) if *tries + 1 < TRIES_MAX => {
                let why = error as &(dyn std::error::Error + 'static);
                tracing::warn!(why, %route, %receiver, %alert, tries = tries + 1, "not told yet");
            }
            Err(error) => {
                let why = error as &(dyn std::error::Error + 'static);
                tracing::error!(why, %route, %receiver, %alert, "given up: nobody was told by this receiver");
            }
        }
        told.is_ok()
    }

    fn after(&self, due: &Due<'_>, is_told: bool) -> Progress {
        let tries = due.tries + 1;
        if is_told {
            return Progress::Over;
        }
        if tries >= TRIES_MAX {
            self.parts.metrics.given_up(due.receiver.target.as_str());
            return Progress::Over;
        }
        Progress::Again { tries, not_before: Instant::now() + pause(tries, WAIT_MIN, WAIT_MAX) }
    }

    fn is_over(&self, entry: &Entry, routes: &[Route]) -> bool {
        let known = self.progress.get(&entry.key);
        let is_over = |delivery: &Delivery| {
            known.and_then(|known| known.get(delivery)).is_some_and(|progress| matches!(progress, Progress::Over))
        };
        deliveries(entry, routes).all(|(delivery, ..)| is_over(&delivery))
    }
}

fn deliveries<'a>(
    entry: &'a Entry,
    routes: &'a [Route],
) -> impl Iterator<Item = (Delivery, &'a Route, &'a Receiver, &'a Saying)> {
    entry.outgoing.sayings.iter().enumerate().flat_map(move |(index, saying)| {
        let takes = routes.iter().filter(|route| route.takes(&saying.alert, &entry.labels));
        takes.flat_map(move |route| {
            route.receivers.iter().map(move |receiver| {
                let (name, to) = (route.id.to_string(), receiver.name.clone());
                (Delivery { index, route: name, receiver: to }, route, receiver, saying)
            })
        })
    })
}
