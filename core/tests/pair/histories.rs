//! The two tests: random histories that must not break anything, and fixed ones that must have met everything.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::chaos::{self, Chaos};
use super::designs;

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
        let world = chaos.heal(ending);
        prop_assert!(!world.kinds.is_empty(), "something was decided");
    }
}

/// How many fixed histories are enough to meet everything; far fewer would do on average.
const HISTORIES: usize = 240;

#[test]
fn histories_reach_every_phase_and_every_wait() {
    let strategy = (designs::designs(), proptest::collection::vec(chaos::fault(), 60..140), chaos::ending());
    let mut runner = TestRunner::deterministic();
    let (mut met, mut decided) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..HISTORIES {
        let ((design, first), faults, ending) = strategy.new_tree(&mut runner).unwrap().current();
        let mut chaos = Chaos::new(design, &first);
        faults.into_iter().for_each(|fault| chaos.befall(fault));
        let world = chaos.heal(ending);
        met.extend(world.met);
        met.insert(world.record.phase.as_str());
        decided.extend(world.kinds);
    }
    let phases = ["running", "held", "soaking", "switched", "stable", "rolling-back", "rolled-back", "aborted"];
    let stops = ["frozen", "failed", "HELD", "NEEDS_HUMAN", "SOAK", "RETENTION", "NO_CONTACT", "MAX_PARALLEL"];
    let waits = ["MAX_SKEW", "SLOT_NOT_READY", "NOT_CONFIRMED", "WAY_BACK_NOT_READY", "BAKE", "INCONCLUSIVE"];
    let later = ["VOTES_SHORT", "DRIFT", "APPROVALS", "DIGEST_VETOED", "CHECKLIST", "STOP_THE_LINE", "FEEDBACK"];
    let wanted = phases.into_iter().chain(stops).chain(waits).chain(later);
    let missing: Vec<&str> = wanted.filter(|word| !met.contains(word)).collect();
    assert!(missing.is_empty(), "never met: {missing:?}");
    let kinds = [
        "advance",
        "vote",
        "rollback",
        "back",
        "finish",
        "switched",
        "hold",
        "pause",
        "resume",
        "freeze",
        "abandon",
        "adopt",
        "approve",
        "revoke",
        "sign",
        "unsign",
        "supersede",
    ];
    let missing: Vec<&str> = kinds.into_iter().filter(|kind| !decided.contains(kind)).collect();
    assert!(missing.is_empty(), "never decided: {missing:?}");
}
