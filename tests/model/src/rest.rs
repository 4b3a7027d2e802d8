//! "At rest means arrived": a state in which nothing moves any more unless something fails, somebody orders or time
//! passes is one in which every region is where the newest decision wants it. The bounded form of the liveness promises.

use crate::action::Deed;
use crate::rules::{Look, Standing};
use crate::state::State;
use crate::turn::{Turns, clear};

impl Turns {
    /// Whether the state is at rest without having arrived.
    pub(crate) fn is_stranded(&self, s: &State) -> bool {
        let current = s.current();
        if current.is_none() || s.servers.iter().any(|it| it.txn.is_some()) || s.late.is_some() {
            return false;
        }
        let reachable = (0..self.fleet.regions).filter(|number| !s.regions[*number].lost);
        let still = |number: usize| {
            let site = s.regions[number].site;
            let taken = self.rules.take(site, self.rules.goal(current, number)).site;
            let acted = self.rules.deed(site, Deed::Act).site;
            let arrived = self.rules.deed(site, Deed::Arrive).site;
            taken == site && acted == site && arrived == site
        };
        if !reachable.clone().all(still) {
            return false;
        }
        let known = self.known(s, clear(s));
        let look = Look { before: current, head: current, ticks: s.ticks, owns: true, stale: false, known };
        if !self.rules.look(look).next.is_none() {
            return false;
        }
        let done = |number: usize| self.rules.is_done(current, number, s.regions[number].site);
        let cut = s.regions[..self.fleet.regions].iter().any(|region| region.lost);
        let may_rest = match self.rules.standing(current) {
            Standing::Running | Standing::RollingBack => cut || self.waits_for_time(s),
            Standing::Held
            | Standing::Frozen
            | Standing::Switched
            | Standing::Stable
            | Standing::RolledBack
            | Standing::Aborted
            | Standing::Failed => true,
        };
        !may_rest || !reachable.clone().all(done)
    }

    /// Whether a way back waits for the owner: where the owner would turn back, confirm or end, every server must.
    pub(crate) fn waits_for_owner(&self, s: &State) -> bool {
        let current = s.current();
        if current.is_none() {
            return false;
        }
        let known = self.known(s, clear(s));
        let look = Look { before: current, head: current, ticks: s.ticks, owns: true, stale: false, known };
        let owner = self.rules.look(look);
        if owner.next.is_none() || owner.forward {
            return false;
        }
        let back = match self.rules.standing(owner.next) {
            Standing::RollingBack | Standing::Frozen | Standing::RolledBack | Standing::Aborted => true,
            // Who is held waits for people, and for nothing else.
            Standing::Running | Standing::Held | Standing::Switched | Standing::Stable | Standing::Failed => false,
        };
        back && self.rules.look(Look { owns: false, ..look }).next.is_none()
    }

    /// A limit would end the wait: a slot that does not come up, evidence that says nothing.
    fn waits_for_time(&self, s: &State) -> bool {
        let current = s.current();
        let known = self.known(s, clear(s));
        let mut later = Look { before: current, head: current, ticks: s.ticks, owns: true, stale: false, known };
        later.ticks += 1;
        !self.rules.look(later).next.is_none()
    }
}
