//! One rollout taking over the lanes of another: what is begun goes back first, nothing is replaced under traffic, and the
//! way back stays the last stable release. And what a hotfix has of the rollout that it mends.

use std::sync::Arc;

use meridian_core::id::{ItemId, RegionId, RolloutId};
use meridian_core::invariants;
use meridian_core::lane::LaneState;
use meridian_core::plan::supersede::earned;
use meridian_core::plan::{Debt, HashedPlan, Hotfix, Inventory, Plan, RegionFacts, Supersede, Superseding, compile};
use meridian_core::playbook::{ItemKind, Scope, VotePolicy, validate};
use meridian_core::release::Reversibility;
use meridian_core::rollout::goals::goal;
use meridian_core::rollout::open::open;
use meridian_core::rollout::state::Phase;
use meridian_core::rollout::step::Moment;
use meridian_core::rollout::supersede::supersede;
use meridian_core::slot::Slot;
use meridian_core::time::Span;
use meridian_core::watch;
use meridian_core::weight::Split;

use crate::world::design::{Design, WaveDesign, percent, region, release};
use crate::world::site::Mood;
use crate::world::{World, hold};

const MEND: Option<&str> = Some("it must be mended");

fn secs(secs: u64) -> Span {
    Span::from_secs(secs)
}

/// A pilot of two steps in the first of two regions, which bakes its first one.
fn piloting(design: &Design) -> World {
    let mut world = World::new(design);
    world.until("it bakes", |world| world.word(0) == "baking");
    world
}

fn two_waves() -> Design {
    let mut design = Design::of(&[&[0], &[1]]);
    design.waves[0].steps = vec![(10, 100), (20, 200)];
    design.waves[1] = WaveDesign::of(&[0, 1]);
    design
}

fn hotfix(world: &World) -> &Hotfix {
    world.record.plan.supersedes.as_ref().and_then(|supersede| supersede.hotfix.as_ref()).unwrap()
}

fn bakes(world: &World) -> Vec<Vec<Span>> {
    world.record.plan.waves.iter().map(|wave| wave.steps.iter().map(|step| step.bake).collect()).collect()
}

#[test]
fn a_hotfix_is_not_judged_on_a_load_that_still_grows() {
    // A tenth of its bake would end before the load is whole.
    let mut design = two_waves();
    design.staged = Some(false);
    let mut playbook = design.playbook();
    playbook.stages[0].staging.as_mut().unwrap().load.ramp = secs(40);
    playbook.hotfix.as_mut().unwrap().bake = percent(10);
    let world = piloting(&design);
    let facts = |(region, lane): (&RegionId, &LaneState)| {
        (region.clone(), RegionFacts { lane: lane.clone(), ..RegionFacts::default() })
    };
    let (record, reason) = (Arc::new(world.record.clone()), MEND.map(str::to_owned));
    let inventory = Inventory {
        regions: world.lanes.iter().map(facts).collect(),
        superseding: Some(Superseding { record, hotfix: reason, now: world.now }),
        ..Inventory::default()
    };
    let plan = compile(&validate(playbook).unwrap(), 1, &release("3.0.0"), &inventory).unwrap();
    let bakes: Vec<Span> = plan.waves[0].steps.iter().map(|step| step.bake).collect();
    assert_eq!(bakes, [secs(40), secs(40)], "of 100 s and 200 s");
    assert!(plan.waves[1].steps.iter().all(|step| step.bake == secs(1)), "production is under no load");
}

#[test]
fn what_had_begun_is_read_back_at_the_base_before_its_slot_is_taken() {
    let design = two_waves();
    let mut world = piloting(&design);
    let old = world.record.clone();
    world.supersede(&design, "3.0.0", None).unwrap();
    assert_eq!((world.word(0), world.word(1)), ("reverting", "waiting"));
    assert_eq!(goal(&world.record, &region(0)).unwrap().split, Some(Split::all(Slot::Blue)));
    assert_eq!(world.record.epoch.counter(), old.epoch.counter() + 2, "two decisions");
    // Nobody has read anything back, however long that takes.
    let codes: Vec<&str> = world.look().waits.iter().map(|wait| wait.code()).collect();
    assert_eq!((world.word(0), codes), ("reverting", vec!["NOT_CONFIRMED"]));
    let green = |world: &World| world.sites[&region(0)].local.slots.green.map(|seen| seen.digest);
    assert_eq!(green(&world), Some(old.plan.release.digest));
    world.rest();
    assert_eq!(green(&world), Some(world.record.plan.release.digest));
    world.until_phase("stable");
    assert!(world.lanes.values().all(|lane| lane.stable.as_ref().unwrap().release == world.record.plan.release));
}

#[test]
fn the_way_back_of_the_new_one_is_the_last_stable_release() {
    let design = two_waves();
    let mut world = piloting(&design);
    let base = world.record.plan.lanes[&region(0)].base.clone();
    world.supersede(&design, "3.0.0", None).unwrap();
    world.until("it bakes again", |world| world.word(0) == "baking");
    world.rollback(Scope::Fleet).unwrap();
    world.rest();
    assert_eq!(world.phase().as_str(), "rolled-back");
    assert_eq!(world.lanes[&region(0)].stable, base);
}

#[test]
fn taken_back_before_it_has_begun_it_still_says_that_traffic_had_moved() {
    let design = two_waves();
    let mut world = piloting(&design);
    world.supersede(&design, "3.0.0", None).unwrap();
    world.rollback(Scope::Fleet).unwrap();
    world.rest();
    assert_eq!(world.phase().as_str(), "rolled-back");
    let mut fresh = World::new(&design);
    fresh.supersede(&design, "3.0.0", None).unwrap();
    fresh.rollback(Scope::Fleet).unwrap();
    fresh.rest();
    assert_eq!(fresh.phase().as_str(), "aborted", "there is nothing to tell where nothing had moved");
}

#[test]
fn a_region_out_of_reach_keeps_its_slot_until_it_has_confirmed() {
    let design = two_waves();
    let mut world = piloting(&design);
    world.lose(0);
    world.supersede(&design, "3.0.0", None).unwrap();
    let codes: Vec<&str> = world.pass(400).waits.iter().map(|wait| wait.code()).collect();
    assert_eq!((world.word(0), codes), ("reverting", vec!["NO_CONTACT"]));
    world.find(0);
    world.until_phase("switched");
}

#[test]
fn only_what_goes_forward_can_be_superseded() {
    let design = two_waves();
    let tried = |world: &mut World, design: &Design| world.supersede(design, "3.0.0", None);
    let mut held = piloting(&design);
    held.pause().unwrap();
    assert_eq!(tried(&mut held, &design), Ok(()));
    let mut back = piloting(&design);
    back.rollback(Scope::Fleet).unwrap();
    let before = back.record.clone();
    assert_eq!(tried(&mut back, &design), Err("NOT_SUPERSEDABLE"));
    assert_eq!(before, back.record);
    let mut switched = World::new(&design);
    switched.until_phase("switched");
    assert_eq!(tried(&mut switched, &design), Err("NOT_SUPERSEDABLE"));
    let past = Design { reversibility: Reversibility::PointOfNoReturn, ..two_waves() };
    assert_eq!(tried(&mut piloting(&past), &past), Err("POINT_OF_NO_RETURN"));
    assert_eq!(tried(&mut World::new(&past), &past), Ok(()), "nothing has moved yet");
    let mut first = World::with_first(&design, &[0]);
    first.until("it bakes", |world| world.word(0) == "baking");
    assert_eq!(tried(&mut first, &design), Err("NO_WAY_BACK"));
    let fewer = Design::of(&[&[0]]);
    assert_eq!(tried(&mut piloting(&design), &fewer), Err("LANE_LEFT_OUT"));
    let mut vetoed = piloting(&design);
    vetoed.supersede(&design, "3.0.0", None).unwrap();
    vetoed.veto_elsewhere();
    assert_eq!(vetoed.supersede(&design, "3.0.0", None), Err("DIGEST_VETOED"));
}

#[test]
fn a_plan_is_for_one_rollout_only() {
    let design = two_waves();
    let mut world = piloting(&design);
    let over = Superseding { record: Arc::new(world.record.clone()), hotfix: None, now: world.now };
    let plan = Arc::new(HashedPlan::from(design.plan_over("3.0.0", &world.lanes, Some(over)).unwrap()));
    let id = |text: &str| RolloutId::new(text).unwrap();
    let moment = Moment { now: world.now, head: world.head };
    let opened = open(id("next"), plan.clone(), "anna".to_owned(), &world.lanes, &world.vetoes, moment);
    assert_eq!(opened.unwrap_err().code(), "LANE_HELD");
    world.supersede(&design, "2.5.0", None).unwrap();
    let moment = Moment { now: world.now, head: world.head };
    let (by, lanes) = ("anna".to_owned(), &world.lanes);
    let taken = supersede(&world.record, id("next"), plan, by, lanes, &world.vetoes, moment);
    assert_eq!(taken.unwrap_err().code(), "PLAN_STALE", "the lanes are held by another one meanwhile");
}

#[test]
fn a_hotfix_bakes_for_less_and_takes_the_time_of_the_pilot_over() {
    let design = two_waves();
    let mut world = piloting(&design);
    world.pass(30);
    world.supersede(&design, "2.0.1", MEND).unwrap();
    // Half of everything; of the pilot besides what it had baked.
    assert_eq!(hotfix(&world).earned, secs(30));
    assert_eq!(bakes(&world), [vec![secs(20), secs(100)], vec![secs(5), secs(5)]]);
    let mut larger = piloting(&design);
    larger.pass(30);
    larger.supersede(&design, "2.1.0", MEND).unwrap();
    assert_eq!((hotfix(&larger).earned, bakes(&larger)[0].clone()), (Span::ZERO, vec![secs(50), secs(100)]));
}

#[test]
fn something_is_left_of_every_bake() {
    let mut design = two_waves();
    design.waves[0].soak = 10_000;
    let mut world = piloting(&design);
    world.until("it rests", |world| world.phase().as_str() == "soaking");
    world.pass(5_000);
    let had = earned(&world.record, world.now);
    assert!(had >= secs(300 + 5_000), "{had}");
    world.supersede(&design, "2.0.1", MEND).unwrap();
    assert_eq!((hotfix(&world).earned, bakes(&world)[0].clone()), (secs(148), vec![secs(1), secs(1)]));
    let soaks: Vec<Span> = world.record.plan.waves.iter().map(|wave| wave.soak).collect();
    assert_eq!(soaks, [secs(5_000), Span::ZERO], "what was nought stays nought");
}

#[test]
fn time_is_earned_by_every_region_and_not_against_a_vote() {
    let mut design = Design::of(&[&[0, 1], &[2]]);
    design.waves[0].steps = vec![(100, 100)];
    design.waves[0].max_parallel = 1;
    let mut world = piloting(&design);
    world.pass(50);
    assert_eq!(earned(&world.record, world.now), Span::ZERO, "the second region has not begun");
    world.until("the second bakes", |world| world.word(1) == "baking");
    world.pass(40);
    let had = earned(&world.record, world.now);
    assert!((secs(40)..=secs(60)).contains(&had), "{had}");
    design.votes = VotePolicy::Count(2);
    let mut world = piloting(&design);
    world.until("the second bakes", |world| world.word(1) == "baking");
    world.mood(Mood::Bad);
    world.pass(5);
    assert!(world.record.lanes.values().any(|lane| lane.vote.is_some()));
    assert_eq!(earned(&world.record, world.now), Span::ZERO);
}

#[test]
fn what_a_hotfix_leaves_out_is_owed_by_the_watch_of_its_rollout() {
    let mut design = Design { items: 2, ..two_waves() };
    design.waves[0].approvals = 2;
    let mut world = World::new(&design);
    let consent = |world: &mut World| ["bob", "carl"].map(|actor| world.approve(actor).unwrap());
    consent(&mut world);
    world.sign("bob", "uat").unwrap();
    world.sign("carl", "briefing").unwrap();
    world.until("it bakes", |world| world.word(0) == "baking");
    world.supersede(&design, "2.0.1", MEND).unwrap();
    let owed = Debt { item: ItemId::new("uat").unwrap(), kind: ItemKind::Uat, owner: "bob".to_owned() };
    assert_eq!((hotfix(&world).reason.as_str(), &hotfix(&world).debts), ("it must be mended", &vec![owed]));
    let listed: Vec<String> = world.record.plan.checklist.iter().map(|item| item.id.to_string()).collect();
    assert_eq!(listed, ["briefing"]);
    // The role is asked once, for the larger number.
    let asked: Vec<u32> = world.record.plan.waves[0].approvals.iter().map(|rule| rule.count).collect();
    assert_eq!(asked, [2]);
    // What was consented to and signed off was another release.
    assert!(world.record.approvals.is_empty() && world.record.signed.is_empty());
    world.rest();
    assert_eq!(world.word(0), "reverted");
    consent(&mut world);
    world.sign("carl", "briefing").unwrap();
    world.until_phase("switched");
    let Phase::Switched { since } = *world.phase() else { panic!("not switched") };
    let watch = watch::open(&world.record, watch::WatchPolicy::default(), since).unwrap();
    hold(invariants::watch(&watch));
    let [debt] = watch.actions.as_slice() else { panic!("{:?}", watch.actions) };
    assert_eq!((debt.kind.as_str(), debt.owner.as_str(), debt.due), ("debt", "bob", watch.evaluation().due));
}

#[test]
fn a_playbook_that_says_nothing_allows_no_hotfix() {
    let design = two_waves();
    let world = piloting(&design);
    let mut playbook = design.playbook();
    playbook.hotfix = None;
    let record = Arc::new(world.record.clone());
    let facts = |(id, lane): (&RegionId, &LaneState)| {
        (id.clone(), RegionFacts { lane: lane.clone(), ..RegionFacts::default() })
    };
    let regions = world.lanes.iter().map(facts).collect();
    let superseding = Some(Superseding { record, hotfix: MEND.map(str::to_owned), now: world.now });
    let inventory = Inventory { regions, superseding, ..Inventory::default() };
    let refused = compile(&validate(playbook).unwrap(), 1, &release("2.0.1"), &inventory);
    assert_eq!(refused.unwrap_err()[0].code(), "HOTFIX_NOT_DECLARED");
}

#[test]
fn a_plan_that_supersedes_nothing_keeps_its_hash() {
    let design = two_waves();
    let world = piloting(&design);
    let mut plan = Plan::clone(&world.record.plan);
    let plain = plan.hash();
    let over = Supersede { rollout: world.record.id.clone(), release: plan.release.clone(), hotfix: None };
    plan.supersedes = Some(over);
    assert_ne!(plan.hash(), plain);
    let mended = Hotfix { reason: "why".to_owned(), bake: percent(50), earned: Span::ZERO, debts: Vec::new() };
    let once = plan.hash();
    plan.supersedes.as_mut().unwrap().hotfix = Some(mended);
    assert_ne!(plan.hash(), once);
}
