//! What etcd has committed, held against the invariants that can be seen there: epochs, the audit, holders, compares.

use std::sync::Arc;

use etcd_server::proto::{PbEvent, PbKeyValue, PbTargetUnion};
use meridian_core::audit::AuditEntry;
use meridian_core::canon::Canonical;
use meridian_core::digest::Digest;
use meridian_core::id::{RegionId, RolloutId, ServiceId};
use meridian_core::invariants::{self, Broken};
use meridian_core::plan::HashedPlan;
use meridian_core::rollout::goals::goal;
use meridian_core::rollout::state::{LaneAt, Rollout};
use meridian_store::layout::Place;
use meridian_store::{Key, record};

use super::{Books, Oracle, truth};
use crate::etcd::{Applied, HOST};

/// What our keys begin with in etcd.
const PREFIX: &str = "/meridian";
/// And those of owners.
const OWNERS: &str = "/meridian/owners/";

/// A record that a commit wrote.
pub(super) struct Written {
    pub place: Place,
    pub key: Key,
    pub value: Vec<u8>,
}

impl Oracle {
    /// etcd has committed something.
    pub fn committed(&self, applied: &Applied) {
        let hash = applied.events.iter().filter_map(|event| event.kv.as_ref()).fold(0, fold);
        let keys: Vec<String> = applied.events.iter().filter_map(|event| event.kv.as_ref()).map(name).collect();
        self.story.note(HOST, format_args!("{} {:08x} {}", applied.revision, hash & 0xffff_ffff, keys.join(" ")));
        self.story.hold(blind(applied));
        let mut books = self.books();
        let mut broken = Vec::new();
        let written: Vec<Written> = applied.events.iter().filter_map(written).collect();
        books.token = token(applied);
        books.owners(applied);
        books.take(&written, &mut broken);
        drop(books);
        self.story.hold(broken);
    }
}

fn fold(hash: u64, kv: &PbKeyValue) -> u64 {
    hash.rotate_left(7) ^ crate::story::Fnv::of(&kv.key) ^ crate::story::Fnv::of(&kv.value)
}

fn name(kv: &PbKeyValue) -> String {
    String::from_utf8_lossy(&kv.key).trim_start_matches(PREFIX).to_owned()
}

fn written(event: &PbEvent) -> Option<Written> {
    let kv = event.kv.as_ref().filter(|_| event.r#type == 0)?;
    let key = Key::new(name(kv)).ok()?;
    Some(Written { place: Place::of(&key)?, key, value: kv.value.clone() })
}

/// The token of the owner for whom a change was made.
fn token(applied: &Applied) -> Option<i64> {
    let owner = applied.compares.iter().find(|compare| compare.key.starts_with(OWNERS.as_bytes()))?;
    match owner.target_union {
        Some(PbTargetUnion::CreateRevision(token)) => Some(token),
        Some(_) | None => None,
    }
}

/// Every write says what it replaces; only the end of a lease removes keys by itself.
fn blind(applied: &Applied) -> Vec<Broken> {
    let mut broken = Vec::new();
    for event in &applied.events {
        let Some(kv) = &event.kv else { continue };
        let by_lease = event.r#type == 1 && event.prev_kv.as_ref().is_some_and(|before| before.lease != 0);
        let is_compared = applied.compares.iter().any(|compare| compare.key == kv.key);
        if !is_compared && !by_lease {
            broken.push(Broken { id: "S17", what: format!("{} was written without a compare", name(kv)) });
        }
    }
    broken
}

impl Books {
    /// Who owns a shard is there as long as the key is.
    fn owners(&mut self, applied: &Applied) {
        for event in &applied.events {
            let place = event.kv.as_ref().and_then(|kv| Place::of(&Key::new(name(kv)).ok()?));
            match (place, event.r#type) {
                (Some(Place::Owner(shard)), 0) => self.owned.insert(shard),
                (Some(Place::Owner(shard)), _) => self.owned.remove(&shard),
                (_, _) => continue,
            };
        }
    }

    fn take(&mut self, written: &[Written], broken: &mut Vec<Broken>) {
        // Plans first: records refer to them.
        for Written { key, value, .. } in written.iter().filter(|one| matches!(one.place, Place::Plan(_))) {
            match record::decode_plan(key, value) {
                Ok(stored) => {
                    let plan = Arc::new(HashedPlan::from(stored.plan));
                    self.plans.insert(plan.hash(), plan);
                }
                Err(error) => broken.push(unreadable(key, &error)),
            }
        }
        self.in_line(written, broken);
        self.together(written, broken);
        let takeover = self.takeover(written);
        if let Some(taken) = &takeover {
            self.taken_over(taken, written, broken);
        }
        for one in written {
            if let Place::Rollout(id) = &one.place {
                if takeover.is_some() {
                    continue;
                }
                self.rollout(id, one, written, broken);
            } else if let Place::Region(region) = &one.place {
                self.region(region, one, broken);
            } else if let Place::Request(id) = &one.place {
                self.requests.done(id, broken);
            } else if let Place::Audit(service, _) = &one.place {
                let has_head = written.iter().any(|other| other.place == Place::Head(service.clone()));
                require(broken, "S18", has_head, || format!("{} without its head", one.key));
            }
        }
        for one in written {
            if let Place::Head(service) = &one.place {
                match record::decode_head(&one.key, &one.value) {
                    Ok(head) => {
                        self.heads.insert(service.clone(), head);
                    }
                    Err(error) => broken.push(unreadable(&one.key, &error)),
                }
            }
            if let Place::Lanes(service) = &one.place {
                match record::decode_lanes(&one.key, &one.value) {
                    Ok(lanes) => {
                        self.lanes.insert(service.clone(), lanes);
                    }
                    Err(error) => broken.push(unreadable(&one.key, &error)),
                }
            }
        }
    }

    fn rollout(&mut self, id: &RolloutId, one: &Written, written: &[Written], broken: &mut Vec<Broken>) {
        let Some(next) = self.decoded(one) else {
            broken.push(Broken { id: "S27", what: format!("{} can't be read", one.key) });
            return;
        };
        let service = next.plan.service.clone();
        let before = self.rollouts.get(id).cloned();
        broken.extend(invariants::record(&next));
        self.epoch(&service, &next, one, written, broken);
        self.of_lanes(&service, &next, written, broken);
        match &before {
            Some(before) => {
                let ended = before.phase.is_terminal();
                require(broken, "S15", !ended, || format!("{id} was {} and changed", before.phase.as_str()));
                broken.extend(truth::moves(self, before, &next));
                self.of_owner(before, &next, broken);
            }
            None => {
                let lanes = self.lanes.get(&service).cloned().unwrap_or_default();
                let vetoes = self.heads.get(&service).map(|head| head.vetoes.clone()).unwrap_or_default();
                broken.extend(invariants::opening(&next, &lanes, &vetoes));
            }
        }
        self.keep(next, broken);
        let records: Vec<Rollout> = self.rollouts.values().cloned().collect();
        broken.extend(invariants::holders(&records));
    }

    /// A record with its plan; `None`: it can't be read.
    pub(super) fn decoded(&self, one: &Written) -> Option<Rollout> {
        let hash = record::plan_of_rollout(&one.key, &one.value).ok()?;
        record::decode_rollout(&one.key, &one.value, self.plans.get(&hash)?.clone()).ok()
    }

    /// From now on it is the record, and its goals are issued.
    pub(super) fn keep(&mut self, next: Rollout, broken: &mut Vec<Broken>) {
        for goal in next.lanes.keys().filter_map(|region| goal(&next, region)) {
            broken.extend(self.orders.issue(&goal));
        }
        self.rollouts.insert(next.id.clone(), next);
    }

    /// One decision: the epoch after the last, its audit entry, chained, in the same transaction.
    fn epoch(&self, service: &ServiceId, next: &Rollout, one: &Written, written: &[Written], broken: &mut Vec<Broken>) {
        let head = self.heads.get(service).cloned().unwrap_or_default();
        // Nobody restores anything here.
        let raised = next.epoch.generation() != head.epoch.generation();
        require(broken, "S26", !raised, || format!("{} after {}, without a restore", next.epoch, head.epoch));
        let follows = head.epoch.next() == Some(next.epoch);
        require(broken, "S2", follows, || format!("{} after {}", next.epoch, head.epoch));
        let Some(entry) = entry(next, one, written, head.audit, broken) else { return };
        let moved = written.iter().find(|other| other.place == Place::Head(service.clone()));
        let moved = moved.and_then(|head| record::decode_head(&head.key, &head.value).ok());
        let fits = moved.is_some_and(|moved| moved.epoch == next.epoch && moved.audit == Some(entry.digest()));
        require(broken, "S18", fits, || format!("the head does not stand at {}", next.epoch));
    }

    /// Only an owner moves something forward, and a later owner has a later token.
    fn of_owner(&mut self, before: &Rollout, next: &Rollout, broken: &mut Vec<Broken>) {
        let is_ahead = |at: LaneAt| matches!(at, LaneAt::Preparing { .. } | LaneAt::Shifting(_));
        let goes = next
            .lanes
            .iter()
            .find(|(region, lane)| is_ahead(lane.at) && before.lanes.get(*region).is_none_or(|was| was.at != lane.at));
        let Some((region, _)) = goes else { return };
        let Some(token) = self.token else {
            broken.push(Broken { id: "S5", what: format!("{region} goes forward at {}, by nobody", next.epoch) });
            return;
        };
        let last = self.tokens.entry(next.id.clone()).or_default();
        require(broken, "S5", token >= *last, || format!("the owner of {token} decides after that of {last}"));
        *last = token.max(*last);
    }

    /// Lanes are taken with the first decision and freed with the last.
    fn of_lanes(&self, service: &ServiceId, next: &Rollout, written: &[Written], broken: &mut Vec<Broken>) {
        let moved = written.iter().find(|other| other.place == Place::Lanes(service.clone()));
        let moves = next.phase.is_terminal() || !self.rollouts.contains_key(&next.id);
        require(broken, "S16", moved.is_some() || !moves, || format!("{} moves no lanes", next.id));
        let after = moved.and_then(|lanes| record::decode_lanes(&lanes.key, &lanes.value).ok());
        let Some(after) = after else { return };
        let before = self.lanes.get(service).cloned().unwrap_or_default();
        let vetoes = self.heads.get(service).map(|head| head.vetoes.clone()).unwrap_or_default();
        for region in next.lanes.keys() {
            let was = before.get(region).cloned().unwrap_or_default();
            let is = after.get(region).cloned().unwrap_or_default();
            broken.extend(invariants::lane_state(next, region, &was, &is, &vetoes));
            let own = is.rollout.as_ref() == Some(&next.id);
            require(broken, "S16", own, || format!("{region} belongs to {:?}", is.rollout));
            let held = is.held != next.phase.is_terminal();
            require(broken, "S16", held, || format!("{region} is held: {}", is.held));
        }
    }

    fn region(&mut self, region: &RegionId, one: &Written, broken: &mut Vec<Broken>) {
        let Ok(record) = record::decode_region(&one.key, &one.value) else {
            broken.push(Broken { id: "S27", what: format!("{} can't be read", one.key) });
            return;
        };
        let number = record.session_number;
        let before = self.regions.insert(region.clone(), record).map_or(0, |before| before.session_number);
        let fits = number >= before && number <= before + 1;
        require(broken, "S22", fits, || format!("{region}: session {number} after {before}"));
    }
}

/// The audit entry of a decision, which follows the one before it and is about nothing else.
pub(super) fn entry(
    next: &Rollout,
    one: &Written,
    written: &[Written],
    previous: Option<Digest>,
    broken: &mut Vec<Broken>,
) -> Option<AuditEntry> {
    let service = &next.plan.service;
    let audit = written.iter().find(|other| other.place == Place::Audit(service.clone(), next.epoch));
    let entry = audit.and_then(|audit| record::decode_audit(&audit.key, &audit.value, service).ok());
    let Some(entry) = entry else {
        broken.push(Broken { id: "S18", what: format!("{} at {} without its audit entry", next.id, next.epoch) });
        return None;
    };
    let is_chained = entry.previous == previous;
    require(broken, "S18", is_chained, || format!("the entry of {} does not follow the last", next.epoch));
    let names = entry.record == Digest::of(&one.value) && entry.rollout.as_ref() == Some(&next.id);
    require(broken, "S18", names, || format!("the entry of {} is about something else", next.epoch));
    Some(entry)
}

fn unreadable(key: &Key, error: &record::RecordError) -> Broken {
    Broken { id: "S27", what: format!("{key} can't be read: {error}") }
}

pub(super) fn require(broken: &mut Vec<Broken>, id: &'static str, holds: bool, what: impl FnOnce() -> String) {
    if !holds {
        broken.push(Broken { id, what: what() });
    }
}
