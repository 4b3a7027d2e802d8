//! What a server sees and answers, held against the invariants of one decision; and what it was told, against what is on
//! the agents' disks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use meridian_core::epoch::Epoch;
use meridian_core::id::RegionId;
use meridian_core::invariants::{self, Broken, Taken};
use meridian_core::observation::{Observed, Sight};
use meridian_core::rollout::event::Event;
use meridian_core::rollout::state::Rollout;
use meridian_core::time::Timestamp;
use meridian_server::engine::StepTrace;
use meridian_server::engine::trace::EndedStep;

use super::books::require;
use super::{Books, Oracle};

/// The witness in one server's process: what it has seen once, it does not see undone.
pub struct Witness {
    oracle: Oracle,
    seen: Mutex<BTreeMap<RegionId, Epoch>>,
}

impl Oracle {
    /// A witness for a process that starts now.
    pub fn witness(&self) -> Witness {
        Witness { oracle: self.clone(), seen: Mutex::default() }
    }
}

impl Witness {
    /// A report of an older session, or one that was overtaken, never replaces a newer one.
    fn in_order(&self, sight: &Sight) -> Vec<Broken> {
        let mut broken = Vec::new();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (region, observed) in sight.iter().filter_map(|(region, seen)| Some((region, seen.observed.as_ref()?))) {
            let known = seen.entry(region.clone()).or_default();
            let falls = observed.accepted < *known;
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
            let broken = told(&self.oracle.books(), sight);
            story.hold(broken);
            story.hold(self.in_order(sight));
        }
    }
}

/// No agent says what is not on its disk.
fn told(books: &Books, sight: &Sight) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (region, seen) in sight {
        if let Some(observed) = &seen.observed {
            of_agent(books, region, observed, &mut broken);
        }
    }
    broken
}

fn of_agent(books: &Books, region: &RegionId, observed: &Observed, broken: &mut Vec<Broken>) {
    let agent = books.agents.get(region);
    let accepted = agent.map_or(Epoch::ZERO, |agent| agent.accepted);
    let durable = observed.accepted <= accepted;
    require(broken, "S1", durable, || format!("{region} acknowledged {}, {accepted} is durable", observed.accepted));
    if let Some(done) = observed.done {
        let known = agent.is_some_and(|agent| agent.confirmed.contains(&(done.epoch, done.hash)));
        require(broken, "S12", known, || format!("{region} says {} is done, which is not durable", done.epoch));
    }
}
