//! One region as it is seen from this replica: the session that is open here, the newest one that the store shows of any
//! replica, and what was said last by the agent. Of all sessions of a region only the newest counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use meridian_core::epoch::Epoch;
use meridian_core::goal::Goal;
use meridian_core::id::ServiceId;
use meridian_core::observation::{Contact, Observed};
use meridian_core::time::{Span, Timestamp};
use meridian_store::Revision;

use super::outbox::Outbox;
use super::registry::AgentFacts;

/// An agent that was silent for so long counts as lost: three times the interval at which it reports.
pub const SILENCE_MAX: Span = Span::from_millis(4_500);

/// A session that is open here.
pub(super) struct Live {
    pub number: u64,
    pub since: Timestamp,
    pub outbox: Arc<Outbox>,
    /// What its agent said that does not fit what is known here. Agents say once what does not change, so it is kept for
    /// when more is known.
    pub left_out: BTreeMap<ServiceId, Observed>,
}

/// The region's session key, as the store last showed it or as it was written from here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct SessionKey {
    pub revision: Revision,
    pub number: u64,
    pub since: Timestamp,
    /// Whether this replica wrote it.
    pub ours: bool,
}

#[derive(Default)]
pub(super) struct Entry {
    pub live: Option<Live>,
    pub key: Option<SessionKey>,
    /// The newest session ever seen.
    pub newest: u64,
    /// The newest session that was ever open here.
    pub own: u64,
    pub heard: Option<Timestamp>,
    pub facts: AgentFacts,
    /// What was said last in the newest session.
    pub lanes: BTreeMap<ServiceId, Observed>,
    /// What other replicas have written down of lanes: the session it was said in, and the revision.
    pub told: BTreeMap<ServiceId, (u64, Observed, Revision)>,
    pub goals: BTreeMap<ServiceId, Goal>,
    /// The highest epoch that its agent was ever heard here to have accepted, over all its sessions.
    pub acked: BTreeMap<ServiceId, Epoch>,
    /// Since when its agent is not believed.
    pub quarantined: Option<Timestamp>,
}

impl Entry {
    /// Whether the agent can be reached, by this replica or another.
    pub fn contact(&self, now: Timestamp) -> Contact {
        if let Some(live) = self.here() {
            return match self.heard {
                Some(heard) if now.since(heard) > SILENCE_MAX => Contact::Lost(heard),
                Some(_) | None => self.quarantined.map_or(Contact::Live(live.since), Contact::Quarantined),
            };
        }
        match (self.elsewhere(), self.heard) {
            (Some(key), _) => Contact::Live(key.since),
            (None, Some(heard)) => Contact::Lost(heard),
            (None, None) => Contact::Never,
        }
    }

    /// Whether the agent may be told a goal: one that is not believed gets nothing that moves forward.
    pub fn may_hear(&self, goal: &Goal) -> bool {
        self.quarantined.is_none() || goal.is_at_rest()
    }

    /// Whether its agent runs a service, or has a goal of it.
    pub fn runs(&self, service: &ServiceId) -> bool {
        self.facts.services.contains(service) || self.goals.contains_key(service)
    }

    /// The session here, if no newer one is known.
    pub fn here(&self) -> Option<&Live> {
        self.live.as_ref().filter(|live| live.number == self.newest)
    }

    /// The session that another replica holds.
    pub fn elsewhere(&self) -> Option<&SessionKey> {
        self.key.as_ref().filter(|key| !key.ours)
    }

    /// A session with this number is there: what was said in older ones counts no more.
    pub fn begin(&mut self, number: u64) {
        if number <= self.newest {
            return;
        }
        self.newest = number;
        self.lanes.clear();
        for (service, (session, observed, _)) in &self.told {
            if *session == number {
                self.lanes.insert(service.clone(), observed.clone());
            }
        }
        if self.live.as_ref().is_some_and(|live| live.number < number)
            && let Some(older) = self.live.take()
        {
            older.outbox.close();
        }
    }
}
