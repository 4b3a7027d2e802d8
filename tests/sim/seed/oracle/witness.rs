//! What a server sees and answers, held against the invariants of one decision; and what it was told, against what is on
//! the agents' disks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use meridian_core::agent::quarantine::{Known, believe};
use meridian_core::epoch::Epoch;
use meridian_core::id::{Lane, ServiceId};
use meridian_core::invariants::{self, Broken, Taken};
use meridian_core::observation::{Observed, Sight};
use meridian_core::rollout::event::Event;
use meridian_core::rollout::state::{LaneAt, Rollout};
use meridian_core::time::Timestamp;
use meridian_server::engine::StepTrace;
use meridian_server::engine::trace::EndedStep;

use super::books::require;
use super::{Books, Oracle};

/// The witness in one server's process: what it has seen once, it does not see undone.
pub struct Witness {
    oracle: Oracle,
    /// The highest epoch of each lane, and how often it has fallen since its agent's disk was.
    seen: Mutex<BTreeMap<Lane, (Epoch, u64)>>,
}

impl Oracle {
    /// A witness for a process that starts now.
    pub fn witness(&self) -> Witness {
        Witness { oracle: self.clone(), seen: Mutex::default() }
    }
}

impl Witness {
    /// A report of an older session, or one that was overtaken, never replaces a newer one.
    fn in_order(&self, books: &Books, of: &ServiceId, sight: &Sight) -> Vec<Broken> {
        let mut broken = Vec::new();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (region, observed) in sight.iter().filter_map(|(region, seen)| Some((region, seen.observed.as_ref()?))) {
            let lane = Lane { service: of.clone(), region: region.clone() };
            let forgot = books.agents.get(&lane).map_or(0, |agent| agent.forgot);
            let (known, fallen) = seen.entry(lane).or_default();
            let falls = observed.accepted < *known;
            if falls && *fallen < forgot {
                (*known, *fallen) = (observed.accepted, forgot);
                continue;
            }
            require(&mut broken, "S22", !falls, || format!("{region} was at {known}, then at {}", observed.accepted));
            *known = observed.accepted.max(*known);
        }
        broken
    }
}

impl StepTrace for Witness {
    fn step_ended(&self, _record: &Rollout, _step: EndedStep<'_>) {}

    fn ended(&self, _record: &Rollout, _at: Timestamp) {}

    fn judges(&self) -> bool {
        true
    }

    fn answered(&self, taken: Taken<'_>) {
        let story = &self.oracle.story;
        story.hold(invariants::transition(taken));
        if let Event::Look(sight) | Event::Guard(sight) = taken.event {
            let of = &taken.before.plan.service;
            let mut broken = told(&self.oracle.books(), of, sight);
            broken.extend(self.in_order(&self.oracle.books(), of, sight));
            broken.extend(believed(&self.oracle.books(), taken, sight));
            story.hold(broken);
        }
    }
}

/// An agent that has forgotten what it accepted is moved forward only once somebody has vouched for it.
fn believed(books: &Books, taken: Taken<'_>, sight: &Sight) -> Vec<Broken> {
    let mut broken = Vec::new();
    let (before, Some(after)) = (taken.before, &taken.answer.next) else {
        return broken;
    };
    for (region, was) in &before.lanes {
        let is_ahead = |at: LaneAt| matches!(at, LaneAt::Preparing { .. } | LaneAt::Shifting(_));
        let moves = after.lanes.get(region).is_some_and(|is| is.at != was.at && is_ahead(is.at));
        let observed = sight.get(region).and_then(|seen| seen.observed.as_ref());
        // What another replica has noted may be old; what is on the disk as well is neither.
        let lane = Lane { service: before.plan.service.clone(), region: region.clone() };
        let remembers = books.agents.get(&lane).map_or(Epoch::ZERO, |agent| agent.remembers);
        let Some(observed) = observed.filter(|seen| moves && seen.accepted == remembers) else { continue };
        let confirmed = books.regions.get(region).and_then(|record| record.confirmed.get(&before.plan.service));
        let pardon = confirmed.map(|confirmed| confirmed.pardon);
        let known = Known { head: observed.accepted, acked: was.acked, pardon };
        let doubt = believe(observed.accepted, known).err();
        require(&mut broken, "S1", doubt.is_none(), || format!("{region} is moved forward, though {doubt:?}"));
    }
    broken
}

/// No agent says what is not on its disk.
fn told(books: &Books, of: &ServiceId, sight: &Sight) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (region, seen) in sight {
        if let Some(observed) = &seen.observed {
            let lane = Lane { service: of.clone(), region: region.clone() };
            of_agent(books, &lane, observed, &mut broken);
        }
    }
    broken
}

fn of_agent(books: &Books, lane: &Lane, observed: &Observed, broken: &mut Vec<Broken>) {
    let agent = books.agents.get(lane);
    let accepted = agent.map_or(Epoch::ZERO, |agent| agent.accepted);
    let durable = observed.accepted <= accepted;
    require(broken, "S1", durable, || format!("{lane} acknowledged {}, {accepted} is durable", observed.accepted));
    if let Some(done) = observed.done {
        let known = agent.is_some_and(|agent| agent.confirmed.contains(&(done.epoch, done.hash)));
        require(broken, "S12", known, || format!("{lane} says {} is done, which is not durable", done.epoch));
    }
}
