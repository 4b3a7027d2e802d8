//! What a lease is to users of a store, and the book of leases that stores of one process keep. A lease bounds how long
//! entries outlive whoever put them; it protects nothing: safety is a compare with what the lease's keys were created at.
//! Knows neither clock nor entries: the time and the keys come in as arguments.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::{Key, StoreError};

/// Longest lease one may ask for; whoever needs more wants no lease.
pub const MAX_LEASE: Duration = Duration::from_secs(24 * 60 * 60);

/// The name of a lease, given by the store that granted it and of no use in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(i64);

impl LeaseId {
    /// Wraps a number that came from a store.
    #[must_use]
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The bare number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:x}", self.0)
    }
}

/// A lease that was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leased {
    /// Its name.
    pub id: LeaseId,
    /// How long it lives unless it is kept; never less than was asked for, but maybe more.
    pub ttl: Duration,
}

/// What became of the wish to keep a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// It lives for so long from some moment after the wish was sent.
    Alive(Duration),
    /// It ran out, was revoked or never was.
    Gone,
}

/// The bound on a lease's time that every store checks alike.
pub(crate) fn check_ttl(ttl: Duration) -> Result<(), StoreError> {
    if ttl.is_zero() || ttl > MAX_LEASE {
        return Err(StoreError::Invalid {
            reason: format!("a lease lives for more than nothing and at most {MAX_LEASE:?}, not for {ttl:?}"),
        });
    }
    Ok(())
}

/// The leases of a store that runs in one process, and the keys that live by them.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    held: BTreeMap<LeaseId, Held>,
    last: i64,
    /// Shared, so that a batch of commits that fails can put back the keys as they were.
    keys: Arc<BTreeMap<Key, LeaseId>>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    ttl: Duration,
    until: Instant,
}

impl Leases {
    pub(crate) fn grant(&mut self, ttl: Duration, now: Instant) -> Result<Leased, StoreError> {
        check_ttl(ttl)?;
        self.last += 1;
        let id = LeaseId(self.last);
        self.held.insert(id, Held { ttl, until: now + ttl });
        Ok(Leased { id, ttl })
    }

    pub(crate) fn keep(&mut self, id: LeaseId, now: Instant) -> Keeping {
        match self.held.get_mut(&id) {
            Some(held) if held.until > now => {
                held.until = now + held.ttl;
                Keeping::Alive(held.ttl)
            }
            Some(_) | None => Keeping::Gone,
        }
    }

    pub(crate) fn is_alive(&self, id: LeaseId, now: Instant) -> bool {
        self.held.get(&id).is_some_and(|held| held.until > now)
    }

    /// Ends a lease at once; it and its keys go with those that ran out.
    pub(crate) fn end(&mut self, id: LeaseId, now: Instant) {
        if let Some(held) = self.held.get_mut(&id) {
            held.until = held.until.min(now);
        }
    }

    /// When the next lease runs out, or ran out.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.held.values().map(|held| held.until).min()
    }

    /// Leases that have ended and are still in the book.
    pub(crate) fn ended(&self, now: Instant) -> Vec<LeaseId> {
        self.held.iter().filter(|(_, held)| held.until <= now).map(|(id, _)| *id).collect()
    }

    /// Takes a lease out of the book, once its keys are gone.
    pub(crate) fn forget(&mut self, id: LeaseId) {
        self.held.remove(&id);
    }

    pub(crate) fn keys_of(&self, id: LeaseId) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(move |(_, lease)| **lease == id).map(|(key, _)| key)
    }

    /// Notes that a key now lives by a lease, or by none. Tells whether that is a change.
    pub(crate) fn attach(&mut self, key: &Key, lease: Option<LeaseId>) -> bool {
        if self.keys.get(key).copied() == lease {
            return false;
        }
        let keys = Arc::make_mut(&mut self.keys);
        match lease {
            Some(lease) => keys.insert(key.clone(), lease),
            None => keys.remove(key),
        };
        true
    }
}

/// What a batch of commits can put back when it fails.
#[cfg(feature = "embedded")]
impl Leases {
    pub(crate) fn keys(&self) -> Arc<BTreeMap<Key, LeaseId>> {
        Arc::clone(&self.keys)
    }

    pub(crate) fn put_back(&mut self, keys: Arc<BTreeMap<Key, LeaseId>>) {
        self.keys = keys;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(5);

    #[test]
    fn a_lease_ends_at_its_time_unless_it_is_kept() {
        let start = Instant::now();
        let mut leases = Leases::default();
        let (kept, left) = (leases.grant(TTL, start).unwrap().id, leases.grant(TTL, start).unwrap().id);
        let later = start + Duration::from_secs(4);
        assert_eq!(leases.keep(kept, later), Keeping::Alive(TTL));
        assert_eq!(leases.due(), Some(start + TTL));
        assert!(leases.is_alive(left, later) && !leases.is_alive(left, start + TTL));
        assert_eq!(leases.ended(start + TTL), [left]);
        assert_eq!(leases.keep(left, start + TTL), Keeping::Gone, "though it is still in the book");
        leases.forget(left);
        assert_eq!(leases.due(), Some(later + TTL));
        leases.end(kept, later);
        assert_eq!(leases.ended(later), [kept]);
    }

    #[test]
    fn a_key_lives_by_the_lease_it_was_last_put_under() {
        let key = Key::new("/a").unwrap();
        let mut leases = Leases::default();
        let (first, second) = (LeaseId::new(1), LeaseId::new(2));
        assert!(!leases.attach(&key, None));
        assert!(leases.attach(&key, Some(first)) && !leases.attach(&key, Some(first)));
        assert!(leases.attach(&key, Some(second)));
        assert_eq!((leases.keys_of(first).count(), leases.keys_of(second).count()), (0, 1));
        assert!(leases.attach(&key, None));
        assert_eq!(leases.keys_of(second).count(), 0);
    }
}
