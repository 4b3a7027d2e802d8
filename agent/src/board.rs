//! What every lane looks like now, for whoever speaks to a server. Latest wins: a slow or absent reader costs nothing and
//! misses nothing but what was overtaken. It does not know how reports travel.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use meridian_core::id::ServiceId;
use meridian_core::observation::Observed;
use tokio::sync::Notify;
use tokio::time::timeout;

/// How soon a change should be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Urgency {
    /// At once.
    Now,
    /// With the next regular report.
    Regular,
}

/// The lanes' latest observations. One reader, any number of writers.
#[derive(Debug, Default)]
pub struct Board {
    lanes: Mutex<BTreeMap<ServiceId, Entry>>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Entry {
    observed: Observed,
    untold: bool,
}

impl Board {
    /// Changes what is known of a lane; its first post makes the lane known. What changes nothing is no news.
    pub fn post(&self, service: &ServiceId, urgency: Urgency, change: impl FnOnce(&mut Observed)) {
        let mut lanes = self.lock();
        let is_new = !lanes.contains_key(service);
        let entry = lanes.entry(service.clone()).or_default();
        let before = entry.observed.clone();
        change(&mut entry.observed);
        if !is_new && before == entry.observed {
            return;
        }
        entry.untold = true;
        drop(lanes);
        if urgency == Urgency::Now {
            self.news.notify_one();
        }
    }

    /// Everything that is known; all of it counts as told.
    #[must_use]
    pub fn take_all(&self) -> BTreeMap<ServiceId, Observed> {
        let mut lanes = self.lock();
        lanes.values_mut().for_each(|entry| entry.untold = false);
        lanes.iter().map(|(service, entry)| (service.clone(), entry.observed.clone())).collect()
    }

    /// What was not told yet; it counts as told now.
    #[must_use]
    pub fn take_untold(&self) -> BTreeMap<ServiceId, Observed> {
        let mut lanes = self.lock();
        let told = |(service, entry): (&ServiceId, &mut Entry)| {
            std::mem::take(&mut entry.untold).then(|| (service.clone(), entry.observed.clone()))
        };
        lanes.iter_mut().filter_map(told).collect()
    }

    /// Done when something urgent was posted since the last call. For one reader.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// Waits until `count` lanes are known, at most `patience`: a lane that was not looked at yet must not be told as
    /// empty.
    pub async fn known(&self, count: usize, patience: Duration) {
        let all = async {
            while self.lock().len() < count {
                self.news().await;
            }
        };
        // Those that are late are told when they come.
        let _ = timeout(patience, all).await;
    }

    /// No writer panics while it holds the lock; a poisoned map is still a whole one.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ServiceId, Entry>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use meridian_core::epoch::Epoch;

    use super::*;

    #[tokio::test]
    async fn the_latest_wins_and_is_told_once() {
        let (board, shop) = (Board::default(), ServiceId::new("shop").unwrap());
        let accept = |counter| move |observed: &mut Observed| observed.accepted = Epoch::new(0, counter);
        board.post(&shop, Urgency::Now, accept(1));
        board.post(&shop, Urgency::Now, accept(2));
        assert!(board.news().now_or_never().is_some());
        assert_eq!(board.take_untold()[&shop].accepted, Epoch::new(0, 2));
        assert!(board.take_untold().is_empty());
        board.post(&shop, Urgency::Now, accept(2));
        assert!(board.news().now_or_never().is_none(), "no change is no news");
        board.post(&shop, Urgency::Regular, accept(3));
        assert!(board.news().now_or_never().is_none(), "it can wait");
        assert_eq!(board.take_all().len(), 1);
        assert!(board.take_untold().is_empty());
    }

    #[tokio::test]
    async fn known_waits_for_lanes_but_not_for_ever() {
        let (board, shop) = (Board::default(), ServiceId::new("shop").unwrap());
        board.post(&shop, Urgency::Now, |_| {});
        board.known(1, Duration::from_secs(3600)).await;
        board.known(2, Duration::from_millis(5)).await;
    }
}
