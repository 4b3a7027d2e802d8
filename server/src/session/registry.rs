//! The table of sessions. One live session per region over all replicas; of two only the newest, by its number, may change
//! anything. What the store shows of other replicas' sessions comes in through [`super::elsewhere`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use meridian_core::agent::VetoList;
use meridian_core::calendar::Openings;
use meridian_core::epoch::Epoch;
use meridian_core::goal::Goal;
use meridian_core::id::{Lane, RegionId, ServiceId};
use meridian_core::observation::{Contact, Observed, Seen, Sight};
use meridian_core::planted;
use meridian_core::rollout::state::Rollout;
use meridian_core::time::Timestamp;
use meridian_proto::convert::LANES_MAX;
use meridian_store::Revision;
use tokio::sync::Notify;

use super::entry::{Entry, Live, SessionKey};
use super::outbox::Outbox;

/// What an agent says of itself.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AgentFacts {
    /// Its version.
    pub version: String,
    /// What its drivers can do.
    pub capabilities: BTreeSet<String>,
    /// Services it is set up to run.
    pub services: BTreeSet<ServiceId>,
}

/// The right to speak for a region, until a newer session takes over.
#[derive(Clone, Debug)]
pub struct SessionTicket {
    /// Whose session.
    pub region: RegionId,
    /// Its number; the newest counts.
    pub number: u64,
    /// What to send.
    pub outbox: Arc<Outbox>,
}

/// A region as it is seen from here.
#[derive(Clone, Debug)]
pub struct RegionStatus {
    /// Whether its agent can be reached.
    pub contact: Contact,
    /// When it was last heard.
    pub heard: Option<Timestamp>,
    /// What it said of itself.
    pub facts: AgentFacts,
    /// Its lanes as last reported.
    pub lanes: BTreeMap<ServiceId, Observed>,
}

/// All sessions of this server, and what is known of those of others.
#[derive(Default)]
pub struct Sessions {
    pub(super) regions: Mutex<BTreeMap<RegionId, Entry>>,
    /// What services have vetoed, as was read of them last; a holder of this lock may take that of the regions.
    pub(super) vetoes: Mutex<BTreeMap<ServiceId, VetoList>>,
    lookers: Mutex<HashMap<Lane, Arc<Notify>>>,
    /// Lanes of which something was heard here since they were last looked at for telling others.
    pub(super) news: Mutex<BTreeSet<Lane>>,
    pub(super) newsworthy: Notify,
}

impl Sessions {
    /// Opens a session whose key was written with revision `key`; an older one of the region is closed. `None` if a newer
    /// one is known.
    pub fn open(
        &self,
        region: &RegionId,
        (number, key): (u64, Revision),
        facts: AgentFacts,
        now: Timestamp,
    ) -> Option<SessionTicket> {
        let outbox = Arc::new(Outbox::default());
        let vetoes = self.vetoes.lock().expect("no holder of this lock panics");
        {
            let mut regions = self.regions.lock().expect("no holder of this lock panics");
            let entry = regions.entry(region.clone()).or_default();
            if number <= entry.newest && entry.key.is_none_or(|known| known.revision != key) {
                return None;
            }
            entry.begin(number);
            entry.own = number;
            entry.live = Some(Live { number, since: now, outbox: outbox.clone(), left_out: BTreeMap::new() });
            if entry.key.is_none_or(|known| known.revision <= key) {
                entry.key = Some(SessionKey { revision: key, number, since: now, ours: true });
            }
            entry.heard = Some(now);
            entry.facts = facts;
            for goal in entry.goals.values().filter(|goal| entry.may_hear(goal) && !planted::is("goals-not-recalled")) {
                outbox.put(goal.clone());
            }
            for (service, list) in vetoes.iter().filter(|(service, _)| entry.runs(service)) {
                outbox.put_vetoes(service.clone(), list.clone());
            }
        }
        drop(vetoes);
        self.wake_region(region);
        Some(SessionTicket { region: region.clone(), number, outbox })
    }

    /// Closes a session. Closing an old one does not disturb a newer.
    pub fn close(&self, ticket: &SessionTicket) {
        ticket.outbox.close();
        {
            let mut regions = self.regions.lock().expect("no holder of this lock panics");
            let Some(entry) = regions.get_mut(&ticket.region) else {
                return;
            };
            if entry.live.as_ref().is_some_and(|live| live.number == ticket.number) {
                entry.live = None;
            }
        }
        self.wake_region(&ticket.region);
    }

    /// Takes a report, and with it what was left out of those before. Says whether the ticket still speaks for its region;
    /// lanes that claim an epoch not known here, or less than they had accepted, are left out (again) and returned: they
    /// lie or have forgotten, or another replica has issued what is not known here yet.
    pub fn report(
        &self,
        ticket: &SessionTicket,
        lanes: Vec<(ServiceId, Observed)>,
        now: Timestamp,
    ) -> (bool, Vec<(ServiceId, Observed)>) {
        let mut unknown = Vec::new();
        let mut changed = Vec::new();
        {
            let mut regions = self.regions.lock().expect("no holder of this lock panics");
            let Some(entry) = regions.get_mut(&ticket.region) else {
                return (false, unknown);
            };
            if entry.here().is_none_or(|live| live.number != ticket.number) {
                return (false, unknown);
            }
            let mut said = entry.live.as_mut().map(|live| std::mem::take(&mut live.left_out)).unwrap_or_default();
            said.extend(lanes);
            let was = entry.contact(now);
            entry.heard = Some(now);
            let returned = was != entry.contact(now);
            for (service, observed) in said {
                let lane = Lane { service: service.clone(), region: ticket.region.clone() };
                let issued = entry.goals.get(&service).map(|goal| goal.epoch);
                let acked = entry.acked.entry(service.clone()).or_default();
                let forgot = observed.accepted < *acked && !planted::is("forgetful-believed");
                if issued.is_some_and(|issued| observed.accepted > issued) || forgot {
                    unknown.push((service, observed));
                    continue;
                }
                *acked = observed.accepted;
                if entry.lanes.get(&service) != Some(&observed) {
                    changed.push(lane);
                }
                entry.lanes.insert(service, observed);
            }
            if let Some(live) = entry.live.as_mut() {
                live.left_out.extend(unknown.iter().take(LANES_MAX).cloned());
            }
            if returned {
                changed.extend(
                    entry.goals.keys().map(|service| Lane { service: service.clone(), region: ticket.region.clone() }),
                );
            }
        }
        self.wake(&changed);
        self.tell_others(changed);
        (true, unknown)
    }

    /// Tells an agent a goal, now or when it comes back. Older ones never replace newer ones.
    pub fn push(&self, goal: Goal) {
        let mut regions = self.regions.lock().expect("no holder of this lock panics");
        let entry = regions.entry(goal.lane.region.clone()).or_default();
        let newer = entry.goals.get(&goal.lane.service).is_none_or(|known| known.epoch <= goal.epoch);
        if !newer {
            return;
        }
        if let Some(live) = entry.live.as_ref().filter(|_| entry.may_hear(&goal)) {
            live.outbox.put(goal.clone());
        }
        entry.goals.insert(goal.lane.service.clone(), goal);
    }

    /// The revision of a region's session key, as far as is known here.
    #[must_use]
    pub fn key_of(&self, region: &RegionId) -> Option<Revision> {
        let regions = self.regions.lock().expect("no holder of this lock panics");
        regions.get(region)?.key.map(|key| key.revision)
    }

    /// The revision of the session key that was written from here, if the region's newest session is open here.
    #[must_use]
    pub fn key_here(&self, region: &RegionId) -> Option<Revision> {
        let regions = self.regions.lock().expect("no holder of this lock panics");
        let entry = regions.get(region)?;
        let live = entry.here()?;
        entry.key.filter(|key| key.ours && key.number == live.number).map(|key| key.revision)
    }

    /// Whether an agent that is connected here was told of a service no goal as new as this.
    #[must_use]
    pub fn is_behind(&self, service: &ServiceId, epoch: Epoch) -> bool {
        let regions = self.regions.lock().expect("no holder of this lock panics");
        let older = |entry: &Entry| entry.goals.get(service).is_some_and(|goal| goal.epoch < epoch);
        regions.values().any(|entry| entry.live.is_some() && older(entry))
    }

    /// Whether a goal for the lane is known here.
    #[must_use]
    pub fn knows_goal(&self, lane: &Lane) -> bool {
        let regions = self.regions.lock().expect("no holder of this lock panics");
        regions.get(&lane.region).is_some_and(|entry| entry.goals.contains_key(&lane.service))
    }

    /// All that is known of a rollout's lanes.
    #[must_use]
    pub fn sight(&self, record: &Rollout, now: Timestamp) -> Sight {
        let regions = self.regions.lock().expect("no holder of this lock panics");
        let seen = |region: &RegionId| {
            let entry = regions.get(region)?;
            let observed = entry.lanes.get(&record.plan.service).cloned();
            Some(Seen {
                contact: entry.contact(now),
                observed,
                openings: Openings::default(),
                halt: None,
                feedback: None,
            })
        };
        record.lanes.keys().filter_map(|region| Some((region.clone(), seen(region)?))).collect()
    }

    /// One region as it is seen from here.
    #[must_use]
    pub fn region(&self, region: &RegionId, now: Timestamp) -> Option<RegionStatus> {
        let regions = self.regions.lock().expect("no holder of this lock panics");
        let entry = regions.get(region)?;
        Some(RegionStatus {
            contact: entry.contact(now),
            heard: entry.heard,
            facts: entry.facts.clone(),
            lanes: entry.lanes.clone(),
        })
    }

    /// How many sessions are open.
    #[must_use]
    pub fn count(&self) -> usize {
        let regions = self.regions.lock().expect("no holder of this lock panics");
        regions.values().filter(|entry| entry.live.is_some()).count()
    }

    /// Closes every session: the server goes away.
    pub fn close_all(&self) {
        let regions = self.regions.lock().expect("no holder of this lock panics");
        for live in regions.values().filter_map(|entry| entry.live.as_ref()) {
            live.outbox.close();
        }
    }

    /// Wakes `looker` whenever something is seen of the lane.
    pub fn look_after(&self, lane: Lane, looker: Arc<Notify>) {
        self.lookers.lock().expect("no holder of this lock panics").insert(lane, looker);
    }

    /// Ends what [`Sessions::look_after`] began, if it is still the same looker.
    pub fn look_away(&self, lane: &Lane, looker: &Arc<Notify>) {
        let mut lookers = self.lookers.lock().expect("no holder of this lock panics");
        if lookers.get(lane).is_some_and(|current| Arc::ptr_eq(current, looker)) {
            lookers.remove(lane);
        }
    }

    pub(super) fn wake(&self, lanes: &[Lane]) {
        let lookers = self.lookers.lock().expect("no holder of this lock panics");
        for looker in lanes.iter().filter_map(|lane| lookers.get(lane)) {
            looker.notify_one();
        }
    }

    pub(super) fn wake_region(&self, region: &RegionId) {
        let lookers = self.lookers.lock().expect("no holder of this lock panics");
        for (_, looker) in lookers.iter().filter(|(lane, _)| lane.region == *region) {
            looker.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use meridian_core::goal::SlotGoal;
    use meridian_core::id::RolloutId;
    use meridian_core::slot::Slots;

    use super::*;

    fn goal(epoch: Epoch) -> Goal {
        let (service, region) = (ServiceId::new("checkout").unwrap(), RegionId::new("eu").unwrap());
        Goal {
            parameters: Slots::default(),
            lane: Lane { service, region },
            epoch,
            rollout: RolloutId::new("r1").unwrap(),
            slots: Slots { blue: SlotGoal::Keep, green: SlotGoal::Keep },
            split: None,
            cohort: None,
            measurement: None,
            mandate: None,
        }
    }

    #[test]
    fn what_was_said_once_is_heard_when_it_is_understood() {
        let (sessions, now) = (Sessions::default(), Timestamp::from_millis(0));
        let (older, newer) = (goal(Epoch::new(0, 3)), goal(Epoch::new(0, 5)));
        let Lane { service, region } = older.lane.clone();
        sessions.push(older);
        let ticket = sessions.open(&region, (1, Revision::new(5)), AgentFacts::default(), now).unwrap();
        let seen = Observed { accepted: newer.epoch, ..Observed::default() };
        let left_out = vec![(service.clone(), seen.clone())];
        assert_eq!(sessions.report(&ticket, left_out.clone(), now), (true, left_out.clone()));
        assert_eq!(sessions.report(&ticket, Vec::new(), now), (true, left_out));
        assert_eq!(sessions.region(&region, now).unwrap().lanes.get(&service), None);
        sessions.push(newer);
        assert_eq!(sessions.report(&ticket, Vec::new(), now), (true, Vec::new()));
        assert_eq!(sessions.region(&region, now).unwrap().lanes.get(&service), Some(&seen));
    }
}
