//! The queue: who goes first over which lanes, what takes a request out, and that no history of it starts anything twice,
//! out of order, or never.

use std::collections::{BTreeMap, BTreeSet};

use meridian_core::digest::Digest;
use meridian_core::id::{PlaybookId, RegionId, RolloutId, ServiceId};
use meridian_core::invariants::queueing;
use meridian_core::lane::LaneState;
use meridian_core::plan::{PlanRefusal, holders};
use meridian_core::playbook::Concurrency;
use meridian_core::queue::{
    Answer, Asked, Fate, LEFT_MAX, Need, Queue, QueueRefused, REMOVED, Sight, Turn, Unbegun, WAITING_MAX, answer,
};
use meridian_core::rollout::gates::stops::Said;
use meridian_core::rollout::veto::{Veto, Vetoes};
use meridian_core::time::Timestamp;
use proptest::prelude::*;

fn id(name: &str) -> RolloutId {
    RolloutId::new(name).unwrap()
}

fn region(number: usize) -> RegionId {
    RegionId::new(format!("r{number}")).unwrap()
}

fn said(actor: &str, reason: &str) -> Said {
    Said { actor: actor.to_owned(), reason: reason.to_owned(), at: Timestamp::from_millis(7) }
}

fn asked(name: &str) -> Asked {
    let (release, playbook) = ("1.2.0".parse().unwrap(), PlaybookId::new("careful").unwrap());
    Asked { rollout: id(name), release, playbook, revision: None, said: said("anna", "") }
}

fn queue(names: &[&str]) -> Queue {
    names.iter().fold(Queue::default(), |queue, name| queue.ask(asked(name)).unwrap())
}

fn need(regions: &[usize]) -> Need {
    Need::Lanes(regions.iter().copied().map(region).collect(), Digest::of(b"release"))
}

/// What there is besides the queue.
#[derive(Default)]
struct Around {
    needs: BTreeMap<RolloutId, Need>,
    lanes: BTreeMap<RegionId, LaneState>,
    vetoes: Vetoes,
}

impl Around {
    fn of(needs: &[(&str, &[usize])], held: &[(usize, &str)]) -> Self {
        let needs = needs.iter().map(|(name, regions)| (id(name), need(regions))).collect();
        let mut around = Self { needs, ..Self::default() };
        held.iter().for_each(|(at, name)| around.hold(&region(*at), &id(name)));
        around
    }

    fn hold(&mut self, region: &RegionId, rollout: &RolloutId) {
        let lane = LaneState { rollout: Some(rollout.clone()), held: true, ..LaneState::default() };
        self.lanes.insert(region.clone(), lane);
    }

    fn free(&mut self, rollout: &RolloutId) {
        self.lanes
            .values_mut()
            .filter(|lane| lane.rollout.as_ref() == Some(rollout))
            .for_each(|lane| lane.held = false);
    }

    fn sight(&self) -> Sight<'_> {
        Sight { needs: &self.needs, lanes: &self.lanes, vetoes: &self.vetoes }
    }
}

/// Each turn in a word: `start`, the code it leaves with, or what it waits for.
fn words(queue: &Queue, around: &Around) -> Vec<String> {
    let word = |turn| match turn {
        Turn::Start => "start".to_owned(),
        Turn::Leave { code, .. } => code.to_owned(),
        Turn::Wait(waits) => {
            let waits = waits.iter().map(|wait| {
                let rollout = wait.rollout().map(|rollout| format!(" {rollout}")).unwrap_or_default();
                format!("{}{rollout}", wait.code())
            });
            waits.collect::<Vec<_>>().join(", ")
        }
    };
    queue.turns(around.sight()).into_iter().map(word).collect()
}

/// What is said of a rollout that is not there.
fn told(queue: &Queue, around: &Around, name: &str) -> Option<(&'static str, String)> {
    let fate = queue.fate(&id(name), &queue.turns(around.sight()))?;
    let unbegun = Unbegun { service: ServiceId::new("shop").unwrap(), fate };
    assert_eq!(unbegun.request().rollout, id(name));
    Some((unbegun.code(), unbegun.to_string()))
}

#[test]
fn a_rollout_that_has_not_begun_is_told_with_what_became_of_its_request() {
    let around = Around::of(&[("a", &[0]), ("b", &[0])], &[(0, "x")]);
    let both = queue(&["a", "b"]);
    let (code, words) = told(&both, &around, "b").unwrap();
    assert_eq!(code, "ROLLOUT_QUEUED");
    for part in ["place 2 in the queue of shop", "rollout x holds r0; request a", "rollout watch shop/b", "by anna"] {
        assert!(words.contains(part), "{part} is not in {words}");
    }
    let out = both.remove(&id("b"), said("bob", "too many")).unwrap().unwrap();
    let (code, words) = told(&out, &around, "b").unwrap();
    assert_eq!(code, "ROLLOUT_TAKEN_OUT");
    for part in ["bob took", REMOVED, "start shop --release 1.2.0 --playbook careful --queue", "too many"] {
        assert!(words.contains(part), "{part} is not in {words}");
    }
    let again = out.ask(asked("b")).unwrap();
    assert_eq!(told(&again, &around, "b").unwrap().0, "ROLLOUT_QUEUED", "what waits now counts");
    let twice = again.leave(&id("b"), "DIGEST_VETOED", said("meridian", "it eats orders")).unwrap();
    assert!(
        matches!(twice.fate(&id("b"), &[]), Some(Fate::Left(left)) if left.code == "DIGEST_VETOED"),
        "the last one counts"
    );
    assert_eq!(told(&both.started(&id("b")).unwrap().0, &around, "b"), None, "it has begun");
}

#[test]
fn order_is_strict_over_shared_lanes_and_nobody_waits_for_others() {
    let queue = queue(&["a", "b", "c", "d"]);
    let needs: [(&str, &[usize]); 4] = [("a", &[0, 1]), ("b", &[1, 2]), ("c", &[3]), ("d", &[2])];
    let held = Around::of(&needs, &[(0, "x"), (3, "y")]);
    assert_eq!(words(&queue, &held), ["LANE_HELD x", "QUEUE_AHEAD a", "LANE_HELD y", "QUEUE_AHEAD b"]);
    let free = Around::of(&needs, &[(0, "x")]);
    assert_eq!(words(&queue, &free), ["LANE_HELD x", "QUEUE_AHEAD a", "start", "QUEUE_AHEAD b"]);
    let all_free = Around::of(&needs, &[]);
    assert_eq!(words(&queue, &all_free), ["start", "QUEUE_AHEAD a", "start", "QUEUE_AHEAD b"]);
}

#[test]
fn what_can_never_start_leaves_and_is_in_nobodys_way() {
    let queue = queue(&["a", "b"]);
    let mut around = Around::of(&[("a", &[0]), ("b", &[0])], &[]);
    around.needs.insert(id("a"), Need::Gone { code: "NOT_FOUND", words: "playbook careful does not exist".to_owned() });
    assert_eq!(words(&queue, &around), ["NOT_FOUND", "start"]);
    let bad = Digest::of(b"bad");
    around.needs.insert(id("a"), Need::Lanes([region(0)].into(), bad));
    let veto = Veto { rollout: None, actor: "bob".to_owned(), reason: "loses money".to_owned(), at: said("", "").at };
    around.vetoes.digests.insert(bad, veto.clone());
    assert_eq!(words(&queue, &around), ["DIGEST_VETOED", "start"]);
    around.vetoes.hold = Some(veto);
    assert_eq!(words(&queue, &around), ["DIGEST_VETOED", "AUTOMATION_HELD"]);
    around.needs.remove(&id("a"));
    assert_eq!(
        words(&queue, &around),
        ["UNKNOWN", "AUTOMATION_HELD, QUEUE_AHEAD a"],
        "of the unknown all may be needed"
    );
}

#[test]
fn a_held_queue_starts_nothing_until_a_person_says_so() {
    let asked = queue(&["a"]);
    assert_eq!(Queue::default().held(said("carla", "restored")), None, "nothing waits there");
    let held = asked.held(said("carla", "restored")).unwrap();
    assert_eq!(held.held(said("dora", "again")), None);
    let around = Around::of(&[("a", &[0])], &[]);
    assert_eq!(words(&held, &around), ["QUEUE_HELD"]);
    assert_eq!(held.resumed(&said("", "go")), Err(QueueRefused::Nameless));
    assert_eq!(held.resumed(&said("anna", " ")), Err(QueueRefused::Reasonless));
    let resumed = held.resumed(&said("anna", "looked at it")).unwrap();
    assert_eq!(words(&resumed, &around), ["start"]);
    assert_eq!(resumed.resumed(&said("anna", "again")), Err(QueueRefused::NotHeld));
}

#[test]
fn a_queue_is_bounded_and_remembers_whom_it_let_go() {
    let name = |n: usize| format!("q-{n}");
    let names: Vec<String> = (0..WAITING_MAX).map(name).collect();
    let mut full = queue(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(full.ask(asked("one-more")), Err(QueueRefused::Full));
    assert_eq!(full.ask(asked("q-0")), Err(QueueRefused::NameTaken(id("q-0"))));
    let nobody = Asked { said: said("unknown", ""), ..asked("x") };
    assert_eq!(Queue::default().ask(nobody), Err(QueueRefused::Nameless));
    assert_eq!(full.remove(&id("q-0"), said("bob", "")), Err(QueueRefused::Reasonless));
    assert_eq!(full.remove(&id("gone"), said("bob", "late")), Ok(None));
    for round in 0..LEFT_MAX + 2 {
        let first = full.waiting[0].rollout.clone();
        full = full.remove(&first, said("bob", "not needed")).unwrap().unwrap();
        full = full.ask(asked(&name(WAITING_MAX + round))).unwrap();
    }
    assert_eq!((full.waiting.len(), full.left.len()), (WAITING_MAX, LEFT_MAX));
    let (oldest, newest) = (&full.left[0], full.left.last().unwrap());
    assert_eq!((oldest.request.number, newest.request.number, newest.code.as_str()), (3, 18, REMOVED));
    assert_eq!(full.waiting[0].number, 19, "numbers are never used again");
}

#[test]
fn free_lanes_are_free_whatever_the_policy_unless_somebody_was_first() {
    let queue = queue(&["first"]);
    let (none, one, two) = (BTreeSet::new(), BTreeSet::from([id("x")]), BTreeSet::from([id("x"), id("y")]));
    let behind = Err(QueueRefused::Behind(id("first")));
    let many = Err(QueueRefused::ManyHolders(id("x"), id("y")));
    for (policy, holders, ahead, wanted) in [
        (Concurrency::Reject, &none, false, Ok(Answer::Start)),
        (Concurrency::Reject, &none, true, behind.clone()),
        (Concurrency::Reject, &one, false, Ok(Answer::Held)),
        (Concurrency::Queue, &none, false, Ok(Answer::Start)),
        (Concurrency::Queue, &none, true, Ok(Answer::Wait)),
        (Concurrency::Queue, &two, false, Ok(Answer::Wait)),
        (Concurrency::Supersede, &none, false, Ok(Answer::Start)),
        (Concurrency::Supersede, &none, true, behind),
        (Concurrency::Supersede, &one, false, Ok(Answer::Supersede(id("x")))),
        (Concurrency::Supersede, &one, true, Ok(Answer::Supersede(id("x")))),
        (Concurrency::Supersede, &two, false, many),
    ] {
        let ahead = ahead.then(|| &queue.waiting[0]);
        assert_eq!(answer(policy, holders, ahead), wanted, "{policy:?} {holders:?} {ahead:?}");
    }
}

#[test]
fn only_what_the_end_of_another_rollout_changes_is_waited_for() {
    let held = |rollout: &str| PlanRefusal::LaneHeld { region: region(0), rollout: id(rollout) };
    let same = PlanRefusal::NothingToDo { region: region(0), version: "1.2.0".parse().unwrap() };
    let cordoned = PlanRefusal::Cordoned { region: region(1) };
    assert_eq!(holders(&[held("x"), held("y"), held("x"), same.clone()]), Some([id("x"), id("y")].into()));
    assert_eq!(holders(&[held("x"), cordoned]), None);
    assert_eq!(holders(&[same]), None, "nobody holds a lane");
}

/// What happens next in a history.
#[derive(Clone, Debug)]
enum Event {
    Ask(Vec<usize>),
    Look,
    End(usize),
    Remove(usize),
    Hold(bool),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => proptest::collection::vec(0..4_usize, 1..4).prop_map(Event::Ask),
        4 => Just(Event::Look),
        3 => (0..4_usize).prop_map(Event::End),
        1 => (0..16_usize).prop_map(Event::Remove),
        1 => any::<bool>().prop_map(Event::Hold),
    ]
}

/// A history: what began so far, and all rollouts that were ever asked for.
#[derive(Default)]
struct Story {
    queue: Queue,
    around: Around,
    begun: Vec<RolloutId>,
    count: usize,
}

impl Story {
    fn commit(&mut self, after: Queue, began: Option<RolloutId>) {
        let regions = |id: &RolloutId| match &self.around.needs[id] {
            Need::Lanes(regions, _) => regions.clone(),
            Need::Gone { .. } => BTreeSet::new(),
        };
        let lanes = began.as_ref().map(regions).unwrap_or_default();
        let with = began.as_ref().map(|id| (id, &lanes));
        assert_eq!(queueing(&self.queue, &after, with, self.around.sight()), []);
        self.queue = after;
        if let Some(id) = began {
            assert!(!self.begun.contains(&id), "{id} begins twice");
            for region in &lanes {
                let holder = self.around.lanes.get(region).and_then(LaneState::holder);
                assert_eq!(holder, None, "{id} takes {region} from another one");
                self.around.hold(region, &id);
            }
            self.begun.push(id);
        }
    }

    /// Carries out the first turn that is no wait; says whether there was one.
    fn look(&mut self) -> bool {
        let turns = self.queue.turns(self.around.sight());
        let Some(at) = turns.iter().position(|turn| *turn == Turn::Start) else { return false };
        let (after, request) = self.queue.started(&self.queue.waiting[at].rollout.clone()).unwrap();
        self.commit(after, Some(request.rollout));
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Ask(regions) => {
                self.count += 1;
                let name = format!("q-{}", self.count);
                if let Ok(after) = self.queue.ask(asked(&name)) {
                    self.around.needs.insert(id(&name), need(&regions));
                    self.commit(after, None);
                }
            }
            Event::Look => drop(self.look()),
            Event::End(at) => {
                if let Some(holder) = self.around.lanes.get(&region(at)).and_then(LaneState::holder).cloned() {
                    self.around.free(&holder);
                }
            }
            Event::Remove(at) => {
                if let Some(request) = self.queue.waiting.get(at).cloned() {
                    let after = self.queue.remove(&request.rollout, said("bob", "not needed")).unwrap().unwrap();
                    self.commit(after, None);
                }
            }
            Event::Hold(hold) => {
                let veto =
                    Veto { rollout: None, actor: "bob".to_owned(), reason: "no".to_owned(), at: said("", "").at };
                self.around.vetoes.hold = hold.then_some(veto);
            }
        }
    }
}

proptest! {
    #[test]
    fn in_every_history_requests_begin_once_in_order_and_in_the_end(events in proptest::collection::vec(event(), 1..60)) {
        let mut story = Story::default();
        events.into_iter().for_each(|event| story.happen(event));
        // Once nothing is held and every rollout ends, everything that waits begins.
        story.around.vetoes.hold = None;
        for _ in 0..=WAITING_MAX {
            story.around.lanes.clear();
            while story.look() {}
        }
        prop_assert!(story.queue.waiting.is_empty(), "{:?}", story.queue);
    }
}
