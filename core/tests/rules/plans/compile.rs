//! What can't be planned: each refusal once, and all of them together.

use std::collections::{BTreeMap, BTreeSet};

use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::evidence::{Amount, Asks, Bound, Check, Measure, Query, Reach, Source};
use meridian_core::id::{RegionId, RoleId, RolloutId, WaveId};
use meridian_core::lane::{LaneState, Placed};
use meridian_core::plan::parameters::Values;
use meridian_core::plan::prepared::Activated;
use meridian_core::plan::{Inventory, Plan, PlanRefusal, RegionFacts, TrafficShare, compile};
use meridian_core::playbook::{
    ApprovalRule, Electorate, Playbook, Pooling, RegionSelector, Spread, SpreadOrder, VotePolicy, Wave, validate,
};
use meridian_core::release::Release;
use meridian_core::rollout::veto::Veto;
use meridian_core::slot::Slot;
use meridian_core::time::Timestamp;
use semver::Version;

use crate::world::design::{Design, percent, region, release};

/// As plans were hashed before anything was added to them.
const FIRST_HASH: &str = "1113f36bfe5f351018aae5b74bed00123c2c24cc36b607c8b75990771013ec22";

fn facts() -> RegionFacts {
    let stable = Some(Placed { slot: Slot::Green, release: release("1.0.0").reference(), parameters: Values::new() });
    let lane = LaneState { stable, rollout: None, held: false, epoch: Epoch::new(1, 3) };
    RegionFacts { lane, ..RegionFacts::default() }
}

fn inventory(count: usize) -> Inventory {
    Inventory { regions: (0..count).map(|number| (region(number), facts())).collect(), ..Inventory::default() }
}

fn plan(playbook: Playbook, release: &Release, inventory: &Inventory) -> Result<Plan, Vec<PlanRefusal>> {
    compile(&validate(playbook).unwrap(), 3, release, inventory)
}

fn refused(design: &Design, change: impl FnOnce(&mut Release, &mut Inventory)) -> Vec<PlanRefusal> {
    let (mut release, mut inventory) = (release("2.0.0"), inventory(3));
    change(&mut release, &mut inventory);
    plan(design.playbook(), &release, &inventory).unwrap_err()
}

fn change(inventory: &mut Inventory, number: usize) -> &mut RegionFacts {
    inventory.regions.get_mut(&region(number)).unwrap()
}

fn some_veto() -> Veto {
    let (actor, reason) = ("anna".to_owned(), "it eats orders".to_owned());
    Veto { rollout: None, actor, reason, at: Timestamp::from_millis(1) }
}

fn selecting(selectors: Vec<RegionSelector>) -> Playbook {
    let numbers: Vec<usize> = (0..selectors.len()).collect();
    let mut playbook = Design::of(&numbers.iter().map(std::slice::from_ref).collect::<Vec<_>>()).playbook();
    let mut waves: Vec<_> = playbook.stages.drain(1..).flat_map(|stage| stage.waves).collect();
    playbook.stages[0].waves.append(&mut waves);
    playbook.stages[0].waves.iter_mut().zip(selectors).for_each(|(wave, selector)| wave.regions = selector);
    playbook
}

#[test]
fn a_plan_says_where_the_way_back_leads() {
    let inventory = Inventory { parent: Some(Digest::of(b"before")), ..inventory(2) };
    let plan = plan(Design::of(&[&[0], &[1]]).playbook(), &release("2.0.0"), &inventory).unwrap();
    for lane in plan.lanes.values() {
        assert_eq!(lane.base.as_ref().unwrap().slot, Slot::Green);
        assert_eq!((lane.slot, lane.epoch), (Slot::Blue, Epoch::new(1, 3)));
    }
    assert_eq!((plan.parent, plan.playbook.revision), (inventory.parent, 3));
    let first = Inventory { regions: [(region(0), RegionFacts::default())].into(), ..Inventory::default() };
    let first = super::compile::plan(Design::of(&[&[0]]).playbook(), &release("2.0.0"), &first).unwrap();
    assert_eq!((first.lanes[&region(0)].slot, first.lanes[&region(0)].base.clone()), (Slot::Blue, None));
    assert_ne!(first.hash(), plan.hash());
}

#[test]
fn each_refusal_is_given() {
    let design = Design::of(&[&[0, 1]]);
    let codes = |refusals: Vec<PlanRefusal>| refusals.iter().map(PlanRefusal::code).collect::<Vec<_>>();
    let one = |change: &dyn Fn(&mut Release, &mut Inventory)| codes(refused(&design, change));
    let held = RolloutId::new("other").unwrap();
    assert_eq!(one(&|_, inventory| drop(inventory.regions.remove(&region(1)))), ["UNKNOWN_REGION"]);
    assert_eq!(one(&|_, inventory| change(inventory, 1).cordoned = true), ["REGION_CORDONED"]);
    let hold = |_: &mut Release, inventory: &mut Inventory| {
        let lane = &mut change(inventory, 0).lane;
        (lane.held, lane.rollout) = (true, Some(held.clone()));
    };
    assert_eq!(one(&hold), ["LANE_HELD"]);
    assert_eq!(one(&|_, inventory| change(inventory, 0).weights = Some(false)), ["DRIVER_CANNOT_DO"]);
    let veto = |release: &mut Release, inventory: &mut Inventory| {
        inventory.vetoed.insert(release.digest, some_veto());
    };
    assert_eq!(one(&veto), ["DIGEST_VETOED"]);
    assert_eq!(one(&|release, _| release.prepares = Some("1.5.0".parse().unwrap())), ["NOT_PREPARED"; 3]);
}

#[test]
fn the_second_of_a_pair_starts_when_the_first_is_everywhere_and_nothing_jumps_back_over_both() {
    let version = |text: &str| Version::parse(text).unwrap();
    let stable = |inventory: &mut Inventory, number: usize, text: &str| {
        let placed = change(inventory, number).lane.stable.as_mut().unwrap();
        placed.release.version = version(text);
    };
    // Region 2 is in no wave, and what is prepared is shared with it all the same.
    let planned = |second: &str, third: Option<&str>| {
        let mut inventory = inventory(3);
        [0, 1].into_iter().zip(["1.5.0", second]).for_each(|(number, text)| stable(&mut inventory, number, text));
        match third {
            Some(text) => stable(&mut inventory, 2, text),
            None => change(&mut inventory, 2).lane.stable = None,
        }
        let release = Release { prepares: Some(version("1.5.0")), ..release("2.0.0") };
        plan(Design::of(&[&[0, 1]]).playbook(), &release, &inventory).map_err(|refused| refused[0].to_string())
    };
    assert!(planned("1.5.0", Some("1.5.0")).is_ok());
    assert!(planned("1.5.0", Some("2.0.0")).is_ok(), "it serves there already");
    assert!(planned("1.5.0", None).is_ok(), "nothing has served there");
    let late = planned("1.5.0", Some("1.4.0")).unwrap_err();
    assert_eq!(late, "release 2.0.0 prepares on 1.5.0, and 1.4.0 is stable in region r2; roll 1.5.0 out there first");
    assert!(planned("1.4.0", None).is_err());
    let back = |to: &str| {
        let mut inventory = inventory(1);
        let (version, prepares) = (version("2.0.0"), version("1.5.0"));
        change(&mut inventory, 0).activated = Some(Activated { version, prepares });
        plan(Design::of(&[&[0]]).playbook(), &release(to), &inventory)
    };
    assert_eq!(back("1.4.9").unwrap_err()[0].code(), "JUMPS_BACK");
    assert!(back("1.5.0").is_ok() && back("2.1.0").is_ok());
}

#[test]
fn an_agent_that_drives_no_load_is_not_asked_to() {
    let design = Design { staged: Some(true), ..Design::of(&[&[0], &[1]]) };
    let old = |number| {
        let mut inventory = inventory(2);
        change(&mut inventory, number).load = Some(false);
        plan(design.playbook(), &release("2.0.0"), &inventory)
    };
    let refusal = PlanRefusal::NoLoad { region: region(0), wave: "w0".to_owned() };
    assert_eq!(old(0).unwrap_err(), [refusal]);
    assert!(old(1).is_ok(), "production is not under load");
}

#[test]
fn traffic_is_counted_by_every_regions_share_or_by_none() {
    let mut design = Design::of(&[&[0, 1]]);
    design.votes = VotePolicy::Traffic(percent(50));
    let share = |number| Some(TrafficShare::new(number).unwrap());
    let half = refused(&design, |_, inventory| change(inventory, 0).share = share(30));
    assert_eq!(half, [PlanRefusal::ShareMissing { region: region(1) }]);
    let none = plan(design.playbook(), &release("2.0.0"), &inventory(2)).unwrap();
    assert!(none.lanes.values().all(|lane| lane.share == TrafficShare::EQUAL));
    let mut all = inventory(2);
    change(&mut all, 0).share = share(30);
    change(&mut all, 1).share = share(70);
    let weighed = plan(design.playbook(), &release("2.0.0"), &all).unwrap();
    assert_eq!(weighed.lanes[&region(1)].share.get(), 70);
    assert_ne!(weighed.hash(), none.hash(), "what votes weigh is part of what people agree on");
    for number in [0, 1_000_001, u64::MAX] {
        assert!(TrafficShare::new(number).is_err(), "{number}");
    }
}

#[test]
fn a_plan_without_later_additions_keeps_its_first_hash() {
    let plan = plan(Design::of(&[&[0], &[1]]).playbook(), &release("2.0.0"), &inventory(2)).unwrap();
    let changes: [fn(&mut meridian_core::plan::Plan); 3] = [
        |plan| plan.rollback.over = Electorate::Wave,
        |plan| plan.rollback.pooled = Some(Pooling { sample_min: 1 }),
        |plan| plan.lanes.get_mut(&region(0)).unwrap().share = TrafficShare::LARGEST,
    ];
    let mut hashes: BTreeSet<_> = [plan.hash()].into();
    for change in changes {
        let mut changed = plan.clone();
        change(&mut changed);
        assert!(hashes.insert(changed.hash()), "every addition is hashed");
    }
    assert_eq!(plan.hash().hex(), FIRST_HASH);
}

#[test]
fn going_back_to_the_same_bytes_is_no_way_back() {
    let design = Design::of(&[&[0]]);
    let same = refused(&design, |new, _| *new = release("1.0.0"));
    assert_eq!(same, [PlanRefusal::NothingToDo { region: region(0), version: "1.0.0".parse().unwrap() }]);
    let renamed = refused(&design, |new, _| new.digest = release("1.0.0").digest);
    assert_eq!(renamed, same);
}

#[test]
fn steps_must_fit_drivers_and_end_whole() {
    let mut pilot = Design::of(&[&[0]]);
    pilot.waves[0].steps = vec![(0, 1), (20, 1)];
    let codes = |refusals: Vec<PlanRefusal>| refusals.iter().map(PlanRefusal::code).collect::<Vec<_>>();
    assert_eq!(codes(refused(&pilot, |_, _| {})), ["REGION_NOT_WHOLE"]);
    pilot.waves[0].steps.push((100, 1));
    let lame = |_: &mut Release, inventory: &mut Inventory| {
        let facts = change(inventory, 0);
        (facts.weights, facts.cohorts) = (Some(false), Some(false));
    };
    assert_eq!(codes(refused(&pilot, lame)), ["DRIVER_CANNOT_DO"; 2]);
    let mut falling = Design::of(&[&[0], &[0]]);
    falling.waves[0].steps = vec![(50, 1)];
    assert_eq!(codes(refused(&falling, |_, _| {})), ["WEIGHT_FALLS"]);
    // Where nothing serves yet there is nothing to share, so such a driver will do.
    let (mut bare, playbook) = (inventory(1), Design::of(&[&[0]]).playbook());
    *change(&mut bare, 0) = RegionFacts { weights: Some(false), ..RegionFacts::default() };
    assert!(plan(playbook, &release("2.0.0"), &bare).is_ok());
}

#[test]
fn an_agent_that_asks_nobody_is_not_given_a_check_that_asks() {
    let mut playbook = Design::of(&[&[0]]).playbook();
    let refused = |playbook: &Playbook, queries| {
        let mut inventory = inventory(1);
        change(&mut inventory, 0).queries = queries;
        plan(playbook.clone(), &release("2.0.0"), &inventory).err()
    };
    assert_eq!(refused(&playbook, Some(false)), None);
    let asks = Asks::Value { of: "/x".to_owned(), bound: Bound::Most(Amount::ZERO) };
    let (source, url, reach) = (Source::WebhookGet, "http://kpi".to_owned(), Reach::Region);
    let measure = Measure::Query(Query { source, url, asks, reach });
    playbook.evidence.checks.push(Check { name: "kpi".to_owned(), measure, sample_min: 1 });
    let refusal = PlanRefusal::NoQueries { region: region(0), check: "kpi".to_owned() };
    assert_eq!(refused(&playbook, Some(false)), Some(vec![refusal]));
    // Who never spoke may be able to.
    assert_eq!(refused(&playbook, None), None);
    assert_eq!(refused(&playbook, Some(true)), None);
}

#[test]
fn fleets_have_a_largest_size_and_waves_a_smallest() {
    let playbook = || selecting(vec![RegionSelector::Rest]);
    assert_eq!(plan(playbook(), &release("2.0.0"), &inventory(1000)).unwrap().lanes.len(), 1000);
    let refusals = plan(playbook(), &release("2.0.0"), &inventory(1001)).unwrap_err();
    assert_eq!(refusals, [PlanRefusal::TooManyRegions(1001)]);
    let nothing = plan(playbook(), &release("2.0.0"), &Inventory::default()).unwrap_err();
    assert_eq!(nothing, [PlanRefusal::EmptyWave { wave: "w0".to_owned() }]);
}

#[test]
fn selectors_never_take_a_region_twice() {
    let labels = |name: &str| RegionSelector::Labels(BTreeMap::from([("tier".to_owned(), name.to_owned())]));
    let names = |numbers: &[usize]| RegionSelector::Names(numbers.iter().copied().map(region).collect());
    let mut inventory = inventory(5);
    for number in 0..4 {
        change(&mut inventory, number).labels.insert("tier".to_owned(), "gold".to_owned());
    }
    let orders = [
        vec![labels("gold"), names(&[2]), RegionSelector::Rest],
        vec![names(&[2]), RegionSelector::Rest, labels("gold")],
        vec![RegionSelector::Rest, labels("gold"), names(&[2])],
    ];
    for order in orders {
        let plan = plan(selecting(order.clone()), &release("2.0.0"), &inventory).unwrap();
        let taken: Vec<RegionId> = plan.waves.iter().flat_map(|wave| wave.regions.clone()).collect();
        let once: BTreeSet<RegionId> = taken.iter().cloned().collect();
        assert_eq!((taken.len(), once.len()), (5, 5), "{order:?}");
        let rest = plan.waves.iter().find(|wave| wave.regions == [region(4)]);
        assert!(rest.is_some(), "{order:?}");
    }
}

fn spreading(first: u32, factor: u32, order: SpreadOrder) -> Playbook {
    let mut playbook = selecting(vec![RegionSelector::Rest]);
    playbook.stages[0].waves[0].spread = Some(Spread { first, factor, order });
    playbook
}

#[test]
fn a_wave_goes_in_parts_that_grow() {
    let mut playbook = spreading(1, 2, SpreadOrder::LowTraffic);
    let rule = ApprovalRule { role: RoleId::new("sre").unwrap(), count: 1, valid_for: ApprovalRule::VALID_FOR };
    playbook.stages[0].waves[0].approvals = vec![rule.clone()];
    let mut inventory = inventory(9);
    for number in 0..9 {
        // The last has the least; two have the same.
        let share = if number == 4 { 6 } else { 9 - number };
        change(&mut inventory, number).share = TrafficShare::new(share as u64).ok();
    }
    let plan = plan(playbook, &release("2.0.0"), &inventory).unwrap();
    let parts: Vec<_> = plan.waves.iter().map(|wave| (wave.id.as_str(), wave.regions.clone())).collect();
    let regions = |numbers: &[usize]| numbers.iter().copied().map(region).collect::<Vec<_>>();
    let expected = [
        ("w0-1", regions(&[8])),
        ("w0-2", regions(&[7, 6])),
        ("w0-3", regions(&[5, 3, 4, 2])),
        ("w0-4", regions(&[1, 0])),
    ];
    assert_eq!(parts, expected);
    let asked: Vec<_> = plan.waves.iter().map(|wave| wave.approvals.clone()).collect();
    assert_eq!(asked, [vec![rule], vec![], vec![], vec![]], "who consents, consents to the wave");
}

#[test]
fn parts_that_cannot_be_are_refused() {
    let refusals = |playbook, regions| plan(playbook, &release("2.0.0"), &inventory(regions)).unwrap_err();
    let wave = || "w0".to_owned();
    let unknown = PlanRefusal::OrderUnknown { wave: wave(), region: region(0) };
    assert_eq!(refusals(spreading(1, 2, SpreadOrder::LowTraffic), 1), [unknown]);
    assert_eq!(refusals(spreading(1, 1, SpreadOrder::Selected), 101), [PlanRefusal::TooManyWaves(101)]);
    let mut twice = spreading(1, 2, SpreadOrder::Selected);
    let named = Wave { id: WaveId::new("w0-2").unwrap(), spread: None, ..twice.stages[0].waves[0].clone() };
    twice.stages[0].waves.push(Wave { regions: RegionSelector::Names(vec![region(3)]), ..named });
    assert_eq!(refusals(twice, 4), [PlanRefusal::PartName { wave: wave(), part: "w0-2".to_owned() }]);
    let mut long = spreading(1, 2, SpreadOrder::Selected);
    long.stages[0].waves[0].id = WaveId::new("w".repeat(63)).unwrap();
    let codes: Vec<_> = refusals(long, 1).iter().map(PlanRefusal::code).collect();
    assert_eq!(codes, ["WAVE_NAME_TAKEN"]);
}

#[test]
fn all_refusals_come_at_once() {
    let design = Design::of(&[&[0, 1, 2]]);
    let refusals = refused(&design, |release, inventory| {
        change(inventory, 0).cordoned = true;
        change(inventory, 1).lane.stable.as_mut().unwrap().release = release.reference();
        inventory.regions.remove(&region(2));
        inventory.vetoed.insert(release.digest, some_veto());
    });
    let codes: BTreeSet<&str> = refusals.iter().map(PlanRefusal::code).collect();
    assert_eq!(codes, BTreeSet::from(["DIGEST_VETOED", "NOTHING_TO_DO", "REGION_CORDONED", "UNKNOWN_REGION"]));
}
