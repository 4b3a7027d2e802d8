//! What the store shows of sessions: which one is the newest of each region, whoever holds it, and what other replicas have
//! heard in theirs. An older session that is still open here is closed as soon as a newer one is seen.

use std::collections::BTreeSet;
use std::sync::Arc;

use meridian_core::id::{Lane, RegionId, ReplicaId};
use meridian_core::time::Timestamp;
use meridian_store::layout::Place;
use meridian_store::record::{self, Heard, SessionHeld};
use meridian_store::{Key, Revision, Versioned};

use super::entry::{Entry, SessionKey};
use super::registry::Sessions;
use crate::clock::Clock;
use crate::mirror::Sink;

/// Takes in the newest session of each region.
pub(super) struct NewestSessions {
    pub sessions: Arc<Sessions>,
    pub clock: Arc<dyn Clock>,
    pub me: ReplicaId,
}

impl Sink for NewestSessions {
    async fn put(&mut self, item: Versioned) {
        let Some(Place::Session(region)) = Place::of(&item.key) else { return };
        match record::decode_session(&item.key, &item.value) {
            Ok(held) => self.sessions.session_shown(&region, &held, held.replica == self.me, item.mod_revision),
            Err(error) => tracing::error!(%error, "a session of another replica can't be read"),
        }
    }

    fn gone(&mut self, key: &Key, at: Revision) {
        if let Some(Place::Session(region)) = Place::of(key) {
            self.sessions.session_gone(&region, at, self.clock.now());
        }
    }

    fn listed(&mut self, keys: &BTreeSet<Key>, at: Revision) {
        let region = |key| if let Some(Place::Session(region)) = Place::of(key) { Some(region) } else { None };
        let there: BTreeSet<RegionId> = keys.iter().filter_map(region).collect();
        self.sessions.sessions_listed(&there, at, self.clock.now());
    }
}

/// Takes in what other replicas have heard.
pub(super) struct HeardElsewhere {
    pub sessions: Arc<Sessions>,
}

impl Sink for HeardElsewhere {
    async fn put(&mut self, item: Versioned) {
        let Some(Place::Seen(lane)) = Place::of(&item.key) else { return };
        match record::decode_heard(&item.key, &item.value) {
            Ok(heard) if heard.service == lane.service => self.sessions.heard_elsewhere(lane, heard, item.mod_revision),
            Ok(_) => tracing::error!(%lane, "what was heard of a lane is of another one"),
            Err(error) => tracing::error!(%error, "what another replica has heard can't be read"),
        }
    }

    fn gone(&mut self, key: &Key, at: Revision) {
        if let Some(Place::Seen(lane)) = Place::of(key) {
            self.sessions.heard_gone(&lane, at);
        }
    }

    fn listed(&mut self, keys: &BTreeSet<Key>, at: Revision) {
        let lane = |key| if let Some(Place::Seen(lane)) = Place::of(key) { Some(lane) } else { None };
        let there: BTreeSet<Lane> = keys.iter().filter_map(lane).collect();
        self.sessions.heard_listed(&there, at);
    }
}

impl Sessions {
    /// The store shows this session of a region.
    pub(super) fn session_shown(&self, region: &RegionId, held: &SessionHeld, ours: bool, at: Revision) {
        let SessionHeld { number, replica: _, since } = *held;
        {
            let mut regions = self.regions.lock().expect("no holder of this lock panics");
            let entry = regions.entry(region.clone()).or_default();
            if entry.key.is_some_and(|known| known.revision >= at) {
                return;
            }
            if entry.live.as_ref().is_some_and(|live| live.number < number) {
                tracing::info!(%region, session = number, "a newer session is open elsewhere; ours is closed");
            }
            entry.key = Some(SessionKey { revision: at, number, since, ours });
            entry.begin(number);
        }
        self.wake_region(region);
    }

    pub(super) fn session_gone(&self, region: &RegionId, at: Revision, now: Timestamp) {
        {
            let mut regions = self.regions.lock().expect("no holder of this lock panics");
            let Some(entry) = regions.get_mut(region) else { return };
            if entry.key.is_none_or(|known| known.revision >= at) {
                return;
            }
            if entry.elsewhere().is_some() {
                entry.heard = Some(now);
            }
            entry.key = None;
        }
        self.wake_region(region);
    }

    fn sessions_listed(&self, there: &BTreeSet<RegionId>, at: Revision, now: Timestamp) {
        let gone: Vec<RegionId> = {
            let regions = self.regions.lock().expect("no holder of this lock panics");
            let lost = |entry: &Entry| entry.key.is_some_and(|known| known.revision <= at);
            regions
                .iter()
                .filter(|(region, entry)| !there.contains(region) && lost(entry))
                .map(|(r, _)| r.clone())
                .collect()
        };
        for region in gone {
            self.session_gone(&region, Revision::new(at.get() + 1), now);
        }
    }

    pub(super) fn heard_elsewhere(&self, lane: Lane, heard: Heard, at: Revision) {
        let Heard { session, service, observed } = heard;
        {
            let mut regions = self.regions.lock().expect("no holder of this lock panics");
            let entry = regions.entry(lane.region.clone()).or_default();
            if entry.told.get(&service).is_some_and(|(_, _, known)| *known >= at) {
                return;
            }
            // What was said here is known first-hand, and what is written down of it may be older.
            if entry.newest == session && entry.own != session {
                entry.lanes.insert(service.clone(), observed.clone());
            }
            entry.told.insert(service, (session, observed, at));
        }
        self.wake(&[lane]);
    }

    /// What is not in a listing is gone: the watch that would have told of it may have been lost.
    pub(super) fn heard_listed(&self, there: &BTreeSet<Lane>, at: Revision) {
        let gone: Vec<Lane> = {
            let regions = self.regions.lock().expect("no holder of this lock panics");
            let told = regions.iter().flat_map(|(region, entry)| {
                let old = entry.told.iter().filter(|(_, (_, _, known))| *known <= at);
                old.map(|(service, _)| Lane { service: service.clone(), region: region.clone() })
            });
            told.filter(|lane| !there.contains(lane)).collect()
        };
        for lane in gone {
            self.heard_gone(&lane, Revision::new(at.get() + 1));
        }
    }

    pub(super) fn heard_gone(&self, lane: &Lane, at: Revision) {
        let mut regions = self.regions.lock().expect("no holder of this lock panics");
        let Some(entry) = regions.get_mut(&lane.region) else { return };
        if entry.told.get(&lane.service).is_none_or(|(_, _, known)| *known >= at) {
            return;
        }
        entry.told.remove(&lane.service);
        // Nobody writes down what is heard by now: what was heard before proves nothing any more.
        if entry.here().is_none() {
            entry.lanes.remove(&lane.service);
        }
    }
}

#[cfg(test)]
mod tests {
    use meridian_core::epoch::Epoch;
    use meridian_core::id::ServiceId;
    use meridian_core::observation::{Contact, Observed};

    use super::*;
    use crate::session::AgentFacts;

    fn lane() -> Lane {
        Lane { service: ServiceId::new("checkout").unwrap(), region: RegionId::new("eu").unwrap() }
    }

    fn at(epoch: u64) -> Observed {
        Observed { accepted: Epoch::new(0, epoch), ..Observed::default() }
    }

    fn heard(session: u64, epoch: u64) -> Heard {
        Heard { session, service: lane().service, observed: at(epoch) }
    }

    fn accepted(sessions: &Sessions) -> Option<Epoch> {
        let status = sessions.region(&lane().region, Timestamp::from_millis(0)).unwrap();
        status.lanes.get(&lane().service).map(|observed| observed.accepted)
    }

    fn told(sessions: &Sessions) -> Option<Revision> {
        let regions = sessions.regions.lock().unwrap();
        regions.get(&lane().region)?.told.get(&lane().service).map(|(_, _, revision)| *revision)
    }

    #[test]
    fn what_was_heard_here_is_not_replaced_by_an_older_note_of_it() {
        let (sessions, now) = (Sessions::default(), Timestamp::from_millis(0));
        let key = Revision::new(5);
        let ticket = sessions.open(&lane().region, (1, key), AgentFacts::default(), now).unwrap();
        let _known = sessions.report(&ticket, vec![(lane().service, at(14))], now);
        sessions.close(&ticket);
        sessions.heard_elsewhere(lane(), heard(1, 12), Revision::new(6));
        assert_eq!(accepted(&sessions), Some(Epoch::new(0, 14)));
    }

    #[test]
    fn what_a_listing_does_not_show_is_no_longer_taken_for_written() {
        let sessions = Sessions::default();
        let held =
            SessionHeld { number: 1, replica: ReplicaId::new("other").unwrap(), since: Timestamp::from_millis(0) };
        sessions.session_shown(&lane().region, &held, false, Revision::new(5));
        sessions.heard_elsewhere(lane(), heard(1, 12), Revision::new(6));
        sessions.heard_listed(&BTreeSet::from([lane()]), Revision::new(8));
        sessions.heard_listed(&BTreeSet::new(), Revision::new(5));
        assert_eq!((told(&sessions), accepted(&sessions)), (Some(Revision::new(6)), Some(Epoch::new(0, 12))));
        sessions.heard_listed(&BTreeSet::new(), Revision::new(8));
        assert_eq!((told(&sessions), accepted(&sessions)), (None, None));
        let contact = sessions.region(&lane().region, Timestamp::from_millis(0)).unwrap().contact;
        assert!(matches!(contact, Contact::Live(_)));
    }
}
