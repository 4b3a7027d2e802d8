//! Vote policies: how many fails take back how much, whose votes count, and what the regions say together.

use meridian_core::playbook::{Electorate, VotePolicy};
use meridian_core::rollout::state::{Ballot, Cause, Phase, Run};

use crate::world::World;
use crate::world::design::{Design, percent, region};
use crate::world::site::Mood;

fn all_baking(design: &Design) -> World {
    let mut world = World::new(design);
    world.until("all bake", |world| world.record.lanes.values().all(|lane| lane.at.as_str() == "baking"));
    world
}

#[test]
fn policies_count_the_fails() {
    let table = [
        (VotePolicy::Any, 1),
        (VotePolicy::Count(1), 1),
        (VotePolicy::Count(2), 2),
        (VotePolicy::Count(4), 4),
        (VotePolicy::Percent(percent(25)), 1),
        (VotePolicy::Percent(percent(26)), 2),
        (VotePolicy::Percent(percent(50)), 2),
        (VotePolicy::Percent(percent(100)), 4),
    ];
    for (votes, needed) in table {
        let mut design = Design::of(&[&[0, 1, 2, 3]]);
        design.votes = votes;
        let mut world = all_baking(&design);
        for failing in 0..needed {
            assert_eq!(world.phase().as_str(), "running", "{votes:?} after {failing}");
            world.site(failing).mood = Mood::Bad;
            world.pass(1);
        }
        let Phase::RolledBack { cause: Cause::Votes { region: last, .. }, .. } = world.phase() else {
            panic!("{votes:?} after {needed}: {:?}", world.phase());
        };
        assert_eq!(*last, region(needed - 1), "the vote that did it is named");
    }
}

#[test]
fn a_vote_weighs_what_its_region_carries() {
    // Of the traffic 50, 30, 15 and 5 hundredths; the regions fail one after the other.
    let table = [
        ([0, 1, 2, 3], 50, 1),
        ([0, 1, 2, 3], 51, 2),
        ([3, 2, 1, 0], 50, 3),
        ([3, 2, 1, 0], 51, 4),
        ([3, 2, 1, 0], 5, 1),
        ([3, 2, 1, 0], 6, 2),
        ([2, 3, 1, 0], 100, 4),
    ];
    for (order, share, needed) in table {
        let mut design = Design::of(&[&[0, 1, 2, 3]]);
        (design.votes, design.shares) = (VotePolicy::Traffic(percent(share)), vec![50, 30, 15, 5]);
        let mut world = all_baking(&design);
        for failing in &order[..needed] {
            assert_eq!(world.phase().as_str(), "running", "{order:?} {share}% before {failing}");
            world.site(*failing).mood = Mood::Bad;
            world.pass(1);
        }
        assert_eq!(world.phase().as_str(), "rolled-back", "{order:?} {share}% after {needed}");
    }
}

#[test]
fn without_declared_shares_every_region_carries_the_same() {
    for (share, needed) in [(25, 1), (26, 2), (100, 4)] {
        let mut design = Design::of(&[&[0, 1, 2, 3]]);
        design.votes = VotePolicy::Traffic(percent(share));
        let mut world = all_baking(&design);
        for failing in 0..needed {
            assert_eq!(world.phase().as_str(), "running");
            world.site(failing).mood = Mood::Bad;
            world.pass(1);
        }
        assert_eq!(world.phase().as_str(), "rolled-back", "{share}%");
    }
}

#[test]
fn the_electorate_is_the_wave_or_the_fleet() {
    // The first wave's region is through, the second wave's two bake; half of the voters must fail.
    let table = [
        (Electorate::Fleet, vec![0], "running"),
        (Electorate::Fleet, vec![0, 1], "rolled-back"),
        (Electorate::Fleet, vec![1], "running"),
        (Electorate::Wave, vec![0], "running"),
        (Electorate::Wave, vec![1], "rolled-back"),
    ];
    for (over, failing, expect) in table {
        let mut design = Design::of(&[&[0], &[1, 2]]);
        (design.votes, design.over) = (VotePolicy::Percent(percent(50)), Some(over));
        let mut world = World::new(&design);
        world.until("the second wave bakes", |world| world.word(1) == "baking" && world.word(2) == "baking");
        for number in &failing {
            world.site(*number).mood = Mood::Bad;
        }
        world.pass(1);
        assert_eq!(world.phase().as_str(), expect, "{over:?} {failing:?}");
    }
}

#[test]
fn regions_fail_together_where_none_could_say_alone() {
    for (pooled, expect) in [(None, "running"), (Some(181), "running"), (Some(180), "rolled-back")] {
        let mut design = Design::of(&[&[0, 1, 2]]);
        (design.votes, design.pooled) = (VotePolicy::Count(3), pooled);
        let mut world = all_baking(&design);
        world.mood(Mood::Faint);
        world.pass(1);
        assert_eq!(world.phase().as_str(), expect, "{pooled:?}");
        assert!(world.record.lanes.values().all(|lane| lane.vote.is_none()), "nobody could vote alone");
        if let Phase::RolledBack { cause, .. } = world.phase() {
            let Cause::Pooled { regions: 3, verdict, .. } = cause else { panic!("{cause:?}") };
            assert_eq!((verdict.samples, verdict.measured), (180, 334));
            assert_eq!(cause.to_string(), "3 regions together: fail errors: 334 against 100 over 180 samples");
        }
    }
}

#[test]
fn a_pool_takes_only_what_is_pinned_to_one_step_and_needs_company() {
    let mut design = Design::of(&[&[0, 1, 2]]);
    design.pooled = Some(100);
    let mut world = all_baking(&design);
    // Two regions together would be enough; one of them measures something else.
    world.mood(Mood::Silent);
    world.site(0).mood = Mood::Faint;
    world.site(1).mood = Mood::Foreign(1);
    world.pass(1);
    assert_eq!(world.phase().as_str(), "running");
    // What a region that is out of reach said last proves nothing about now.
    world.site(1).mood = Mood::Faint;
    world.lose(1);
    world.pass(1);
    assert_eq!(world.phase().as_str(), "running");
    world.find(1);
    world.pass(1);
    assert_eq!(world.phase().as_str(), "rolled-back");
}

#[test]
fn a_vote_is_durable_until_its_region_moves_on() {
    let mut design = Design::of(&[&[0, 1]]);
    design.votes = VotePolicy::Count(2);
    let mut world = all_baking(&design);
    world.site(0).mood = Mood::Bad;
    world.pass(1);
    world.site(0).mood = Mood::Silent;
    let answer = world.pass(1);
    let vote = world.record.lanes[&region(0)].vote.clone().unwrap();
    assert!(matches!(vote.ballot, Ballot::Evidence(_)));
    assert!(answer.waits.iter().any(|wait| wait.code() == "VOTES_SHORT" && wait.region() == Some(&region(0))));
    // It still counts when the second one comes, whatever its region measures by then.
    world.site(1).mood = Mood::Bad;
    world.pass(1);
    assert_eq!(world.phase().as_str(), "rolled-back");
}

#[test]
fn too_few_votes_to_go_back_are_too_many_to_go_on() {
    let mut design = Design::of(&[&[0], &[1]]);
    design.votes = VotePolicy::Count(2);
    design.waves[0].soak = 30;
    let mut world = World::new(&design);
    world.until_phase("soaking");
    world.site(0).mood = Mood::Bad;
    world.pass(1);
    world.site(0).mood = Mood::Good;
    world.pass(40);
    let Phase::Running(Run { hold: Some(hold), wave: 0, .. }) = world.phase() else { panic!("{:?}", world.phase()) };
    assert!(matches!(hold.cause, Cause::Votes { .. }), "{hold:?}");
    world.resume().unwrap();
    assert!(world.record.lanes.values().all(|lane| lane.vote.is_none()));
    world.until_phase("switched");
}

#[test]
fn a_finished_region_votes_too_until_stable() {
    for phase in ["soaking", "switched"] {
        let mut design = Design::of(&[&[0], &[1]]);
        design.waves[0].soak = 30;
        let mut world = World::new(&design);
        world.until_phase(phase);
        world.site(0).mood = Mood::Bad;
        world.pass(1);
        assert_eq!(world.phase().as_str(), "rolled-back", "{phase}");
        assert_eq!(world.word(0), "reverted");
    }
}

#[test]
fn a_vote_of_a_wave_takes_back_the_wave() {
    let mut design = Design::of(&[&[0], &[1, 2]]);
    design.fleet = false;
    let mut world = World::new(&design);
    world.until("the second wave bakes", |world| world.word(1) == "baking" && world.word(2) == "baking");
    world.site(2).mood = Mood::Bad;
    world.pass(1);
    assert_eq!((world.word(0), world.word(1), world.word(2)), ("settled", "reverted", "reverted"));
    assert_eq!(world.phase().as_str(), "held");
    world.mood(Mood::Good);
    world.resume().unwrap();
    world.until_phase("switched");
}

#[test]
fn a_vote_of_an_earlier_wave_takes_back_no_other() {
    let mut design = Design::of(&[&[0], &[1]]);
    design.fleet = false;
    let mut world = World::new(&design);
    world.until("the second wave bakes", |world| world.word(1) == "baking");
    world.site(0).mood = Mood::Bad;
    world.pass(1);
    assert_eq!((world.word(0), world.word(1)), ("settled", "baking"));
    world.until_phase("held");
    let Phase::Running(Run { hold: Some(hold), .. }) = world.phase() else { panic!("{:?}", world.phase()) };
    assert!(matches!(&hold.cause, Cause::Votes { region: at, .. } if *at == region(0)), "a human is told: {hold:?}");
}
