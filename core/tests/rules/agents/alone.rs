//! Agents on their own: what they may do when nobody can be asked, what the servers make of it afterwards, and what
//! follows when somebody has changed a region behind everybody's back.

use meridian_core::agent::{Accepted, DeadMan, LaneMemory, LocalWorld, Solitude, Stay, dead_man, drifts};
use meridian_core::digest::Digest;
use meridian_core::evidence::{Outcome, Verdict};
use meridian_core::goal::{Goal, SlotGoal};
use meridian_core::plan::{Mandate, Plan};
use meridian_core::playbook::{DeadManPolicy, DriftPolicy, SafetyPolicy, VotePolicy};
use meridian_core::release::Reversibility;
use meridian_core::rollout::goals::goal;
use meridian_core::rollout::state::{Cause, LaneAt, Phase, Run};
use meridian_core::slot::Slot;
use meridian_core::time::Span;
use meridian_core::weight::Split;

use super::world::World;
use super::world::design::{Design, percent, region};
use super::world::site::Mood;

fn leave() -> SafetyPolicy {
    let dead_man = DeadManPolicy { alone_after: Span::from_secs(60), breach_for: Span::from_secs(10) };
    SafetyPolicy { dead_man: Some(dead_man), ..SafetyPolicy::default() }
}

fn drifting(drift: DriftPolicy) -> SafetyPolicy {
    SafetyPolicy { drift, ..SafetyPolicy::default() }
}

fn under(safety: SafetyPolicy, waves: &[&[usize]]) -> Design {
    Design { safety, ..Design::of(waves) }
}

fn all_baking(design: &Design) -> World {
    let mut world = World::new(design);
    world.until("all bake", |world| world.record.lanes.values().all(|lane| lane.at.as_str() == "baking"));
    world
}

fn verdict() -> Verdict {
    Verdict { outcome: Outcome::Fail, check: "errors".to_owned(), measured: 900, limit: 100, samples: 500 }
}

fn solitude(alone: Option<u64>, breach: Option<u64>) -> Solitude {
    let breach = breach.map(|secs| (Span::from_secs(secs), verdict()));
    Solitude { alone: alone.map(Span::from_secs), breach }
}

#[test]
fn an_agent_goes_back_alone_only_if_everything_says_so() {
    let world = all_baking(&under(leave(), &[&[0]]));
    let site = &world.sites[&region(0)];
    let (memory, local) = (site.durable.clone(), site.local.clone());
    let both = solitude(Some(60), Some(10));
    assert_eq!(dead_man(&memory, &local, &both), DeadMan::GoBack(verdict()));

    let changed = |change: &dyn Fn(&mut Goal)| {
        let mut goal = memory.intent().unwrap().clone();
        change(&mut goal);
        LaneMemory::recalled(goal, true)
    };
    let undone = LaneMemory::recalled(memory.intent().unwrap().clone(), false);
    let mut gone = memory.clone();
    assert!(gone.go_back(verdict()) && !gone.go_back(verdict()), "once");
    let first = changed(&|goal| goal.slots.blue = SlotGoal::Empty);
    let idle = changed(&|goal| goal.measurement = None);
    let mut down = local.clone();
    down.slots.blue = None;
    let table: Vec<(LaneMemory, LocalWorld, Solitude, Stay)> = vec![
        (LaneMemory::default(), local.clone(), both.clone(), Stay::NoMandate),
        (changed(&|goal| goal.mandate = None), local.clone(), both.clone(), Stay::NoMandate),
        (undone, local.clone(), both.clone(), Stay::NotDone),
        (gone, local.clone(), both.clone(), Stay::GoneBack),
        (memory.clone(), local.clone(), solitude(None, Some(999)), Stay::Contact),
        (memory.clone(), local.clone(), solitude(Some(59), Some(999)), Stay::Contact),
        (memory.clone(), local.clone(), solitude(Some(999), None), Stay::NoBreach),
        (memory.clone(), local.clone(), solitude(Some(999), Some(9)), Stay::NoBreach),
        (memory, down, both.clone(), Stay::NoWayBack),
        (first, local.clone(), both.clone(), Stay::NoWayBack),
        (idle, local, both, Stay::NoWayBack),
    ];
    for (memory, local, solitude, stay) in table {
        assert_eq!(dead_man(&memory, &local, &solitude), DeadMan::Stay(stay), "{solitude:?}");
    }
}

#[test]
fn what_was_taken_back_alone_stays_back_until_a_higher_epoch_decides() {
    let mut world = all_baking(&under(leave(), &[&[0]]));
    let forward = goal(&world.record, &region(0)).unwrap();
    let now = world.now;
    let site = world.site(0);
    assert!(site.go_back_alone());
    site.settle(now);
    assert_eq!(site.local.traffic.as_ref().unwrap().split, Split::all(Slot::Blue));
    let observed = site.observed(now);
    let alone = observed.alone.unwrap();
    assert!(alone.confirmed && observed.done.is_none(), "what was ordered is not done any more");
    assert_eq!((alone.epoch, observed.accepted), (forward.epoch, forward.epoch), "never an epoch of its own");
    // The same goal again, as every new session brings it, moves nothing.
    let mut memory = site.durable.clone();
    assert_eq!(memory.accept(forward.clone()), Ok(Accepted::Known));
    assert_eq!(memory, site.durable);
    assert!(memory.accept(Goal { epoch: meridian_core::epoch::Epoch::new(1, 1), ..forward.clone() }).is_err());
    let higher = Goal { epoch: forward.epoch.next().unwrap(), ..forward };
    assert_eq!(memory.accept(higher.clone()), Ok(Accepted::New));
    assert_eq!((memory.target(), memory.went_back()), (Some(higher), None));
    // Nor does a crash.
    site.crash();
    site.settle(now);
    assert_eq!(site.local.traffic.as_ref().unwrap().split, Split::all(Slot::Blue));
}

#[test]
fn one_agent_that_went_back_alone_takes_the_rest_along() {
    for (fleet, back, stays) in [(true, vec![0, 1, 2], vec![]), (false, vec![0, 1], vec![2])] {
        let mut design = under(leave(), &[&[2], &[0, 1]]);
        (design.fleet, design.votes) = (fleet, VotePolicy::Count(3));
        let mut world = World::new(&design);
        world.until("the second wave bakes", |world| world.word(0) == "baking" && world.word(1) == "baking");
        world.lose(0);
        world.site(0).mood = Mood::Bad;
        world.pass(70);
        assert!(world.site(0).go_back_alone());
        let now = world.now;
        world.site(0).settle(now);
        world.find(0);
        world.pass(1);
        for number in back {
            assert_eq!(world.word(number), "reverted", "{number} of {fleet}");
        }
        for number in stays {
            assert_eq!(world.word(number), "settled", "{number} of {fleet}");
        }
        let cause = match world.phase() {
            Phase::RolledBack { cause, .. } => cause.code(),
            Phase::Running(Run { hold: Some(hold), .. }) => hold.cause.code(),
            other @ (Phase::Running(_)
            | Phase::RollingBack { .. }
            | Phase::Frozen { .. }
            | Phase::Switched { .. }
            | Phase::Stable { .. }
            | Phase::Aborted { .. }
            | Phase::Superseded { .. }
            | Phase::Failed { .. }) => panic!("{other:?}"),
        };
        assert_eq!(cause, if fleet { "DEAD_MAN" } else { "PART_BACK" });
        assert!(world.sites[&region(0)].durable.is_done(), "it has confirmed the servers' decision like the others");
    }
}

#[test]
fn it_is_heard_too_while_a_newer_goal_is_on_its_way_to_it() {
    let mut world = all_baking(&under(leave(), &[&[0]]));
    let before = world.site(0).clone();
    // The bake passes, the next step is ordered, and the agent never hears of it.
    world.now = world.now.after(Span::from_secs(20));
    world.hear(&region(0));
    world.look();
    assert!(matches!(world.at(0), LaneAt::Shifting(step) if step.step == 1));
    let now = world.now;
    *world.site(0) = before;
    assert!(world.site(0).go_back_alone());
    world.site(0).settle(now);
    world.hear(&region(0));
    world.look();
    assert_eq!(world.phase().as_str(), "rolling-back");
}

#[test]
fn nothing_is_stable_while_an_agent_may_have_gone_back_unheard() {
    let mut world = World::new(&under(leave(), &[&[0, 1]]));
    world.until_phase("switched");
    world.lose(1);
    let answer = world.pass(500);
    assert_eq!(world.phase().as_str(), "switched");
    assert!(answer.waits.iter().any(|wait| wait.code() == "NO_CONTACT" && wait.region() == Some(&region(1))));
    assert!(world.site(1).go_back_alone());
    world.find(1);
    world.pass(1);
    assert_eq!(world.phase().as_str(), "rolled-back");

    let mut world = World::new(&Design::of(&[&[0, 1]]));
    world.until_phase("switched");
    world.lose(1);
    world.pass(500);
    assert_eq!(world.phase().as_str(), "stable", "without leave no agent goes back alone");
}

#[test]
fn a_mandate_is_that_of_its_plan_and_no_other() {
    let design = under(leave(), &[&[0]]);
    let world = World::new(&design);
    let plan = &world.record.plan;
    let mandate = plan.mandate.clone().unwrap();
    assert_eq!(mandate.plan(), plan.hash());
    assert_eq!(Mandate::open(plan.hash(), mandate.body(), leave()), Ok(mandate.clone()));
    let bolder = SafetyPolicy { drift: DriftPolicy::Revert, ..leave() };
    assert!(Mandate::open(plan.hash(), mandate.body(), bolder.clone()).is_err());
    assert!(Mandate::open(plan.hash(), Digest::of(b"another plan"), leave()).is_err());
    // Another policy is another plan; the default one leaves a plan the name that it has without.
    let plain = Plan::clone(plan).under(SafetyPolicy::default());
    assert_eq!((plain.mandate.clone(), plain.hash()), (None, mandate.body()));
    assert_ne!(Plan::clone(plan).under(bolder).hash(), plan.hash());
    // And it is part of what a goal orders.
    let order = goal(&world.record, &region(0)).unwrap();
    assert_ne!(Goal { mandate: None, ..order.clone() }.hash(), order.hash());
}

#[test]
fn drift_is_what_differs_and_not_what_is_missing() {
    let world = all_baking(&Design::of(&[&[0]]));
    let (order, local) = (goal(&world.record, &region(0)).unwrap(), world.sites[&region(0)].local.clone());
    let found = |change: &dyn Fn(&mut LocalWorld)| {
        let mut local = local.clone();
        change(&mut local);
        drifts(&order, &local).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(found(&|_| {}).is_empty());
    assert!(found(&|local| local.traffic = None).is_empty(), "an empty data plane is told again");
    assert!(found(&|local| local.slots.green = None).is_empty(), "what came down is brought up again");
    let elsewhere = found(&|local| local.traffic.as_mut().unwrap().split = Split::all(Slot::Green));
    assert_eq!(elsewhere, ["traffic is blue 0% green 100%"]);
    let replaced = found(&|local| local.slots.green.as_mut().unwrap().digest = Digest::of(b"by hand"));
    assert_eq!(replaced.len(), 1);
}

#[test]
fn drift_is_held_reverted_or_adopted() {
    let by_hand = Split::toward(Slot::Green, percent(70));
    for policy in [DriftPolicy::Hold, DriftPolicy::Revert, DriftPolicy::Adopt] {
        let mut world = World::new(&under(drifting(policy), &[&[0, 1], &[2]]));
        world.until("all bake", |world| world.word(0) == "baking" && world.word(1) == "baking");
        world.site(0).reroute(by_hand);
        world.hear(&region(0));
        let answer = world.look();
        assert!(answer.waits.iter().any(|wait| wait.code() == "DRIFT"), "{policy:?}: {:?}", answer.waits);
        let seen = |world: &World| world.sites[&region(0)].local.traffic.as_ref().unwrap().split;
        (0..20).for_each(|_| drop(world.pass(20)));
        match policy {
            DriftPolicy::Hold => {
                let Phase::Running(Run { hold: Some(hold), .. }) = world.phase() else { panic!("{:?}", world.phase()) };
                assert!(matches!(&hold.cause, Cause::Drift { region: of, .. } if *of == region(0)));
                assert_eq!((seen(&world), world.word(1)), (by_hand, "baking"), "nothing moves, nothing is undone");
                // A resume that changes nothing is held again at once; whoever mends it first goes on.
                world.resume().unwrap();
                world.pass(1);
                assert_eq!(world.phase().as_str(), "held");
                world.site(0).mend();
                world.hear(&region(0));
                world.resume().unwrap();
                world.until_phase("stable");
            }
            DriftPolicy::Revert => world.until_phase("stable"),
            DriftPolicy::Adopt => {
                assert_eq!((seen(&world), world.word(0)), (by_hand, "baking"), "it stays as it was found");
                assert_eq!((world.word(1), world.word(2)), ("settled", "waiting"), "the others of its wave go on");
                assert_eq!(world.phase().as_str(), "held");
                assert!(world.record.lanes[&region(0)].adopted.is_some() && world.kinds.contains(&"adopt"));
                world.rollback(meridian_core::playbook::Scope::Fleet).unwrap();
                world.rest();
                assert_eq!(world.phase().as_str(), "rolled-back");
            }
        }
    }
}

#[test]
fn past_a_point_of_no_return_no_agent_has_leave_to_go_back() {
    let mut design = under(leave(), &[&[0]]);
    design.reversibility = Reversibility::PointOfNoReturn;
    let world = all_baking(&design);
    let site = &world.sites[&region(0)];
    assert_eq!(dead_man(&site.durable, &site.local, &solitude(Some(60), Some(10))), DeadMan::Stay(Stay::NoMandate));
}

#[test]
fn nobody_waits_in_silence_to_keep_close_to_an_adopted_lane() {
    let mut design = under(drifting(DriftPolicy::Adopt), &[&[0, 1]]);
    design.waves[0].steps = vec![(10, 10), (50, 10), (100, 10)];
    design.waves[0].max_skew = 0;
    let mut world = World::new(&design);
    world.until("both bake", |world| world.word(0) == "baking" && world.word(1) == "baking");
    world.site(0).reroute(Split::toward(Slot::Green, percent(70)));
    world.hear(&region(0));
    (0..20).for_each(|_| drop(world.pass(20)));
    assert_eq!((world.phase().as_str(), world.word(1)), ("held", "baking"));
    world.site(0).mend();
    world.hear(&region(0));
    world.resume().unwrap();
    world.until_phase("stable");
}

#[test]
fn an_adopted_lane_that_keeps_the_only_place_of_its_wave_asks_for_a_human() {
    let mut design = under(drifting(DriftPolicy::Adopt), &[&[0, 1]]);
    design.waves[0].max_parallel = 1;
    let mut world = World::new(&design);
    world.until("the first bakes", |world| world.word(0) == "baking");
    world.site(0).reroute(Split::toward(Slot::Green, percent(70)));
    world.hear(&region(0));
    (0..20).for_each(|_| drop(world.pass(20)));
    assert_eq!((world.phase().as_str(), world.word(1)), ("held", "waiting"));
    world.site(0).mend();
    world.hear(&region(0));
    world.resume().unwrap();
    world.until_phase("stable");
}

#[test]
fn the_way_back_is_kept_while_a_switched_region_has_drifted() {
    let by_hand = Split::toward(Slot::Green, percent(70));
    let mut world = World::new(&Design::of(&[&[0]]));
    world.until_phase("switched");
    world.site(0).reroute(by_hand);
    world.pass(500);
    assert_eq!(world.phase().as_str(), "held");
    world.site(0).mend();
    world.hear(&region(0));
    world.resume().unwrap();
    world.until_phase("stable");
}

#[test]
fn what_agents_accepted_is_kept_with_whatever_is_decided() {
    let mut world = all_baking(&Design::of(&[&[0, 1]]));
    world.until("settled", |world| world.word(0) == "settled");
    let lane = &world.record.lanes[&region(0)];
    assert!(lane.acked > meridian_core::epoch::Epoch::ZERO && lane.acked <= lane.goal_epoch);
    // An agent that claims what nobody has decided raises nothing above what was.
    let head = world.head;
    world.sight.get_mut(&region(1)).unwrap().observed.as_mut().unwrap().accepted =
        meridian_core::epoch::Epoch::new(9, 9);
    world.pause().unwrap();
    world.resume().unwrap();
    assert!(world.record.lanes.values().all(|lane| lane.acked <= head.max(world.head)));
}
