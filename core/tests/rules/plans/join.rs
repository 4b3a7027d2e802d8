//! Regions that come after a launch, and regions that go: who joins and what keeps the others, that a join asks nothing
//! twice and vetoes nothing, and that nothing newly planned takes what is draining.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meridian_core::id::{RegionId, RolloutId};
use meridian_core::invariants;
use meridian_core::lane::{LaneState, Placed};
use meridian_core::observation::{Contact, Sight};
use meridian_core::plan::join::taken;
use meridian_core::plan::parameters::Values;
use meridian_core::plan::{
    Inventory, JoinWait, Joiner, Joining, Joins, Plan, PlanRefusal, RegionFacts, Superseding, TrafficShare, compile,
};
use meridian_core::playbook::{Joiners, RegionSelector, Scope, ValidPlaybook, VotePolicy, validate};
use meridian_core::release::Release;
use meridian_core::rollout::open::open;
use meridian_core::rollout::step::Moment;
use meridian_core::rollout::veto::{Veto, Vetoes};
use meridian_core::slot::Slot;
use meridian_core::time::Span;
use meridian_core::watch::{self, WatchPolicy};

use crate::world::design::{Design, region, release};
use crate::world::site::{Mood, Site};
use crate::world::{World, halt, hold};

/// A launch that has ended stable, and a fleet that has grown by one region since.
struct Late {
    world: World,
    playbook: ValidPlaybook,
    release: Release,
    inventory: Inventory,
    seen: BTreeMap<RegionId, Joiner>,
    hold: Option<Veto>,
}

fn two_waves() -> Design {
    Design::of(&[&[0], &[1]])
}

/// The last wave takes whoever there is.
fn open_to_all(design: &Design, joiners: Joiners) -> ValidPlaybook {
    let mut playbook = design.playbook();
    playbook.joiners = joiners;
    playbook.stages.last_mut().unwrap().waves[0].regions = RegionSelector::Rest;
    validate(playbook).unwrap()
}

/// The same in one stage: the rest is whom its first wave does not name.
fn of_one_stage(design: &Design) -> ValidPlaybook {
    let mut playbook = open_to_all(design, Joiners::Follow).get().clone();
    let last = playbook.stages.pop().unwrap();
    playbook.stages[0].waves.extend(last.waves);
    validate(playbook).unwrap()
}

fn veto() -> Veto {
    let (actor, reason) = ("anna".to_owned(), "it eats orders".to_owned());
    Veto { rollout: None, actor, reason, at: meridian_core::time::Timestamp::from_millis(1) }
}

impl Late {
    fn new() -> Self {
        Self::with(&two_waves())
    }

    fn with(design: &Design) -> Self {
        let mut world = World::new(&two_waves());
        world.until_phase("stable");
        let facts = |(region, lane): (&RegionId, &LaneState)| {
            (region.clone(), RegionFacts { lane: lane.clone(), ..RegionFacts::default() })
        };
        let regions = world.lanes.iter().map(facts).chain([(region(2), RegionFacts::default())]).collect();
        let contact = Contact::Live(world.now);
        let joiner = Joiner { contact, runs: Some(true), joined: false, failed: None, halt: None, trouble: None };
        Self {
            playbook: open_to_all(design, Joiners::Follow),
            release: release("2.0.0"),
            inventory: Inventory { regions, ..Inventory::default() },
            seen: BTreeMap::from([(region(2), joiner)]),
            hold: None,
            world,
        }
    }

    fn facts(&mut self) -> &mut RegionFacts {
        self.inventory.regions.get_mut(&region(2)).unwrap()
    }

    fn joiner(&mut self) -> &mut Joiner {
        self.seen.get_mut(&region(2)).unwrap()
    }

    fn resolve(&self, asked: Option<&RegionId>) -> Joins {
        let Self { world, playbook, release, inventory, seen, hold } = self;
        let joining = Joining { after: &world.record, playbook, release, inventory, seen, hold: hold.as_ref() };
        let joins = joining.resolve(asked);
        let draining = inventory.regions.iter().filter(|(_, facts)| facts.draining).map(|(region, _)| region.clone());
        let draining: BTreeSet<RegionId> = draining.collect();
        if let Some(plan) = &joins.plan {
            crate::world::hold(invariants::membership(plan, &draining, Some(&world.record)));
            assert!(plan.lanes.keys().all(|region| !joins.waits.contains_key(region)));
        }
        joins
    }

    fn plan(&self) -> Plan {
        let Joins { plan, waits } = self.resolve(None);
        assert_eq!(waits, BTreeMap::new());
        plan.unwrap()
    }

    fn wait(&self, asked: Option<&RegionId>) -> &'static str {
        let Joins { plan, waits } = self.resolve(asked);
        assert_eq!((plan, waits.len()), (None, 1));
        waits[&region(2)].code()
    }

    /// A world in which the join has begun, with the joiner's site alone.
    fn joined(&self) -> World {
        let (plan, mut world) = (Arc::new(self.plan().into()), self.world.clone());
        let lane = self.inventory.regions[&region(2)].lane.clone();
        world.sites = BTreeMap::from([(region(2), Site::new(lane.stable.as_ref(), world.now))]);
        world.sight = Sight::new();
        world.lanes.insert(region(2), lane);
        let moment = Moment { now: world.now, head: world.head };
        let id = RolloutId::new("late").unwrap();
        world.record = open(id, plan, "meridian".to_owned(), &world.lanes, &world.vetoes, moment).unwrap();
        hold(invariants::opening(&world.record, &world.lanes, &Vetoes::default()));
        world.committed();
        world
    }

    /// What the new region has served so far.
    fn serving(mut self, version: &str) -> Self {
        self.facts().lane.stable =
            Some(Placed { slot: Slot::Green, release: release(version).reference(), parameters: Values::new() });
        self
    }
}

#[test]
fn a_late_region_gets_the_release_and_nothing_is_asked_twice() {
    let mut design = two_waves();
    (design.items, design.callbacks, design.staged, design.waves[1].approvals) = (2, 1, Some(true), 1);
    let late = Late::with(&design);
    let plan = late.plan();
    assert_eq!(plan.lanes.keys().collect::<Vec<_>>(), [&region(2)]);
    let waves: Vec<(&str, usize)> = plan.waves.iter().map(|wave| (wave.id.as_str(), wave.steps.len())).collect();
    assert_eq!(waves, [("w1", 2)], "the last wave that takes it");
    assert_eq!((plan.release.clone(), plan.rollback.retention), (release("2.0.0").reference(), Span::ZERO));
    assert!(plan.evidence.checks.iter().any(|check| check.name == "errors"), "it bakes like the others");
    let mut other = plan.clone();
    other.join.as_mut().unwrap().after = RolloutId::new("another").unwrap();
    assert_ne!(plan.hash(), other.hash());
    let mut world = late.joined();
    world.until_phase("stable");
    assert!(watch::open(&world.record, WatchPolicy::default(), world.now).is_none(), "the launch has its watch");
    let there = world.lanes[&region(2)].stable.as_ref().map(|placed| placed.release.clone());
    assert_eq!(there, Some(release("2.0.0").reference()));
    let mut late = late;
    late.facts().lane = world.lanes[&region(2)].clone();
    assert_eq!(late.resolve(None), Joins::default(), "who has joined is not late any more");
}

#[test]
fn what_serves_an_older_release_catches_up_and_says_nothing_against_it_if_it_fails() {
    let late = Late::new().serving("1.0.0");
    let plan = late.plan();
    assert_eq!(plan.lanes[&region(2)].slot, Slot::Blue);
    assert_eq!(plan.rollback.retention, Span::from_secs(100), "there is a way back to keep warm");
    let mut world = late.joined();
    world.until("it bakes", |world| world.word(2) == "baking");
    world.mood(Mood::Bad);
    world.until_phase("rolled-back");
    assert_eq!(world.vetoes, Vetoes::default(), "the fleet's release is not vetoed, nor its automation held");
    assert_eq!(world.lanes[&region(2)].stable, late.inventory.regions[&region(2)].lane.stable);
    let mut world = late.joined();
    world.until_phase("switched");
    world.rollback(Scope::Fleet).unwrap();
    assert_eq!(world.vetoes, Vetoes::default());
}

/// Something that keeps a region from joining: its code, how it comes about, and whether it does so if a person asks too.
type Case = (&'static str, fn(&mut Late), bool);

const CASES: [Case; 14] = [
    ("REGION_DRAINING", |late| late.facts().draining = true, true),
    ("REGION_CORDONED", |late| late.facts().cordoned = true, true),
    (
        "LANE_HELD",
        |late| {
            let lane = &mut late.facts().lane;
            (lane.rollout, lane.held) = (Some(RolloutId::new("busy").unwrap()), true);
        },
        true,
    ),
    ("JOIN_FAILED_BEFORE", |late| late.joiner().failed = Some(RolloutId::new("late").unwrap()), false),
    (
        "DECIDED_SINCE",
        |late| {
            // Somebody has given up a launch of something newer, which serves.
            let epoch = late.world.record.epoch.next().unwrap();
            let stable =
                Some(Placed { slot: Slot::Green, release: release("3.0.0").reference(), parameters: Values::new() });
            late.facts().lane = LaneState { stable, rollout: RolloutId::new("newer").ok(), held: false, epoch };
        },
        false,
    ),
    ("JOINERS_WAIT", |late| late.playbook = open_to_all(&two_waves(), Joiners::Wait), false),
    ("DIGEST_VETOED", |late| drop(late.inventory.vetoed.insert(release("2.0.0").digest, veto())), true),
    ("AUTOMATION_HELD", |late| late.hold = Some(veto()), true),
    ("LINE_STOPPED", |late| late.joiner().halt = Some(halt()), true),
    ("NO_AGENT", |late| late.joiner().contact = Contact::Never, true),
    ("NO_AGENT", |late| late.seen.clear(), true),
    ("SERVICE_NOT_RUN", |late| late.joiner().runs = Some(false), true),
    (
        "TIME_ZONE_UNKNOWN",
        |late| {
            let (region, zone) = (region(2), "Mars/Phobos".to_owned());
            late.joiner().trouble = Some(PlanRefusal::ZoneUnknown { region, zone });
        },
        true,
    ),
    (
        "NOT_PREPARED",
        |late| {
            late.facts().lane.stable =
                Some(Placed { slot: Slot::Green, release: release("1.0.0").reference(), parameters: Values::new() });
            late.release.prepares = Some("1.9.0".parse().unwrap());
        },
        true,
    ),
];

#[test]
fn each_reason_keeps_a_region_out_and_a_person_is_heard_where_only_they_are_missing() {
    for (code, keep, also_asked) in CASES {
        let mut late = Late::new();
        keep(&mut late);
        assert_eq!(late.wait(None), code);
        if also_asked {
            assert_eq!(late.wait(Some(&region(2))), code);
        } else {
            assert!(late.resolve(Some(&region(2))).plan.is_some(), "{code} is lifted by a person's word");
        }
    }
    let mut behind = Late::new();
    CASES[4].1(&mut behind);
    behind.joiner().joined = true;
    assert!(behind.resolve(None).plan.is_some(), "what a join has left there is caught up with by the next one");
    let mut fresh = Late::new();
    fresh.release.prepares = Some("1.9.0".parse().unwrap());
    assert!(fresh.resolve(None).plan.is_some(), "where nothing serves nothing has to be prepared");
}

#[test]
fn who_was_there_or_is_not_meant_does_not_join() {
    let mut late = Late::new();
    let member = region(0);
    assert_eq!(late.resolve(Some(&member)).waits[&member].code(), "NOTHING_TO_JOIN");
    late.playbook = validate(two_waves().playbook()).unwrap();
    assert_eq!(late.resolve(None), Joins::default());
    assert_eq!(late.wait(Some(&region(2))), "NOT_SELECTED");
    assert!(!taken(&late.playbook, &late.inventory).contains(&region(2)));
    let mut late = Late::new();
    late.facts().cordoned = true;
    late.inventory.regions.get_mut(&member).unwrap().lane = LaneState::default();
    late.seen.insert(member.clone(), Joiner { ..late.seen[&region(2)].clone() });
    let Joins { plan, waits } = late.resolve(None);
    assert_eq!(plan.unwrap().lanes.keys().collect::<Vec<_>>(), [&member], "its lane was retired: it comes anew");
    assert_eq!(waits[&region(2)], JoinWait::Cordoned, "what keeps one keeps nobody else");
}

#[test]
fn as_many_votes_as_there_are_joiners_send_a_join_back() {
    let mut design = two_waves();
    design.votes = VotePolicy::Count(3);
    assert_eq!(Late::with(&design).plan().rollback.votes, VotePolicy::Count(1));
    design.votes = VotePolicy::Traffic(meridian_core::weight::Weight::WHOLE);
    let mut late = Late::with(&design);
    let other = RegionFacts { share: TrafficShare::new(3).ok(), ..RegionFacts::default() };
    late.inventory.regions.insert(region(3), other);
    late.seen.insert(region(3), late.seen[&region(2)].clone());
    let Joins { plan, waits } = late.resolve(None);
    assert_eq!(plan.unwrap().lanes.keys().collect::<Vec<_>>(), [&region(3)]);
    assert_eq!(waits[&region(2)].code(), "TRAFFIC_SHARE_MISSING");
}

#[test]
fn nothing_newly_planned_takes_what_is_draining() {
    let mut late = Late::new();
    late.facts().draining = true;
    let (playbook, newer) = (of_one_stage(&two_waves()), release("3.0.0"));
    let plan = compile(&playbook, 1, &newer, &late.inventory).unwrap();
    assert!(!plan.lanes.contains_key(&region(2)), "the rest is who stays");
    late.inventory.regions.get_mut(&region(0)).unwrap().draining = true;
    let refused = compile(&playbook, 1, &newer, &late.inventory).unwrap_err();
    assert_eq!(refused, [PlanRefusal::Draining { region: region(0) }], "named, it is refused");
}

#[test]
fn what_a_rollout_held_when_the_drain_began_stays_with_who_takes_it_over() {
    let design = two_waves();
    let mut world = World::new(&design);
    world.until("it bakes", |world| world.word(0) == "baking");
    let facts = |(region, lane): (&RegionId, &LaneState)| {
        (region.clone(), RegionFacts { lane: lane.clone(), draining: true, ..RegionFacts::default() })
    };
    let superseding = Some(Superseding { record: Arc::new(world.record.clone()), hotfix: None, now: world.now });
    let inventory = Inventory { regions: world.lanes.iter().map(facts).collect(), superseding, ..Inventory::default() };
    let plan = compile(&of_one_stage(&design), 1, &release("3.0.0"), &inventory).unwrap();
    assert_eq!(plan.lanes.len(), 2);
    hold(invariants::membership(&plan, &world.lanes.keys().cloned().collect(), None));
}
