//! A playbook whose days pass in seconds.

use meridian_core::playbook::{Playbook, shortened, validate};
use meridian_core::time::Span;

use crate::world::design::Design;

fn long() -> Playbook {
    let mut long = Design::of(&[&[0], &[1]]).playbook();
    let wave = &mut long.stages[0].waves[0];
    wave.steps[0].bake = Span::from_secs(48 * 3600);
    wave.soak = Span::ZERO;
    long.evidence.window = Span::from_secs(300);
    long.evidence.extend_max = Span::from_secs(2);
    long
}

#[test]
fn days_become_seconds_and_nothing_becomes_longer_or_nothing() {
    let long = long();
    assert_eq!((shortened(&long, 1), shortened(&long, 0)), (long.clone(), long.clone()));
    let short = shortened(&long, 43_200);
    let wave = &short.stages[0].waves[0];
    assert_eq!((wave.steps[0].bake, wave.soak), (Span::from_secs(4), Span::ZERO), "nought stays nought");
    assert_eq!((short.evidence.window, short.evidence.extend_max), (Span::from_secs(10), Span::from_secs(2)));
    assert_eq!(short.watch.evaluation, Span::from_secs(60));
    assert_eq!(short.watch.dues().len(), long.watch.dues().len(), "as many reviews");
    assert_eq!((&short.limits, &short.safety), (&long.limits, &long.safety));
    for factor in [1, 2, 10_000, 1_000_000] {
        validate(shortened(&long, factor)).unwrap();
    }
}
