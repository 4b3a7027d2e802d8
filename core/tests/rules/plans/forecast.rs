//! The earliest course of a plan, for people to read before the start.

use meridian_core::plan::forecast::forecast;
use meridian_core::time::Span;

use crate::world::World;
use crate::world::design::Design;

#[test]
fn waves_follow_one_another_and_crowds_take_turns() {
    let mut design = Design::of(&[&[0], &[0, 1, 2], &[3]]);
    design.waves[0].steps = vec![(5, 30)];
    design.waves[0].soak = 60;
    design.waves[1].max_parallel = 2;
    let course = forecast(&World::new(&design).record.plan);
    let secs = |wave: &meridian_core::plan::forecast::WaveForecast| (wave.begins, wave.settles, wave.exposed);
    let expected = [(0, 30, 1), (90, 130, 3), (130, 150, 4)];
    let expected =
        expected.map(|(begins, settles, exposed)| (Span::from_secs(begins), Span::from_secs(settles), exposed));
    assert_eq!(course.iter().map(secs).collect::<Vec<_>>(), expected);
    assert_eq!(course.iter().map(|wave| wave.wave).collect::<Vec<_>>(), [0, 1, 2]);
}
