//! The pair of server rules and agent rules under everything that a network, a crash, a clock and an operator can do:
//! random plans and random histories, every invariant after every event, and no silent stall once the faults are over.
//! `PROPTEST_CASES` sets how many histories are tried.
#![allow(clippy::unwrap_used)]

mod chaos;
mod designs;
#[path = "../world/mod.rs"]
mod world;

use chaos::Chaos;
use proptest::prelude::*;

proptest! {
    // The tree is no place for what a run leaves behind: a history that fails becomes a test of its own.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_and_nothing_stalls(
        (design, first) in designs::designs(),
        faults in proptest::collection::vec(chaos::fault(), 20..140),
        ending in chaos::ending(),
    ) {
        let mut chaos = Chaos::new(design, &first);
        for fault in faults {
            chaos.befall(fault);
        }
        chaos.heal(ending);
    }
}
