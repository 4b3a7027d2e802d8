//! Parameters: a plan pins what each region's workload is started with, and going back restores what was pinned then.

use std::collections::BTreeMap;

use meridian_core::invariants;
use meridian_core::plan::compile::PARAMETER_BYTES_MAX;
use meridian_core::plan::parameters::Values;
use meridian_core::plan::{Inventory, PlanRefusal, RegionFacts, compile};
use meridian_core::playbook::{Scope, validate};
use meridian_core::rollout::goals::goal;
use meridian_core::slot::{Slot, Slots};

use crate::world::design::{Design, region, release};
use crate::world::{World, replan};

fn values(value: &str) -> Values {
    BTreeMap::from([("DB".to_owned(), value.to_owned())])
}

/// A rollout of 2.0.0 with one value, over what was started with another one.
fn launch() -> World {
    let parameters = Some((values("old"), values("new")));
    World::new(&Design { parameters, ..Design::of(&[&[0]]) })
}

fn given(world: &World) -> Slots<Values> {
    goal(&world.record, &region(0)).unwrap().parameters
}

#[test]
fn each_slot_is_started_with_what_was_pinned_for_its_release() {
    let mut world = launch();
    assert_eq!(given(&world), Slots { blue: values("old"), green: Values::new() });
    world.until("it bakes", |world| world.word(0) == "baking");
    assert_eq!(given(&world), Slots { blue: values("old"), green: values("new") });
    world.until_phase("stable");
    assert_eq!(given(&world), Slots { blue: Values::new(), green: values("new") });
    assert_eq!(world.lanes[&region(0)].stable.as_ref().unwrap().parameters, values("new"));
}

#[test]
fn going_back_restores_what_was_pinned_then() {
    let mut world = launch();
    world.until("it bakes", |world| world.word(0) == "baking");
    world.rollback(Scope::Fleet).unwrap();
    assert_eq!(given(&world), Slots { blue: values("old"), green: Values::new() });
    world.until_phase("rolled-back");
    assert_eq!(world.lanes[&region(0)].stable.as_ref().unwrap().parameters, values("old"));
    let turned = {
        let mut world = launch();
        world.until("it bakes", |world| world.word(0) == "baking");
        goal(&world.record, &region(0)).unwrap().turned_back().unwrap()
    };
    assert_eq!(turned.parameters, Slots { blue: values("old"), green: Values::new() }, "an agent alone does the same");
}

#[test]
fn what_was_started_otherwise_counts_as_something_else() {
    let mut world = launch();
    world.until("it bakes", |world| world.word(0) == "baking");
    let order = goal(&world.record, &region(0)).unwrap();
    let digest = world.record.plan.release.digest;
    assert_eq!(order.counts_as(Slot::Green, digest, &values("new")), digest);
    assert_ne!(order.counts_as(Slot::Green, digest, &values("old")), digest);
    assert_ne!(order.counts_as(Slot::Green, digest, &Values::new()), digest);
    let other = release("9.0.0").digest;
    assert_eq!(order.counts_as(Slot::Green, other, &values("old")), other, "it is something else anyway");
    let bare = World::new(&Design::of(&[&[0]]));
    assert_ne!(world.record.plan.hash(), bare.record.plan.hash());
    let mut doctored = world.record.clone();
    replan(&mut doctored, |plan| plan.lanes.get_mut(&region(0)).unwrap().parameters = values("later"));
    assert_ne!(goal(&doctored, &region(0)).unwrap().hash(), order.hash(), "a goal says what it is started with");
    assert_eq!(invariants::record(&world.record), []);
}

#[test]
fn a_plan_is_refused_where_nobody_hands_them_over_and_where_they_are_too_many() {
    let planned = |takes: Option<bool>, value: &str| {
        let facts = RegionFacts { takes_parameters: takes, parameters: values(value), ..RegionFacts::default() };
        let regions = (0..100).map(|number| (region(number), facts.clone())).collect();
        let inventory = Inventory { regions, ..Inventory::default() };
        let all: Vec<usize> = (0..100).collect();
        compile(&validate(Design::of(&[&all]).playbook()).unwrap(), 1, &release("2.0.0"), &inventory)
    };
    assert!(planned(None, "x").is_ok() && planned(Some(true), "x").is_ok());
    assert_eq!(planned(Some(false), "x").unwrap_err()[0], PlanRefusal::NoParameters { region: region(0) });
    let large = "x".repeat(PARAMETER_BYTES_MAX / 100);
    assert_eq!(planned(None, &large).unwrap_err()[0].code(), "PARAMETERS_TOO_LARGE");
}
