//! The small size: the shipped rules hold in every state of its fleets, and every end can be reached there.

use std::collections::BTreeSet;

use meridian_model::properties::ENDS;
use meridian_model::walk::size::Size;
use meridian_model::walk::walk;

#[test]
fn the_shipped_rules_hold_in_every_order_of_events() {
    let mut ends = BTreeSet::new();
    for small in Size::Small.walks() {
        let outcome = walk(&small, &mut |line| println!("{line}"));
        assert!(outcome.broken.is_none(), "{:?}: {:#?}", small.fleet, outcome.broken);
        ends.extend(outcome.ends);
    }
    assert_eq!(ends, BTreeSet::from(ENDS), "a model that does not get there proves nothing");
}
