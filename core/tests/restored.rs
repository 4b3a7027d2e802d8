//! Restores from a backup: the record is old, the regions are not, and everything ends where the restored record says.
#![allow(clippy::unwrap_used)]

mod world;

use meridian_core::invariants;
use meridian_core::playbook::Scope;
use meridian_core::rollout::operator::restored;
use meridian_core::slot::Slot;
use meridian_core::weight::Split;

use world::design::Design;
use world::site::Mood;
use world::{World, hold, order};

/// What a backup keeps of a world.
struct Backup(World);

impl World {
    fn back_up(&self) -> Backup {
        Backup(self.clone())
    }

    /// The store becomes what it was; the regions and what was ever issued stay what they are.
    fn restore(&mut self, backup: &Backup, generation: u64) {
        let Backup(old) = backup;
        let epoch = old.head.restored(generation).unwrap();
        let next = restored(&old.record, order(), epoch, self.now);
        hold(invariants::restoration(&old.record, &next, old.head));
        self.lanes = old.lanes.clone();
        self.record = next;
        self.head = old.head;
        self.vetoes = old.vetoes.clone();
        // A server that has just started has seen nobody.
        self.sight.clear();
        self.committed();
    }
}

fn design() -> Design {
    let mut design = Design::of(&[&[0, 1], &[2]]);
    design.waves[0].soak = 30;
    design
}

/// What may have happened since a backup.
type Since = fn(&mut World);

/// Every phase in which a backup may be taken, crossed with what may have happened since.
#[test]
fn whatever_was_lost_every_region_ends_where_the_restored_record_says() {
    let lost: [(&str, Since); 4] = [
        ("nothing", |_| {}),
        ("steps", |world| {
            world.pass(60);
        }),
        ("a rollback", |world| {
            let _ended = world.rollback(Scope::Fleet);
            world.pass(60);
        }),
        ("the end", |world| {
            if !world.record.phase.is_terminal() {
                let _running = world.resume();
                world.until("it is over", |world| world.record.phase.is_terminal());
            }
        }),
    ];
    for phase in ["running", "soaking", "held", "rolling-back", "switched", "stable", "rolled-back"] {
        for (what, lose) in lost {
            let mut world = in_phase(phase);
            let backup = world.back_up();
            lose(&mut world);
            let before = world.sites.values().map(|site| site.durable.accepted()).max().unwrap();
            world.restore(&backup, 0);
            assert!(world.record.epoch > before, "{phase}, {what}");
            world.rest();
            for (id, site) in &world.sites {
                assert_eq!(site.durable.accepted(), world.record.lanes[id].goal_epoch, "{phase}, {what}: {id}");
            }
            go_on(&mut world, phase, what);
        }
    }
}

fn in_phase(phase: &str) -> World {
    let mut world = World::new(&design());
    world.until("it bakes", |world| world.word(0) == "baking");
    match phase {
        "held" => {
            world.pause().unwrap();
        }
        "rolling-back" => {
            world.lose(1);
            world.rollback(Scope::Fleet).unwrap();
            world.rest();
            world.find(1);
        }
        "rolled-back" => {
            world.rollback(Scope::Fleet).unwrap();
            world.rest();
        }
        forward => world.until_phase(forward),
    }
    world
}

/// A human has looked, and it goes on to an end of its own.
fn go_on(world: &mut World, phase: &str, what: &str) {
    match phase {
        "stable" => assert_eq!(world.phase().as_str(), "stable"),
        "rolled-back" | "rolling-back" => assert_eq!(world.phase().as_str(), "rolled-back", "{what}"),
        _ => {
            assert_eq!(world.phase().as_str(), "held", "{phase}, {what}");
            world.pass(600);
            assert_eq!(world.phase().as_str(), "held", "{phase}, {what}: nothing moves before somebody has looked");
            world.resume().unwrap();
            world.until_phase("stable");
        }
    }
    let slot = if matches!(phase, "rolled-back" | "rolling-back") { Slot::Blue } else { Slot::Green };
    for site in world.sites.values() {
        assert_eq!(site.local.traffic.as_ref().map(|traffic| traffic.split), Some(Split::all(slot)), "{phase}, {what}");
    }
}

#[test]
fn two_restores_of_one_backup_never_issue_one_epoch_twice() {
    let mut world = in_phase("running");
    let backup = world.back_up();
    for generation in [1_000, 2_000] {
        // The orders know every goal ever issued, and hold each new one against them.
        world.restore(&backup, generation);
        world.rest();
        world.resume().unwrap();
        world.pass(60);
        assert_eq!(world.head.generation(), generation);
    }
    world.rollback(Scope::Fleet).unwrap();
    world.rest();
    assert_eq!(world.phase().as_str(), "rolled-back");
}

#[test]
fn what_had_gone_wrong_is_found_again() {
    let mut world = in_phase("running");
    let backup = world.back_up();
    world.mood(Mood::Bad);
    world.until_phase("rolled-back");
    world.restore(&backup, 0);
    // Held, but votes count: what is bad goes back by itself again.
    world.until_phase("rolled-back");
}

#[test]
fn a_place_that_was_confirmed_has_to_be_confirmed_again() {
    let mut world = in_phase("running");
    assert_eq!(world.word(0), "baking");
    let backup = world.back_up();
    world.restore(&backup, 0);
    assert_eq!(world.word(0), "shifting");
    world.rest();
    assert_eq!(world.word(0), "baking");
    let mut back = in_phase("rolling-back");
    assert_eq!(back.word(0), "reverted");
    back.lose(0);
    let backup = back.back_up();
    back.restore(&backup, 0);
    assert_eq!(back.word(0), "reverting");
    back.rest();
    assert_eq!(back.phase().as_str(), "rolling-back");
    back.find(0);
    back.rest();
    assert_eq!(back.phase().as_str(), "rolled-back");
}
