//! Histories in which much goes wrong and no promise is broken.

use meridian_core::epoch::Epoch;
use meridian_robustness::history::{ActKind, History, Order, Outcome, Probe, check, excused, gaps};

use crate::story::{REGIONS, Story};

fn passes(name: &str, history: &History) {
    let found = check(history);
    assert!(found.is_empty(), "{name}: {found:?}");
}

#[test]
fn rollouts_forward_and_back() {
    let mut story = Story::new();
    story.good("r1", "1.0.0");
    passes("one good", &story.told());

    let mut story = Story::new();
    story.good("r1", "1.0.0");
    story.bad("r2", "1.1.0");
    story.good("r3", "1.2.0");
    passes("good, bad, good", &story.told());
}

#[test]
fn an_answer_that_was_lost_stands_for_once_or_never() {
    let mut story = Story::new();
    story.open("r1", "start-r1");
    story.call("op-1", "r1", Order::Pause, Outcome::Unknown("no answer".into()), |story| {
        story.decide("r1", "pause", "op-1", "held");
    });
    story.call("op-2", "r1", Order::Resume, Outcome::Unknown("no answer".into()), |_| {});
    story.call("op-3", "r1", Order::Resume, Outcome::Acked, |story| story.decide("r1", "resume", "op-3", "running"));
    story.step("r1", 10_000, "1.0.0");
    story.settle("r1", "1.0.0");
    passes("lost answers", &story.told());
}

#[test]
fn a_lost_order_may_land_after_its_caller_gave_up() {
    let mut story = Story::new();
    story.open("r1", "start-r1");
    story.call("op-1", "r1", Order::RollBack, Outcome::Unknown("timed out".into()), |_| {});
    story.answers(30);
    story.go_back("r1", "op-1");
    story.back("r1");
    passes("landed late", &story.told());
}

#[test]
fn an_order_that_asks_for_what_is_so_decides_nothing() {
    let mut story = Story::new();
    story.open("r1", "start-r1");
    story.step("r1", 3_000, "1.0.0");
    story.call("op-1", "r1", Order::RollBack, Outcome::Acked, |story| story.go_back("r1", "op-1"));
    story.call("op-2", "r1", Order::RollBack, Outcome::Acked, |_| {});
    story.call("op-3", "r1", Order::Pause, Outcome::Acked, |_| {});
    story.back("r1");
    story.call("op-4", "r1", Order::Pause, Outcome::Refused("ended".into()), |_| {});
    passes("nothing to decide", &story.told());
}

#[test]
fn an_agent_that_dies_finds_its_goal_again() {
    let mut story = Story::new();
    story.open("r1", "start-r1");
    story.step("r1", 3_000, "1.0.0");
    REGIONS.iter().for_each(|region| story.act(region, ActKind::Resumed));
    REGIONS.iter().for_each(|region| story.act(region, ActKind::Reached));
    story.step("r1", 10_000, "1.0.0");
    story.settle("r1", "1.0.0");
    passes("died and came back", &story.told());
}

#[test]
fn an_agent_that_was_away_takes_only_the_newest_goal() {
    let mut story = Story::new();
    story.open("r1", "start-r1");
    story.step("r1", 3_000, "1.0.0");
    story.go_back("r1", "meridian");
    story.back("r1");
    let mut history = story.told();
    // Cut off for the whole step: its acts in between never were.
    history.acts.get_mut("us").unwrap().retain(|act| act.epoch.counter() != 2);
    passes("away", &history);
}

#[test]
fn two_who_start_at_once_and_one_who_wins() {
    let mut story = Story::new();
    story.call("op-2", "r2", Order::Start, Outcome::Refused("the lane is taken".into()), |story| {
        story.open("r1", "op-1");
    });
    story.step("r1", 10_000, "1.0.0");
    story.settle("r1", "1.0.0");
    story.good("r2", "1.1.0");
    let mut history = story.told();
    let audit = history.audits.iter_mut().find(|audit| audit.actor == "start-r2").unwrap();
    assert_eq!(audit.kind, "open");
    passes("raced", &history);
}

#[test]
fn a_restored_store_goes_on_in_a_new_generation() {
    let mut story = Story::new();
    story.good("r1", "1.0.0");
    story.epoch = Epoch::new(2, 0);
    story.good("r2", "1.1.0");
    passes("restored", &story.told());
}

#[test]
fn a_machine_that_stood_still_is_no_switch() {
    let mut story = Story::new();
    story.open("r1", "start-r1");
    story.step("r1", 3_000, "1.0.0");
    let from = story.clock;
    story.clock += 400_000;
    let to = story.clock;
    story.step("r1", 10_000, "1.0.0");
    story.settle("r1", "1.0.0");
    let mut history = story.told();
    assert!(!gaps(&history).is_empty(), "the gap is there");
    assert!(excused(&history).is_empty(), "nobody excuses it");
    history.stalls.push((from + 10_000, to - 10_000));
    passes("stood still", &history);
    assert!(!excused(&history).is_empty(), "and it is told");
}

#[test]
fn a_slow_answer_far_from_any_switch_is_not_blamed_on_one() {
    let mut story = Story::new();
    story.good("r1", "1.0.0");
    story.answers(200);
    story.clock += 300_000;
    let (start, end) = (story.clock - 250_000, story.clock);
    let (slot, version) = (Some("green".to_owned()), Some("1.0.0".to_owned()));
    story.history.probes.get_mut("eu").unwrap().push(Probe { start, end, slot, version, timed_out: false });
    story.answers(200);
    passes("slow by itself", &story.told());
}
