//! The invariants themselves: what was doctored must be caught, with the right id. A checker that can't fail proves
//! nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meridian_core::agent::{Action, LaneMemory, LocalWorld, VetoList};
use meridian_core::calendar::{Departure, Entry, Interval, Timetable, Train, When, Zone};
use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::evidence::{Outcome, StepRef, Verdict};
use meridian_core::goal::Goal;
use meridian_core::id::{PlaybookId, RegionId, RolloutId, ServiceId, SetId};
use meridian_core::invariants::{self, Broken, CATALOGUE, Orders, Taken};
use meridian_core::lane::{LaneState, Placed};
use meridian_core::observation::{SlotState, TrafficSeen};
use meridian_core::plan::parameters::Values;
use meridian_core::plan::set::{SetPlan, arrange};
use meridian_core::plan::{Join, Plan, PlannedLane, PlannedWave, Superseding};
use meridian_core::playbook::{BackPace, Scope};
use meridian_core::queue::{Asked, Need, Queue, Sight};
use meridian_core::rollout::event::{Event, Right, Transition};
use meridian_core::rollout::gates::stops;
use meridian_core::rollout::goals::{goal, lane_after};
use meridian_core::rollout::operator::restored;
use meridian_core::rollout::state::{Answer, Approval, Cause, Hold, LaneAt, Pace, Phase, Rollout, Run, Said, Signed};
use meridian_core::rollout::step::Moment;
use meridian_core::rollout::supersede::{Superseded, supersede};
use meridian_core::rollout::together::{Standing, finish};
use meridian_core::rollout::veto::Vetoes;
use meridian_core::slot::Slot;
use meridian_core::time::{Span, Timestamp};
use meridian_core::weight::Split;

use super::world::design::{Design, region};
use super::world::{World, halt, replan};

type Ids = BTreeSet<&'static str>;

fn ids(broken: Vec<Broken>) -> Ids {
    broken.into_iter().map(|broken| broken.id).collect()
}

#[track_caller]
fn caught(id: &'static str, broken: Vec<Broken>) -> &'static str {
    assert!(broken.iter().any(|broken| broken.id == id), "{id} was not caught: {broken:?}");
    id
}

/// The same, and their window has shut meanwhile.
fn out_of_window() -> World {
    let mut design = Design::of(&[&[0, 1], &[2]]);
    let when = When::Range { from: String::new(), to: String::new() };
    let window = Entry { name: "office".to_owned(), zone: Zone::Named("UTC".to_owned()), when };
    design.timetable = Timetable { windows: vec![window], ..Timetable::default() };
    let mut world = World::new(&design);
    let (from, to) = (world.now, world.now.after(Span::from_secs(20)));
    world.openings.windows = vec![Interval { from, to }];
    world.rest();
    assert_eq!((world.word(0), world.word(1)), ("baking", "baking"));
    world.pass(15);
    world.now = to;
    world
}

/// Two regions bake their first step of two, in the first wave of two.
fn baking() -> World {
    let mut design = Design::of(&[&[0, 1], &[2]]);
    design.waves[0].max_skew = 0;
    let mut world = World::new(&design);
    world.until("both bake", |world| world.word(0) == "baking" && world.word(1) == "baking");
    world
}

fn doctored(record: &Rollout, change: impl FnOnce(&mut Rollout)) -> Rollout {
    let mut record = record.clone();
    change(&mut record);
    record
}

fn put(record: &mut Rollout, number: usize, at: LaneAt) {
    record.lanes.get_mut(&region(number)).unwrap().at = at;
}

/// What is said of a decision that nobody would make: the change, at the next epoch, under what the world knows.
fn decided(world: &World, change: impl FnOnce(&mut Rollout)) -> Vec<Broken> {
    decided_by(world, Right::Owner, Event::Look(world.sight.clone()), change)
}

fn decided_by(world: &World, right: Right, event: Event, change: impl FnOnce(&mut Rollout)) -> Vec<Broken> {
    let before = &world.record;
    let mut next = doctored(before, change);
    if next.epoch == before.epoch {
        next.epoch = world.head.next().unwrap();
    }
    let answer = Transition { next: Some(next), kind: "doctored", right, effects: vec![], waits: vec![], wake: None };
    let moment = Moment { now: world.now, head: world.head };
    invariants::transition(Taken { before, event: &event, moment, answer: &answer })
}

fn records() -> Ids {
    let world = baking();
    assert_eq!(ids(invariants::record(&world.record)), Ids::new());
    let of = |change: &dyn Fn(&mut Rollout)| invariants::record(&doctored(&world.record, change));
    let nowhere = StepRef { wave: 0, step: 7 };
    let own = |record: &mut Rollout| {
        replan(record, |plan| {
            let release = plan.release.clone();
            plan.lanes.get_mut(&region(0)).unwrap().base.as_mut().unwrap().release = release;
        });
    };
    let crowded = |record: &mut Rollout| replan(record, |plan| plan.waves[0].max_parallel = 1);
    let late = |record: &mut Rollout| record.lanes.get_mut(&region(0)).unwrap().goal_epoch = Epoch::new(9, 9);
    let since = world.now;
    [
        caught("C1", of(&|record| drop(record.lanes.remove(&region(0))))),
        caught("C1", of(&|record| put(record, 0, LaneAt::Baking(nowhere)))),
        caught("C2", of(&late)),
        caught("S19", unfit(|approval| approval.actor = "Anna".to_owned())),
        caught("S19", unfit(|approval| approval.digest = meridian_core::digest::Digest::of(b"another release"))),
        caught("S19", unfit(|approval| approval.plan = meridian_core::digest::Digest::of(b"another plan"))),
        caught("S19", unfit(|approval| approval.wave = 1)),
        caught("S19", unfit(|approval| approval.until = approval.until.after(Span::from_secs(1)))),
        caught("C17", unsigned(|signed| signed.actor = "carl".to_owned())),
        caught("C17", unsigned(|signed| signed.digest = meridian_core::digest::Digest::of(b"another release"))),
        caught("C17", unsigned(|signed| signed.until = signed.until.after(Span::from_secs(1)))),
        caught("S11", of(&own)),
        caught("C4", of(&crowded)),
        caught("C8", of(&|record| record.phase = Phase::Switched { since })),
        caught(
            "C8",
            of(&|record| record.phase = Phase::Frozen { cause: Cause::NoWayBack { region: region(0) }, since }),
        ),
    ]
    .into()
}

/// A rollout whose train has departed.
fn ashore() -> World {
    let mut design = Design::of(&[&[0], &[1]]);
    let (name, zone, departs) = ("weekly".to_owned(), "UTC".to_owned(), "0 9 * * TUE".to_owned());
    let train = Train { name: name.clone(), zone, departs, boarding: Span::from_secs(60), from: None, every: 1 };
    design.timetable = Timetable { trains: vec![train], train: Some(name.clone()), ..Timetable::default() };
    let mut world = World::new(&design);
    let during = Interval { from: world.now.before(Span::from_secs(60)), to: world.now };
    world.openings.departures = vec![Departure { train: name, increment: None, during }];
    world.rest();
    world
}

/// A wave that waits for the consent of two, and has that of one.
fn half_approved() -> World {
    let mut design = Design::of(&[&[0], &[1]]);
    design.waves[0].approvals = 2;
    let mut world = World::new(&design);
    world.rest();
    world.approve("bob").unwrap();
    world
}

/// What is said of a record whose one approval was changed.
fn unfit(change: impl FnOnce(&mut Approval)) -> Vec<Broken> {
    let record = half_approved().record;
    assert_eq!(ids(invariants::record(&record)), Ids::new());
    invariants::record(&doctored(&record, |record| change(&mut record.approvals[0])))
}

/// A rollout that waits for two items, and has one.
fn half_signed() -> World {
    let mut world = World::new(&Design { items: 2, ..Design::of(&[&[0], &[1]]) });
    world.rest();
    world.sign("bob", "uat").unwrap();
    world
}

/// What is said of a record whose one sign-off was changed.
fn unsigned(change: impl FnOnce(&mut Signed)) -> Vec<Broken> {
    let record = half_signed().record;
    assert_eq!(ids(invariants::record(&record)), Ids::new());
    invariants::record(&doctored(&record, |record| change(&mut record.signed[0])))
}

/// What begins although people have not said so, or have said no.
fn gates() -> [&'static str; 11] {
    let begin = |record: &mut Rollout| put(record, 0, LaneAt::Preparing { wave: 0 });
    let mut halted = World::new(&Design::of(&[&[0], &[1]]));
    halted.halt = Some(halt());
    halted.rest();
    let mut unheard = World::new(&Design { answers: 1, ..Design::of(&[&[0], &[1]]) });
    unheard.until("the pilot has settled", |world| world.word(0) == "settled");
    unheard.rest();
    let mut unanswered = World::new(&Design { callbacks: 1, ..Design::of(&[&[0], &[1]]) });
    unanswered.rest();
    let yes = Answer { said: Said::Pass, reason: String::new(), at: unanswered.now };
    let say = |record: &mut Rollout| record.inquiries[0].answer = Some(yes.clone());
    let twice = |record: &mut Rollout| record.inquiries.push(record.inquiries[0].clone());
    let ashore = ashore();
    let mut boarded = ashore.clone();
    boarded.openings.departures[0].during = Interval { from: ashore.now, to: ashore.now.after(Span::from_secs(1)) };
    boarded.hear(&region(0));
    assert!(!ids(decided(&boarded, begin)).contains("C22"));
    let forget = |record: &mut Rollout| record.train = None;
    let other = |record: &mut Rollout| record.train = Some("express".to_owned());
    let mut unserved = World::new(&Design { requests: 1001, ..Design::of(&[&[0], &[1]]) });
    unserved.until("it bakes", |world| world.word(0) == "baking");
    unserved.pass(30);
    let shift = |record: &mut Rollout| put(record, 0, LaneAt::Shifting(StepRef { wave: 0, step: 1 }));
    let leave = |record: &mut Rollout| record.phase = Phase::Running(Run { wave: 1, pace: Pace::Moving, hold: None });
    [
        caught("S19", decided(&half_approved(), begin)),
        caught("C17", decided(&half_signed(), begin)),
        caught("C18", decided(&halted, begin)),
        caught("S14", decided(&unserved, shift)),
        caught("C23", decided(&unanswered, begin)),
        caught("C23", decided(&unanswered, say)),
        caught("C23", invariants::record(&doctored(&unanswered.record, twice))),
        caught("C22", decided(&ashore, begin)),
        caught("C22", decided(&ashore, forget)),
        caught("C22", invariants::record(&doctored(&ashore.record, other))),
        caught("C19", decided(&unheard, leave)),
    ]
}

fn decisions() -> Ids {
    let world = baking();
    let first = StepRef { wave: 0, step: 0 };
    let second = StepRef { wave: 0, step: 1 };
    let cause = Cause::Operator { actor: "anna".to_owned(), reason: String::new() };
    let since = world.now;
    let ended =
        |phase: Phase| World { record: doctored(&world.record, |record| record.phase = phase), ..world.clone() };
    let held = Phase::Running(Run { wave: 0, pace: Pace::Moving, hold: Some(Hold { cause: cause.clone(), since }) });
    let prepare = |record: &mut Rollout| put(record, 2, LaneAt::Preparing { wave: 1 });
    let mut lost = world.clone();
    lost.lose(2);
    let behind = World {
        record: doctored(&world.record, |record| put(record, 1, LaneAt::Preparing { wave: 0 })),
        ..world.clone()
    };
    let ahead =
        World { record: doctored(&world.record, |record| put(record, 0, LaneAt::Settled(second))), ..world.clone() };
    let later = |record: &mut Rollout| record.phase = Phase::Running(Run { wave: 1, pace: Pace::Moving, hold: None });
    let right = Right::Anyone;
    let silent = Transition { next: None, kind: "", right, effects: vec![], waits: vec![], wake: None };
    let event = Event::Look(world.sight.clone());
    let moment = Moment { now: world.now, head: world.head };
    let idle = Taken { before: &world.record, event: &event, moment, answer: &silent };
    let no_return = |record: &mut Rollout| {
        replan(record, |plan| plan.reversibility = meridian_core::release::Reversibility::PointOfNoReturn);
    };
    let past = World { record: doctored(&world.record, no_return), ..world.clone() };
    let verdict =
        Verdict { outcome: Outcome::Inconclusive, check: "errors".to_owned(), measured: 0, limit: 0, samples: 0 };
    let unsure = Cause::Pooled { step: first, regions: 2, verdict };
    let late = out_of_window();
    let mut drifted = world.clone();
    drifted.site(0).reroute(Split::all(Slot::Blue));
    drifted.hear(&region(0));
    let rolling = ended(Phase::RollingBack { cause: cause.clone(), since });
    [
        caught("S15", decided(&ended(Phase::Stable { since }), |record| record.requester.push('x'))),
        caught("S2", decided(&world, |record| record.epoch = Epoch::new(1, 999))),
        caught("C10", decided(&world, |record| record.requester.push('x'))),
        caught("C10", decided(&world, |record| record.lanes.get_mut(&region(0)).unwrap().moved = false)),
        caught("C10", decided(&world, |record| record.phase = Phase::Failed { cause: cause.clone(), since })),
        caught("C2", decided(&world, |record| put(record, 0, LaneAt::Shifting(second)))),
        caught("S7", decided(&rolling, |record| put(record, 0, LaneAt::Settled(first)))),
        caught("S7", decided(&world, |record| record.phase = rolling.record.phase.clone())),
        caught("S7", decided(&rolling, |record| put(record, 0, LaneAt::Reverting))),
        caught("C3", decided(&ahead, |record| put(record, 0, LaneAt::Shifting(first)))),
        caught("C5", decided(&behind, |record| put(record, 0, LaneAt::Shifting(second)))),
        caught("C6", decided(&ended(held), prepare)),
        caught("C7", decided(&lost, prepare)),
        caught("S13", decided(&world, prepare)),
        caught("S13", decided(&world, later)),
        caught("S14", decided(&world, |record| put(record, 0, LaneAt::Settled(first)))),
        caught("C9", invariants::transition(idle)),
        caught("S5", decided_by(&world, Right::Anyone, event.clone(), later)),
        caught("S5", decided_by(&world, Right::Anyone, event.clone(), prepare)),
        caught("S5", decided_by(&world, Right::Owner, Event::Guard(world.sight.clone()), prepare)),
        caught("S5", decided(&world, |record| put(record, 0, LaneAt::Reverting))),
        caught("C6", decided_by(&world, Right::Owner, Event::Guard(world.sight.clone()), prepare)),
        caught("C12", decided(&world, |record| record.phase = Phase::RollingBack { cause: unsure.clone(), since })),
        caught("C14", decided(&drifted, |record| put(record, 0, LaneAt::Shifting(second)))),
        caught("C15", decided(&late, |record| put(record, 0, LaneAt::Shifting(second)))),
        caught("C11", decided(&past, |record| put(record, 0, LaneAt::Reverting))),
    ]
    .into()
}

fn agents() -> Ids {
    let world = baking();
    let site = &world.sites[&region(0)];
    let order = site.durable.intent().unwrap().clone();
    let (older, other) = (
        Goal { epoch: Epoch::new(1, 1), ..order.clone() },
        Goal { split: Some(Split::all(Slot::Green)), ..order.clone() },
    );
    let memory = |goal: &Goal| LaneMemory::recalled(goal.clone(), true);
    let mut cold = site.local.clone();
    cold.slots.green.as_mut().unwrap().state = SlotState::Starting;
    let route = |split| Action::Route(split, None);
    let away =
        LocalWorld { traffic: Some(TrafficSeen { split: Split::all(Slot::Green), cohort: None }), ..cold.clone() };
    let stranger = super::world::design::release("9.9.9").reference();
    let empty = LocalWorld::default();
    let knows = |at, digests: &[Digest]| {
        memory(&order).with_vetoes(VetoList { at: Epoch::new(1, at), digests: digests.iter().copied().collect() })
    };
    let new = world.record.plan.release.clone();
    let begun = Action::Start(Slot::Green, new.clone());
    assert_eq!(ids(invariants::start(&knows(9, &[stranger.digest]), &order, &begun)), Ids::new());
    [
        caught("S1", invariants::memory(&memory(&order), &memory(&older))),
        caught("S1", invariants::memory(&memory(&order), &memory(&other))),
        caught("S1", invariants::memory(&memory(&order), &LaneMemory::default())),
        caught("S12", invariants::memory(&memory(&older), &memory(&order))),
        caught("S12", invariants::intent(&memory(&order), &other)),
        caught("S12", invariants::done(&memory(&order), &cold)),
        caught("S12", invariants::done(&memory(&other), &site.local)),
        caught("S8", invariants::action(&order, &site.local, &Action::Stop(Slot::Blue))),
        caught("S8", invariants::action(&order, &site.local, &Action::Start(Slot::Blue, stranger.clone()))),
        caught("S4", invariants::action(&order, &empty, &Action::Start(Slot::Blue, stranger))),
        caught("S9", invariants::action(&order, &site.local, &route(Split::all(Slot::Green)))),
        caught("S10", invariants::action(&order, &cold, &route(order.split.unwrap()))),
        caught("S8", invariants::live(&site.local, &away)),
        caught("C16", invariants::start(&knows(9, &[new.digest]), &order, &begun)),
        caught("C16", invariants::memory(&knows(9, &[new.digest]), &knows(8, &[]))),
        caught("C16", invariants::memory(&knows(9, &[new.digest]), &knows(9, &[]))),
    ]
    .into()
}

fn pairs() -> Ids {
    let mut world = baking();
    let order = goal(&world.record, &region(0)).unwrap();
    let other = Goal { split: Some(Split::all(Slot::Green)), ..order.clone() };
    let mut orders = Orders::default();
    assert_eq!(ids(orders.issue(&order)), Ids::new());
    let unknown = Goal { epoch: Epoch::new(9, 9), ..order.clone() };
    let twin = doctored(&world.record, |record| record.id = RolloutId::new("twin").unwrap());
    let lane = world.lanes[&region(0)].clone();
    let freed = meridian_core::lane::LaneState { held: false, ..lane.clone() };
    let (cause, since) = (Cause::Operator { actor: "anna".to_owned(), reason: String::new() }, world.now);
    let given_up = doctored(&world.record, |record| record.phase = Phase::Failed { cause, since });
    let placed = Placed { slot: Slot::Green, release: given_up.plan.release.clone(), parameters: Values::new() };
    let kept = meridian_core::lane::LaneState { stable: Some(placed), ..freed.clone() };
    let look = Event::Look(world.sight.clone());
    let fresh = doctored(&world.record, |record| put(record, 0, LaneAt::Shifting(StepRef { wave: 0, step: 0 })));
    let moment = Moment { now: world.now, head: world.head };
    let (none, mut held) = (Vetoes::default(), world.clone());
    held.rollback(meridian_core::playbook::Scope::Fleet).unwrap();
    let (back, held) = (held.record, held.vetoes);
    let mut seen: Ids = [
        caught("S3", orders.issue(&other)),
        caught("S4", orders.accepted(&other)),
        caught("S4", orders.accepted(&unknown)),
        caught("S16", invariants::holders(&[world.record.clone(), twin])),
        caught("S16", invariants::opening(&world.record, &world.lanes, &none)),
        caught("C13", invariants::opening(&world.record, &world.lanes, &held)),
        caught("C13", invariants::vetoes(&world.record, &back, &none)),
        caught("S16", invariants::lane_state(&world.record, &region(0), &lane, &freed, &none)),
        caught("S11", invariants::lane_state(&given_up, &region(0), &lane, &kept, &held)),
        caught("S23", invariants::idempotent(&fresh, &look, moment)),
    ]
    .into();
    let wrong = world.sites[&region(0)].local.clone();
    world.rollback(meridian_core::playbook::Scope::Fleet).unwrap();
    world.rest();
    seen.insert(caught("S7", invariants::where_it_ended(&world.record, &region(0), &wrong)));
    seen
}

/// A restore that goes on in the old generation, keeps an old order, moves a region or does not wait for anybody.
fn restores() -> Ids {
    let world = baking();
    let (before, head) = (&world.record, world.head);
    let next = restored(before, super::world::order(), head.restored(0).unwrap(), world.now);
    let said = |change: fn(&mut Rollout)| invariants::restoration(before, &doctored(&next, change), head);
    assert_eq!(ids(said(|_| {})), Ids::new());
    let low = doctored(&next, |record| {
        record.epoch = head.next().unwrap();
        record.lanes.values_mut().for_each(|lane| lane.goal_epoch = record.epoch);
    });
    [
        caught("S26", invariants::restoration(before, &low, head)),
        caught("S26", said(|record| record.lanes.get_mut(&region(0)).unwrap().goal_epoch = Epoch::new(0, 1))),
        caught("S26", said(|record| put(record, 0, LaneAt::Waiting))),
        caught("S26", said(|record| record.phase = Phase::Running(Run { wave: 0, pace: Pace::Moving, hold: None }))),
        caught("C10", said(|record| record.requester = "somebody else".to_owned())),
    ]
    .into()
}

/// A rollout that is taken over without ending, by halves, where it goes back elsewhere, or without going back first.
fn supersessions() -> Ids {
    let (design, world) = (Design::of(&[&[0, 1], &[2]]), baking());
    let record = Arc::new(world.record.clone());
    let over = Superseding { record: record.clone(), hotfix: None, now: world.now };
    let plan = Arc::new(design.plan_over("3.0.0", &world.lanes, Some(over)).unwrap().into());
    let moment = Moment { now: world.now, head: world.head };
    let (id, by, none) = (RolloutId::new("next").unwrap(), "anna".to_owned(), Vetoes::default());
    let taken = supersede(&record, id, plan, by, &world.lanes, &none, moment).unwrap();
    let said = |change: &dyn Fn(&mut Superseded, &mut BTreeMap<RegionId, LaneState>)| {
        let (mut taken, mut after) = (taken.clone(), world.lanes.clone());
        for record in [&taken.old, &taken.new] {
            let next =
                |(region, lane): (&RegionId, &LaneState)| (region.clone(), lane_after(record, region, lane, &none));
            after = after.iter().map(next).collect();
        }
        change(&mut taken, &mut after);
        invariants::supersession(&record, &taken, world.head, (&world.lanes, &after), &none)
    };
    assert_eq!(ids(said(&|_, _| {})), Ids::new());
    [
        caught("C20", said(&|taken, _| taken.old.phase = record.phase.clone())),
        caught("C20", said(&|_, after| after.get_mut(&region(2)).unwrap().held = false)),
        caught("C20", said(&|_, after| drop(after.remove(&region(0))))),
        caught("C20", said(&|taken, _| put(&mut taken.new, 0, LaneAt::Waiting))),
        caught("C20", said(&|taken, _| put(&mut taken.new, 2, LaneAt::Preparing { wave: 1 }))),
        caught("C20", said(&|taken, _| taken.new.lanes.get_mut(&region(0)).unwrap().moved = false)),
        caught(
            "C20",
            said(&|taken, _| {
                let release = record.plan.release.clone();
                let base =
                    |plan: &mut Plan| plan.lanes.get_mut(&region(0)).unwrap().base.as_mut().unwrap().release = release;
                replan(&mut taken.new, base);
            }),
        ),
        caught("S2", said(&|taken, _| taken.new.epoch = taken.old.epoch)),
        caught("C10", said(&|taken, _| put(&mut taken.old, 0, LaneAt::Waiting))),
    ]
    .into()
}

/// A goal can't be doctored apart from its record; what it gives a slot that runs nothing can.
fn parameters() -> Ids {
    let values = Values::from([("DB".to_owned(), "x".to_owned())]);
    let mut world = World::new(&Design { parameters: Some((values.clone(), values)), ..Design::of(&[&[0]]) });
    world.until_phase("switched");
    let mut record = world.record.clone();
    replan(&mut record, |plan| {
        plan.lanes.get_mut(&region(0)).unwrap().base.as_mut().unwrap().slot = Slot::Green;
    });
    [caught("C29", invariants::record(&record))].into()
}

/// A fleet that goes back at a pace and leaves a free place, prefers the better, or leaves some behind one that is stuck.
fn paces() -> Ids {
    let pace = Some(BackPace { max_parallel: 1 });
    let mut world = World::new(&Design { pace, ..Design::of(&[&[0, 1]]) });
    world.until_phase("switched");
    world.rollback(Scope::Fleet).unwrap();
    let stuck = Cause::Deadline { region: Some(region(0)), limit: "revert" };
    [
        caught("C25", decided(&world, |record| put(record, 0, LaneAt::Reverted))),
        caught("C25", decided(&world, |record| record.phase = Phase::Frozen { cause: stuck, since: world.now })),
    ]
    .into()
}

/// A member of a set that ends alone, overtakes, or stays when another one goes.
fn sets() -> Ids {
    let (pay, shop, id) = (ServiceId::new("pay").unwrap(), ServiceId::new("shop").unwrap(), SetId::new("s").unwrap());
    let members = [(pay.clone(), BTreeSet::new()), (shop.clone(), [pay.clone()].into())].into();
    let arranged = arrange(&id, &members).unwrap();
    let world = |(service, (rollout, set)): (ServiceId, (RolloutId, SetPlan))| {
        World::new(&Design { member: Some((service, rollout, set)), ..Design::of(&[&[0]]) })
    };
    let both: Vec<World> = arranged.into_iter().map(world).collect();
    let world = &both[1];
    let (before, moment) = (world.record.clone(), Moment { now: world.now, head: world.head });
    let event = Event::Look(world.sight.clone());
    let said = |change: &dyn Fn(&mut Rollout)| {
        let mut next = Rollout { epoch: moment.head.next().unwrap(), ..before.clone() };
        change(&mut next);
        let (effects, waits) = (Vec::new(), Vec::new());
        let answer = Transition { next: Some(next), kind: "x", right: Right::Anyone, effects, waits, wake: None };
        invariants::transition(Taken { before: &before, event: &event, moment, answer: &answer })
    };
    let ripe = |world: &World| {
        let mut record = world.record.clone();
        (0..1).for_each(|number| put(&mut record, number, LaneAt::Settled(StepRef { wave: 0, step: 1 })));
        record.phase = Phase::Switched { since: world.now };
        record.member.as_mut().unwrap().ripe = true;
        record
    };
    let records: Vec<Rollout> = both.iter().map(ripe).collect();
    let members: Vec<_> = records.iter().map(|record| (record, moment)).collect();
    let ended = finish(&members).unwrap();
    let taken: Vec<_> = members.iter().zip(&ended).map(|((record, _), answer)| (*record, moment, answer)).collect();
    assert_eq!(ids(invariants::together(&taken)), Ids::new());
    let unripe = Rollout { phase: before.phase.clone(), ..records[0].clone() };
    let hear = |record: &mut Rollout, standing| {
        record.member.as_mut().unwrap().heard.insert(pay.clone(), standing);
    };
    [
        caught("C24", said(&|record| record.phase = Phase::Stable { since: moment.now })),
        caught("C24", said(&|record| put(record, 0, LaneAt::Preparing { wave: 0 }))),
        caught("C24", said(&|record| hear(record, Standing::Back))),
        caught("C24", invariants::record(&Rollout { member: None, ..before.clone() })),
        caught("C24", invariants::together(&taken[1..])),
        caught("C24", invariants::together(&[(&unripe, moment, &ended[0]), taken[1]])),
    ]
    .into()
}

/// A join of the wrong ones, to the wrong release, after the wrong launch, that asks or vetoes; and a region on its way out.
fn memberships() -> Ids {
    let mut world = World::new(&Design::of(&[&[0], &[1]]));
    world.until_phase("stable");
    let launch = world.record.clone();
    let mut plan = Plan::clone(&launch.plan);
    plan.lanes = BTreeMap::from([(region(2), PlannedLane { base: None, ..plan.lanes[&region(1)].clone() })]);
    plan.waves = vec![PlannedWave { regions: vec![region(2)], ..plan.waves[1].clone() }];
    plan.join = Some(Join { after: launch.id.clone() });
    let said = |change: &dyn Fn(&mut Plan)| {
        let mut plan = plan.clone();
        change(&mut plan);
        invariants::membership(&plan, &[region(9)].into(), Some(&launch))
    };
    assert_eq!(ids(said(&|_| {})), Ids::new());
    let lane = plan.lanes[&region(2)].clone();
    let there = Placed { slot: Slot::Blue, release: plan.release.clone(), parameters: Values::new() };
    let mut back = baking();
    back.rollback(meridian_core::playbook::Scope::Fleet).unwrap();
    let going = back.record.clone();
    let join = doctored(&going, |record| replan(record, |it| it.join.clone_from(&plan.join)));
    [
        caught("C28", said(&|plan| drop(plan.lanes.insert(region(9), lane.clone())))),
        caught("C28", said(&|plan| plan.join.as_mut().unwrap().after = RolloutId::new("other").unwrap())),
        caught("C28", said(&|plan| plan.release = super::world::design::release("9.9.9").reference())),
        caught("C28", said(&|plan| plan.lanes.get_mut(&region(2)).unwrap().base = Some(there.clone()))),
        caught(
            "C28",
            said(&|plan| {
                let base = launch.plan.lanes[&region(0)].clone();
                plan.lanes.insert(region(0), base);
            }),
        ),
        caught("C28", said(&|plan| plan.timetable.train = Some("tuesday".to_owned()))),
        caught("C28", invariants::membership(&plan, &[].into(), Some(&going))),
        caught("C28", invariants::vetoes(&world.record, &join, &back.vetoes)),
    ]
    .into()
}

/// A queue that loses a request, starts one twice or out of order, or keeps what began.
fn queues() -> Ids {
    let said = stops::Said { actor: "anna".to_owned(), reason: "next".to_owned(), at: Timestamp::from_millis(1) };
    let id = |name: &str| RolloutId::new(name).unwrap();
    let ask = |queue: Queue, name: &str| {
        let (release, playbook) = ("1.0.0".parse().unwrap(), PlaybookId::new("p").unwrap());
        queue.ask(Asked { rollout: id(name), release, playbook, revision: None, said: said.clone() }).unwrap()
    };
    let before = ["a", "b", "c"].into_iter().fold(Queue::default(), ask);
    let need = |regions: &[usize]| Need::Lanes(regions.iter().copied().map(region).collect(), Digest::of(b"r"));
    let needs = [(id("a"), need(&[0])), (id("b"), need(&[0, 1])), (id("c"), need(&[2]))].into();
    let (lanes, vetoes) = (BTreeMap::new(), Vetoes::default());
    let sight = Sight { needs: &needs, lanes: &lanes, vetoes: &vetoes };
    let began = |before: &Queue, after: &Queue, name: &str, at: &[usize]| {
        let regions = at.iter().copied().map(region).collect();
        invariants::queueing(before, after, Some((&id(name), &regions)), sight)
    };
    let (without_a, without_b) = (before.started(&id("a")).unwrap().0, before.started(&id("b")).unwrap().0);
    let without_c = before.started(&id("c")).unwrap().0;
    assert_eq!(ids(began(&before, &without_a, "a", &[0])), Ids::new());
    assert_eq!(ids(began(&before, &without_c, "c", &[2])), Ids::new(), "it needs no lane of theirs");
    let held = before.held(said.clone()).unwrap();
    let mut turned = before.clone();
    turned.waiting.swap(0, 1);
    [
        caught("C26", began(&before, &without_b, "b", &[0, 1])),
        caught("C26", began(&before, &before, "a", &[0])),
        caught("C26", began(&before, &before, "d", &[1])),
        caught("C26", began(&held, &held.started(&id("a")).unwrap().0, "a", &[0])),
        caught("C26", invariants::queueing(&before, &without_a, None, sight)),
        caught("C26", invariants::queueing(&before, &turned, None, sight)),
        caught("C26", invariants::queueing(&without_a, &before, None, sight)),
    ]
    .into()
}

#[test]
fn every_invariant_catches_what_it_is_for() {
    let caught: Ids = [
        records(),
        gates().into(),
        decisions(),
        agents(),
        pairs(),
        restores(),
        supersessions(),
        paces(),
        sets(),
        memberships(),
        queues(),
        parameters(),
    ]
    .into_iter()
    .flatten()
    .collect();
    // S6 asks the machine itself; only a machine that refuses can break it. Those of watches are doctored beside theirs.
    let known: Ids = CATALOGUE.iter().map(|(id, _)| *id).filter(|id| *id != "S6" && !id.starts_with('W')).collect();
    assert_eq!(caught, known);
}

#[test]
fn the_table_for_people_names_every_invariant() {
    let table = include_str!("../../../docs/invariants.md");
    for (id, sentence) in CATALOGUE {
        let line = table.lines().find(|line| line.starts_with(&format!("| {id} |")));
        assert!(line.is_some_and(|line| line.contains(sentence)), "docs/invariants.md does not say: {id}: {sentence}");
    }
}
