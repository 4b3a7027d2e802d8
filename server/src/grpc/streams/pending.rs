//! What a watch has still to tell, and when. It knows names and moments; it makes no views.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meridian_core::digest::Digest;
use meridian_core::id::RolloutId;
use meridian_store::Revision;
use tokio::time::Instant;

/// A rollout is told at most this often.
pub(super) const GAP: Duration = Duration::from_millis(100);
/// Rollouts of others that are remembered as such.
const STRANGERS_MAX: usize = 10_000;
/// How often a view is made again because the engine has not caught up with the store yet.
const BEHIND_MAX: u32 = 20;

/// A rollout that has changed and was not told yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Due {
    at: Instant,
    /// The change of its record that is to be seen in the view; zero: only something else was seen of it.
    pub revision: Revision,
    tries: u32,
}

/// What a reader knows of a rollout.
#[derive(Clone, Copy, Debug)]
struct LastTold {
    at: Instant,
    view: Digest,
}

/// All that is pending of one watch.
#[derive(Debug, Default)]
pub(super) struct Pending {
    due: BTreeMap<RolloutId, Due>,
    told: BTreeMap<RolloutId, LastTold>,
    /// Rollouts of services that are not watched; a rollout never changes its service.
    strangers: BTreeSet<RolloutId>,
}

impl Pending {
    /// Notes a change.
    pub fn note(&mut self, id: RolloutId, revision: Revision, now: Instant) {
        let at = self.told.get(&id).map_or(now, |told| now.max(told.at + GAP));
        let due = self.due.entry(id).or_insert(Due { at, revision, tries: 0 });
        due.revision = due.revision.max(revision);
    }

    /// Notes that anything may have changed of what was told.
    pub fn note_all(&mut self, now: Instant) {
        for id in self.told.keys().cloned().collect::<Vec<_>>() {
            self.note(id, Revision::ZERO, now);
        }
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Instant> {
        self.due.values().map(|due| due.at).min()
    }

    /// Takes what is due now.
    pub fn take(&mut self, now: Instant) -> Vec<(RolloutId, Due)> {
        self.due.extract_if(.., |_, due| due.at <= now).collect()
    }

    /// Puts one back because its view was behind; says whether that was done once more.
    pub fn put_back(&mut self, id: &RolloutId, due: Due, now: Instant) -> bool {
        if due.tries >= BEHIND_MAX {
            return false;
        }
        let again = Due { at: now + GAP, tries: due.tries + 1, ..due };
        let waiting = self.due.entry(id.clone()).or_insert(again);
        waiting.revision = waiting.revision.max(due.revision);
        true
    }

    /// Whether a view is news to the reader; from now on it is not.
    pub fn is_news(&mut self, id: &RolloutId, view: Digest, now: Instant) -> bool {
        let before = self.told.insert(id.clone(), LastTold { at: now, view });
        before.is_none_or(|told| told.view != view)
    }

    /// Forgets one that changes no more.
    pub fn forget(&mut self, id: &RolloutId) {
        self.told.remove(id);
    }

    /// Remembers that a rollout is not watched.
    pub fn estrange(&mut self, id: RolloutId) {
        if self.strangers.len() >= STRANGERS_MAX {
            self.strangers.clear();
        }
        self.strangers.insert(id);
    }

    /// Whether a rollout is known not to be watched.
    pub fn is_stranger(&self, id: &RolloutId) -> bool {
        self.strangers.contains(id)
    }

    /// The earliest change of a record that was not told yet.
    pub fn earliest(&self) -> Option<Revision> {
        self.due.values().map(|due| due.revision).filter(|revision| *revision != Revision::ZERO).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> RolloutId {
        RolloutId::new("r").unwrap()
    }

    #[test]
    fn changes_are_gathered_and_the_same_again_is_no_news() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        pending.note(id(), Revision::new(4), now);
        pending.note(id(), Revision::new(7), now);
        pending.note(id(), Revision::ZERO, now);
        assert_eq!(pending.earliest(), Some(Revision::new(7)));
        let [(_, due)] = pending.take(now).try_into().unwrap();
        assert_eq!(due.revision, Revision::new(7));
        assert!(pending.is_news(&id(), Digest::of(b"a"), now));
        pending.note(id(), Revision::ZERO, now);
        assert_eq!(pending.next(), Some(now + GAP), "told again too soon");
        assert!(pending.take(now).is_empty());
        assert!(!pending.is_news(&id(), Digest::of(b"a"), now + GAP));
        assert!(pending.is_news(&id(), Digest::of(b"b"), now + GAP));
    }

    #[test]
    fn a_view_that_stays_behind_is_told_in_the_end() {
        let (mut pending, mut now) = (Pending::default(), Instant::now());
        pending.note(id(), Revision::new(4), now);
        for _ in 0..BEHIND_MAX {
            let [(id, due)] = pending.take(now).try_into().unwrap();
            assert!(pending.put_back(&id, due, now));
            assert_eq!(pending.earliest(), Some(Revision::new(4)), "a bookmark would pass it by");
            now += GAP;
        }
        let [(id, due)] = pending.take(now).try_into().unwrap();
        assert!(!pending.put_back(&id, due, now));
    }

    #[test]
    fn strangers_are_remembered_and_lost_words_are_made_good() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        pending.estrange(id());
        assert!(pending.is_stranger(&id()));
        let told = RolloutId::new("told").unwrap();
        pending.is_news(&told, Digest::of(b"a"), now);
        pending.note_all(now);
        assert_eq!(pending.take(now + GAP).len(), 1);
        pending.forget(&told);
        pending.note_all(now);
        assert!(pending.take(now + GAP).is_empty());
    }
}
