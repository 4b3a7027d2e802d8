//! Services that are launched as a set: who follows waits, who hears of a way back goes back, and all end together or none.

use std::collections::{BTreeMap, BTreeSet};

use meridian_core::epoch::Epoch;
use meridian_core::id::{RolloutId, ServiceId, SetId};
use meridian_core::invariants;
use meridian_core::plan::set::{SetPlan, arrange};
use meridian_core::playbook::Scope;
use meridian_core::release::Reversibility;
use meridian_core::rollout::event::{Event, MemberHeard, Transition};
use meridian_core::rollout::operator::restored;
use meridian_core::rollout::step::Moment;
use meridian_core::rollout::together::{Standing, finish};
use proptest::prelude::*;

use crate::world::design::{Design, service};
use crate::world::site::Mood;
use crate::world::{World, hold, order, replan};

/// Members by name; each a world of its own.
struct Set {
    members: BTreeMap<ServiceId, World>,
}

fn named(name: &str) -> ServiceId {
    ServiceId::new(name).unwrap()
}

impl Set {
    /// Members, and whom each comes after.
    fn of(members: &[(&str, &[&str])], design: &Design) -> Self {
        let after = |names: &[&str]| names.iter().map(|name| named(name)).collect::<BTreeSet<ServiceId>>();
        let members: BTreeMap<_, _> = members.iter().map(|(name, names)| (named(name), after(names))).collect();
        let arranged = arrange(&SetId::new("autumn").unwrap(), &members).unwrap();
        let world = |(service, (rollout, set)): (ServiceId, (RolloutId, SetPlan))| {
            let member = Some((service.clone(), rollout, set));
            (service, World::new(&Design { member, ..design.clone() }))
        };
        Self { members: arranged.into_iter().map(world).collect() }
    }

    fn get(&mut self, name: &str) -> &mut World {
        self.members.get_mut(&named(name)).unwrap()
    }

    /// A member hears of all others.
    fn hear(&mut self, name: &str) {
        let told = self.members.iter().filter(|(service, _)| **service != named(name));
        let told: Vec<_> = told.map(|(service, world)| (service.clone(), Standing::of(&world.record))).collect();
        let world = self.get(name);
        for (service, standing) in told {
            if !world.record.phase.is_terminal() {
                world.decide(Event::Member(MemberHeard { service, standing })).unwrap();
            }
        }
    }

    fn finish(&self) -> Option<Vec<Transition>> {
        let members: Vec<_> = self.members.values().map(|world| (&world.record, moment(world))).collect();
        let ended = finish(&members)?;
        let taken: Vec<_> =
            members.iter().zip(&ended).map(|((record, moment), answer)| (*record, *moment, answer)).collect();
        hold(invariants::together(&taken));
        Some(ended)
    }

    /// All hear, and time passes in all.
    fn pass(&mut self, secs: u64) {
        let names: Vec<String> = self.members.keys().map(ToString::to_string).collect();
        for name in &names {
            self.hear(name);
            self.get(name).pass(secs);
        }
        if let Some(ended) = self.finish() {
            for (world, transition) in self.members.values_mut().zip(ended) {
                world.record = transition.next.unwrap();
                world.committed();
            }
        }
    }

    fn until(&mut self, what: &str, holds: impl Fn(&mut Self) -> bool) {
        for _ in 0..300 {
            if holds(self) {
                return;
            }
            self.pass(5);
        }
        let standing: Vec<_> =
            self.members.iter().map(|(service, world)| (service, world.record.phase.as_str())).collect();
        panic!("never {what}: {standing:?}");
    }

    fn phases(&self) -> Vec<&'static str> {
        self.members.values().map(|world| world.record.phase.as_str()).collect()
    }
}

fn moment(world: &World) -> Moment {
    Moment { now: world.now, head: world.head }
}

fn pair() -> Set {
    Set::of(&[("pay", &[]), ("shop", &["pay"])], &Design::of(&[&[0], &[1]]))
}

#[test]
fn who_follows_begins_when_the_other_is_everywhere_and_all_end_together() {
    let mut set = pair();
    set.pass(1);
    let waits = set.get("shop").look().waits;
    assert_eq!(
        (waits[0].code(), waits[0].to_string()),
        ("SET_MEMBERS", "waits for members of its set: pay (forward)".to_owned())
    );
    set.until("pay is switched", |set| {
        let is_switched = set.get("pay").record.phase.as_str() == "switched";
        assert!(is_switched || set.get("shop").word(0) == "waiting");
        is_switched
    });
    set.pass(1);
    assert!(set.get("shop").at(0).is_on_its_way());
    set.until("pay is ripe", |set| Standing::of(&set.get("pay").record) == Standing::Ripe);
    assert_eq!(set.get("pay").kinds.last(), Some(&"ripe"));
    assert_ne!(set.phases(), ["stable", "stable"], "it waits for shop");
    set.until("all have ended", |set| set.phases() == ["stable", "stable"]);
    assert!(set.members.values().all(|world| world.lanes.values().all(|lane| !lane.held)));
}

#[test]
fn whoever_goes_back_takes_all_others_along_from_wherever_they_are() {
    type Fits = fn(&mut Set) -> bool;
    let table: [(&str, &str, Fits); 4] = [
        ("shop waits", "aborted", |set| set.get("pay").word(0) == "baking"),
        ("shop bakes", "rolled-back", |set| set.get("shop").word(0) == "baking"),
        ("shop is switched", "rolled-back", |set| set.phases()[1] == "switched"),
        ("both are ripe", "rolled-back", |set| {
            let mut ripe = set.members.values().map(|world| Standing::of(&world.record));
            set.members.len() == 2 && ripe.all(|standing| standing == Standing::Ripe)
        }),
    ];
    for (when, end, holds) in table {
        let mut set = pair();
        // The last look of the second is what lets them end; so each is asked in turn, before that.
        for _ in 0..400 {
            if holds(&mut set) {
                break;
            }
            set.hear("pay");
            set.get("pay").pass(5);
            if holds(&mut set) {
                break;
            }
            set.hear("shop");
            set.get("shop").pass(5);
        }
        assert!(holds(&mut set), "never {when}: {:?}", set.phases());
        set.get("pay").rollback(Scope::Fleet).unwrap();
        set.hear("shop");
        let shop = set.get("shop");
        assert_eq!((shop.record.phase.as_str(), shop.kinds.last()), ("rolling-back", Some(&"rollback")), "{when}");
        let cause = shop.record.phase.cause().unwrap();
        assert_eq!(
            (cause.code(), cause.to_string()),
            ("SET_BACK", "pay, a member of its set, goes back (autumn-pay)".to_owned())
        );
        assert!(set.finish().is_none(), "{when}");
        set.until("all are back", |set| set.phases() == ["rolled-back", end]);
    }
}

#[test]
fn a_bad_follower_takes_back_whom_it_followed() {
    let mut set = pair();
    set.until("shop bakes", |set| set.get("shop").word(0) == "baking");
    set.get("shop").mood(Mood::Bad);
    set.until("both are back", |set| set.phases() == ["rolled-back", "rolled-back"]);
    let digests =
        set.members.values().map(|world| world.vetoes.digests.contains_key(&world.record.plan.release.digest));
    assert!(digests.into_iter().all(|vetoed| vetoed), "nothing of it starts again by itself");
}

#[test]
fn what_cannot_go_back_by_itself_freezes_and_the_others_wait_for_a_human() {
    let mut set = pair();
    let plan = |world: &mut World| {
        replan(&mut world.record, |plan| plan.reversibility = Reversibility::PointOfNoReturn);
    };
    plan(set.get("pay"));
    set.until("shop bakes", |set| set.get("shop").word(0) == "baking");
    set.get("shop").rollback(Scope::Fleet).unwrap();
    set.hear("pay");
    assert_eq!(set.get("pay").record.phase.as_str(), "frozen");
    set.get("pay").abandon().unwrap();
    let mut other = pair();
    other.until("shop bakes", |set| set.get("shop").word(0) == "baking");
    let (service, standing) = (named("pay"), Standing::of(&set.get("pay").record));
    assert_eq!(standing, Standing::Failed);
    other.get("shop").decide(Event::Member(MemberHeard { service, standing })).unwrap();
    assert_eq!(other.get("shop").record.phase.cause().unwrap().code(), "MEMBER_FAILED");
}

#[test]
fn nothing_is_heard_of_strangers_or_by_what_has_ended_and_a_restore_forgets() {
    let mut set = pair();
    let heard = |name: &str| Event::Member(MemberHeard { service: named(name), standing: Standing::Switched });
    assert_eq!(set.get("shop").decide(heard("mail")).unwrap_err().code(), "NOT_A_MEMBER");
    assert_eq!(World::new(&Design::of(&[&[0]])).decide(heard("pay")).unwrap_err().code(), "NOT_A_MEMBER");
    set.get("shop").decide(heard("pay")).unwrap();
    assert!(set.get("shop").decide(heard("pay")).unwrap().next.is_none(), "the same again is no decision");
    let shop = set.get("shop");
    let next = restored(&shop.record, order(), shop.head.restored(1).unwrap(), shop.now);
    assert!(next.member.unwrap().heard.is_empty());
    shop.rollback(Scope::Fleet).unwrap();
    shop.until_phase("aborted");
    assert!(shop.decide(heard("pay")).unwrap().next.is_none(), "nothing follows from it any more");
}

#[test]
fn a_part_of_a_set_never_ends_it() {
    let mut set = pair();
    set.until("both are ripe, or have ended", |set| set.phases() == ["stable", "stable"]);
    let members: Vec<_> = set.members.values().map(|world| (&world.record, moment(world))).collect();
    assert!(finish(&members).is_none(), "they have ended");
    assert!(finish(&[]).is_none());
    let alone = World::new(&Design::of(&[&[0]]));
    assert!(finish(&[(&alone.record, moment(&alone))]).is_none(), "it is of no set");
    assert_eq!(service(), alone.record.plan.service);
    assert!(members.iter().all(|(record, _)| record.epoch > Epoch::ZERO));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Whoever hears of whom when, whatever is taken back meanwhile: stable are all or none, and a set that has
    /// gone back anywhere goes back everywhere.
    #[test]
    fn all_or_none(deeds in prop::collection::vec((0..3_usize, 0..6_u8), 40..160)) {
        let mut set = Set::of(&[("a", &[]), ("b", &["a"]), ("c", &[])], &Design::of(&[&[0]]));
        let names = ["a", "b", "c"];
        for (member, deed) in deeds {
            let name = names[member];
            match deed {
                0 if !set.get(name).record.phase.is_terminal() => set.hear(name),
                1 if member == 2 && !set.get(name).record.phase.is_terminal() => {
                    set.get(name).rollback(Scope::Fleet).unwrap();
                }
                2 => set.pass(5),
                _ if !set.get(name).record.phase.is_terminal() => {
                    set.get(name).pass(20);
                }
                _ => {}
            }
            let stable = set.phases().iter().filter(|phase| **phase == "stable").count();
            prop_assert!(stable == 0 || stable == 3, "{:?}", set.phases());
        }
        set.until("all have ended", |set| set.members.values().all(|world| world.record.phase.is_terminal()));
        let stable = set.phases().iter().filter(|phase| **phase == "stable").count();
        prop_assert!(stable == 0 || stable == 3, "{:?}", set.phases());
    }
}
