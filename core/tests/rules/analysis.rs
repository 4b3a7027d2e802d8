//! The analysis in words: each check in each region says what it saw, on what, and why it is judged so.

use meridian_core::evidence::Outcome;
use meridian_core::rollout::explain::{Finding, Ground, explain};

use super::world::World;
use super::world::design::{Design, region};
use super::world::site::Mood;

fn of(world: &World, number: usize) -> Vec<Finding> {
    explain(&world.record, &world.sight).into_iter().filter(|finding| finding.region == region(number)).collect()
}

#[test]
fn evidence_silence_and_votes_say_what_they_rest_on() {
    let mut world = World::new(&Design::of(&[&[0], &[1]]));
    world.rest();
    let [baking] = &of(&world, 0)[..] else { panic!("one check, one finding") };
    assert_eq!(baking.ground, Ground::Evidence, "{baking:?}");
    let verdict = baking.verdict.as_ref().unwrap();
    assert!(verdict.samples > 0 && !baking.test.is_empty() && !baking.measure.is_empty(), "{baking:?}");
    let [waiting] = &of(&world, 1)[..] else { panic!("one check, one finding") };
    assert_eq!((waiting.ground, waiting.verdict.as_ref()), (Ground::Nothing, None));
    assert_eq!(waiting.why, "the region is waiting: nothing is measured");

    world.sites.get_mut(&region(0)).unwrap().mood = Mood::Bad;
    world.pass(1);
    let findings = of(&world, 0);
    let vote = findings.iter().find(|finding| finding.ground == Ground::Vote).unwrap();
    assert_eq!(vote.verdict.as_ref().unwrap().outcome, Outcome::Fail);
    assert!(vote.why.contains("is beyond") && vote.voted.is_some(), "{vote:?}");
}
