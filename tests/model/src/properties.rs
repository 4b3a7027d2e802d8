//! What must hold: every invariant of `core::invariants` by its id, those of the glue, and the promise that rest means
//! arrival. A state carries what its last step broke; only what needs the whole state is worked out here.

use std::sync::LazyLock;
use std::sync::atomic::Ordering;

use meridian_core::invariants::CATALOGUE;
use stateright::Property;

use crate::rules::Standing;
use crate::state::State;
use crate::turn::Turns;

/// What the machines cannot break alone: the store's compares, sessions, lost answers and backups.
const OF_THE_GLUE: [&str; 4] = ["S5", "S22", "S24", "S26"];

type Check = fn(&Turns, &State) -> bool;

/// What is seen in a whole state, not in one step.
const OF_THE_WHOLE: [(&str, Check); 4] = [
    ("S7", |turns, s| turns.holds(turns.has_ended_well(s))),
    ("S18", |turns, s| turns.holds(s.is_audited())),
    ("L1", |turns, s| turns.holds(!turns.waits_for_owner(s))),
    ("L2", |turns, s| turns.holds(!turns.is_stranded(s))),
];

/// Every id that a step can break, each with a place in a set.
static STEPWISE: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut ids: Vec<&'static str> = CATALOGUE.iter().map(|(id, _)| *id).collect();
    let own: Vec<&'static str> = OF_THE_GLUE.into_iter().filter(|id| !ids.contains(id)).collect();
    ids.extend(own);
    ids
});

/// How many invariants are checked.
#[must_use]
pub fn count() -> usize {
    let others = OF_THE_WHOLE.iter().filter(|(id, _)| !STEPWISE.contains(id)).count();
    STEPWISE.len() + others
}

/// The place of an id in a set of broken ones.
///
/// # Panics
/// If nobody checks that id.
#[must_use]
pub(crate) fn bit(id: &str) -> u64 {
    let place = STEPWISE.iter().position(|known| *known == id);
    1 << place.expect("only known invariants are noted")
}

/// The ends that must be reachable: a model in which they are not proves nothing.
pub const ENDS: [&str; 5] = ["held", "switched", "stable", "rolled-back", "aborted"];

/// Every property.
#[must_use]
pub(crate) fn all() -> Vec<Property<Turns>> {
    assert!(STEPWISE.len() <= WHOLE.len(), "an id without a place would be checked by nobody");
    let steps = STEPWISE.iter().copied().zip(WHOLE);
    let always = steps.chain(OF_THE_WHOLE).map(|(id, check)| Property::always(id, check));
    let reached: [Check; 5] = [
        |turns, s| turns.is(s, Standing::Held),
        |turns, s| turns.is(s, Standing::Switched),
        |turns, s| turns.is(s, Standing::Stable),
        |turns, s| turns.is(s, Standing::RolledBack),
        |turns, s| turns.is(s, Standing::Aborted),
    ];
    let sometimes = ENDS.into_iter().zip(reached).map(|(name, check)| Property::sometimes(name, check));
    always.chain(sometimes).collect()
}

/// One check for each place of a set: as many as it has bits.
const WHOLE: [Check; 64] = {
    macro_rules! of {
        ($($place:literal)*) => { [$(|turns, s| turns.holds(s.broken & (1 << $place) == 0)),*] };
    }
    of!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23
        24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47
        48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63)
};

impl Turns {
    /// Lets only the first break of a run count: breadth first, it is the one with the shortest trace.
    fn holds(&self, whole: bool) -> bool {
        whole || self.reported.swap(true, Ordering::Relaxed)
    }

    fn is(&self, s: &State, standing: Standing) -> bool {
        !s.current().is_none() && self.rules.standing(s.current()) == standing
    }

    fn has_ended_well(&self, s: &State) -> bool {
        let ended = |number: usize| self.rules.ended(s.current(), number, s.regions[number].site);
        s.current().is_none() || (0..self.fleet.regions).all(|number| ended(number) == 0)
    }
}

impl State {
    /// One audit entry for each decision; the last one about the last decision, unless somebody still owes it.
    fn is_audited(&self) -> bool {
        let owed = self.servers.iter().filter(|it| !it.owes.is_none()).count();
        usize::from(self.audited) + owed == usize::from(self.committed) && (owed > 0 || self.audit_of == self.current())
    }
}
