//! What may befall the pair, one thing at a time, and what must be true when it is over.

use meridian_core::agent::VetoList;
use meridian_core::calendar::{Freeze, Interval, Openings};
use meridian_core::goal::Goal;
use meridian_core::id::RegionId;
use meridian_core::invariants;
use meridian_core::observation::{Contact, Observed, Seen, Sight, SlotState};
use meridian_core::playbook::Scope;
use meridian_core::rollout::event::{Event, Order};
use meridian_core::rollout::goals::goal;
use meridian_core::rollout::state::{Phase, Run};
use meridian_core::slot::Slot;
use meridian_core::time::Span;
use meridian_core::watch::Opinion;
use meridian_core::weight::Split;
use proptest::prelude::*;

use super::world::design::{Design, ITEMS, percent, region};
use super::world::site::Mood;
use super::world::{World, consent, halt, hold, order, sign_off};

/// More is thrown away, like by any queue of ours.
const NETWORK_MAX: usize = 40;

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The server sends a region its goal.
    Push(usize),
    /// The server tells a region of the vetoes.
    TellVetoes(usize),
    /// An agent sends what it sees.
    Report(usize),
    /// Some message arrives, not the oldest first; it may stay and arrive again.
    Deliver {
        pick: usize,
        again: bool,
        crash: bool,
    },
    Drop(usize),
    /// An agent makes one pass; the order of its actions is not fixed.
    Act {
        region: usize,
        backwards: bool,
    },
    AgentCrash(usize),
    SlotsArrive(usize),
    SlotFalls {
        region: usize,
        slot: Slot,
        state: SlotState,
    },
    Disconnect(usize),
    Connect(usize),
    /// An agent that can reach nobody sees the release fail.
    Alone(usize),
    /// Somebody changes a region's traffic by hand.
    Reroute(usize, u64),
    Measure(usize, Mood),
    Trouble(usize, Option<bool>),
    Look,
    /// Another server looks that has heard nothing since a while ago.
    StaleLook(usize),
    /// A server that does not own the rollout looks; it may have heard nothing since a while ago.
    Guard(Option<usize>),
    ServerRestart,
    Wait(u64),
    /// Somebody stops the line, or lets it go on.
    Halt(bool),
    /// Somebody says how good the release is, or that they can't use it.
    Say(u64, bool),
    /// A freeze will be on everywhere, in so many seconds and for so many.
    Freeze(u64, u64),
    Operator(Event),
    /// Another rollout, in other regions, goes back from the same release.
    VetoElsewhere,
    /// Somebody lifts the veto of the release.
    Lift,
    Reopen,
    /// Another rollout takes the lanes over, as a hotfix or not.
    Supersede(bool),
    /// Everything works for a while.
    Calm(u8),
}

#[derive(Clone, Debug)]
enum Message {
    Goal(Box<Goal>),
    Vetoes(RegionId, VetoList),
    Report(RegionId, Box<Observed>),
}

/// How it goes on once the faults are over.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    pub good: bool,
    pub take_back: bool,
}

fn place() -> impl Strategy<Value = usize> {
    0_usize..4
}

fn operator() -> impl Strategy<Value = Event> {
    let scope =
        prop_oneof![Just(Scope::Fleet), Just(Scope::Wave), place().prop_map(|number| Scope::Region(region(number))),];
    prop_oneof![
        1 => Just(Event::Pause(order())),
        3 => Just(Event::Resume(order())),
        2 => scope.prop_map(|scope| Event::Rollback(order(), scope)),
        1 => Just(Event::Abandon(order())),
        4 => approver().prop_map(|order| Event::Approve(order, consent())),
        4 => approver().prop_map(|order| Event::Revoke(order, consent())),
        2 => (approver(), item()).prop_map(|(order, (item, _))| Event::Sign(order, sign_off(item))),
        4 => item().prop_map(|(item, owner)| Event::Sign(by(owner), sign_off(item))),
        1 => Just(Event::Board(order(), None)),
        3 => (approver(), item()).prop_map(|(order, (item, _))| Event::Unsign(order, sign_off(item).item)),
    ]
}

fn by(actor: &str) -> Order {
    Order { actor: actor.to_owned(), ..order() }
}

/// An item and its owner.
fn item() -> impl Strategy<Value = (&'static str, &'static str)> {
    proptest::sample::select(ITEMS.map(|(kind, owner)| (kind.as_str(), owner)).to_vec())
}

/// Somebody who may approve, twice over under one name, or who has started the rollout.
fn approver() -> impl Strategy<Value = Order> {
    let actors = vec!["bob", "Bob", "carl", "anna", "dora (anna)"];
    proptest::sample::select(actors).prop_map(by)
}

fn mood() -> impl Strategy<Value = Mood> {
    prop_oneof![
        5 => Just(Mood::Good),
        2 => Just(Mood::Bad),
        1 => Just(Mood::Quiet),
        1 => Just(Mood::Faint),
        1 => Just(Mood::Silent),
        1 => any::<u8>().prop_map(Mood::Foreign),
    ]
}

pub fn fault() -> impl Strategy<Value = Fault> {
    let state = prop_oneof![Just(SlotState::Failed), Just(SlotState::Unready), Just(SlotState::Ready)];
    let slot = prop_oneof![Just(Slot::Blue), Just(Slot::Green)];
    let network = prop_oneof![
        4 => place().prop_map(Fault::Push),
        3 => place().prop_map(Fault::TellVetoes),
        4 => place().prop_map(Fault::Report),
        8 => (any::<usize>(), any::<bool>(), proptest::bool::weighted(0.1))
            .prop_map(|(pick, again, crash)| Fault::Deliver { pick, again, crash }),
        1 => any::<usize>().prop_map(Fault::Drop),
        1 => place().prop_map(Fault::Disconnect),
        2 => place().prop_map(Fault::Connect),
    ];
    let regions = prop_oneof![
        6 => (place(), any::<bool>()).prop_map(|(region, backwards)| Fault::Act { region, backwards }),
        1 => place().prop_map(Fault::AgentCrash),
        5 => place().prop_map(Fault::SlotsArrive),
        1 => (place(), slot, state).prop_map(|(region, slot, state)| Fault::SlotFalls { region, slot, state }),
        2 => (place(), mood()).prop_map(|(region, mood)| Fault::Measure(region, mood)),
        1 => place().prop_map(Fault::Alone),
        1 => (place(), 0_u64..=100).prop_map(|(region, share)| Fault::Reroute(region, share)),
        1 => (place(), proptest::option::of(any::<bool>())).prop_map(|(region, how)| Fault::Trouble(region, how)),
    ];
    let server = prop_oneof![
        6 => Just(Fault::Look),
        1 => (1_usize..6).prop_map(Fault::StaleLook),
        2 => proptest::option::of(0_usize..6).prop_map(Fault::Guard),
        1 => Just(Fault::ServerRestart),
        4 => prop_oneof![Just(1_u64), Just(10), Just(30), Just(200)].prop_map(Fault::Wait),
        1 => (0_u64..30, 1_u64..60).prop_map(|(ahead, long)| Fault::Freeze(ahead, long)),
        1 => proptest::bool::weighted(0.3).prop_map(Fault::Halt),
        1 => (3_u64..=5, proptest::bool::weighted(0.1)).prop_map(|(score, blocker)| Fault::Say(score, blocker)),
        3 => operator().prop_map(Fault::Operator),
        1 => Just(Fault::VetoElsewhere),
        1 => Just(Fault::Lift),
        1 => Just(Fault::Reopen),
        1 => any::<bool>().prop_map(Fault::Supersede),
        5 => (1_u8..4).prop_map(Fault::Calm),
    ];
    prop_oneof![network, regions, server]
}

pub fn ending() -> impl Strategy<Value = Ending> {
    (proptest::bool::weighted(0.7), proptest::bool::weighted(0.2))
        .prop_map(|(good, take_back)| Ending { good, take_back })
}

/// A world with a network in between.
pub struct Chaos {
    world: World,
    design: Design,
    network: Vec<Message>,
    /// What servers knew at earlier looks.
    sights: Vec<Sight>,
    opened: u64,
}

impl Chaos {
    pub fn new(design: Design, first: &[usize]) -> Self {
        let world = World::with_first(&design, first);
        Self { world, design, network: Vec::new(), sights: Vec::new(), opened: 2 }
    }

    fn id(&self, number: usize) -> RegionId {
        region(number % self.world.sites.len())
    }

    /// Lets one thing happen.
    pub fn befall(&mut self, fault: Fault) {
        let now = self.world.now;
        match fault {
            Fault::Push(number) => {
                self.send(Message::Goal(Box::new(goal(&self.world.record, &self.id(number)).unwrap())))
            }
            Fault::TellVetoes(number) => self.send(Message::Vetoes(self.id(number), self.world.list())),
            Fault::Report(number) => {
                let id = self.id(number);
                self.send(Message::Report(id.clone(), Box::new(self.world.sites[&id].observed(now))));
            }
            Fault::Deliver { pick, again, crash } => self.deliver(pick, again, crash),
            Fault::Drop(pick) => {
                let _lost = self.take(pick, false);
            }
            Fault::Act { region, backwards } => {
                let id = self.id(region);
                let _busy = self.world.sites.get_mut(&id).unwrap().act(now, backwards);
            }
            Fault::AgentCrash(number) => self.site(number, |site| site.crash()),
            Fault::SlotsArrive(number) => self.site(number, |site| site.slots_arrive(false)),
            Fault::SlotFalls { region, slot, state } => self.site(region, |site| site.set(slot, state)),
            Fault::Disconnect(number) => self.contact(number, Contact::Lost(now)),
            Fault::Connect(number) => self.contact(number, Contact::Live(now)),
            Fault::Alone(number) => self.site(number, |site| {
                let _went = !site.is_live() && site.go_back_alone();
            }),
            Fault::Reroute(number, share) => {
                let split = Split::toward(Slot::Green, percent(share));
                self.site(number, |site| site.reroute(split));
            }
            Fault::Measure(number, mood) => self.site(number, |site| site.mood = mood),
            Fault::Trouble(number, how) => {
                self.site(number, |site| site.trouble = how.map(|permanent| ("NO_LUCK", permanent)));
            }
            Fault::Look => self.look(Event::Look(self.world.sight.clone())),
            Fault::StaleLook(back) => self.look(Event::Look(self.seen_before(back))),
            Fault::Guard(None) => self.look(Event::Guard(self.world.sight.clone())),
            Fault::Guard(Some(back)) => self.look(Event::Guard(self.seen_before(back))),
            Fault::ServerRestart => self.world.sight.clear(),
            Fault::Freeze(ahead, long) => {
                let from = self.world.now.after(Span::from_secs(ahead));
                let during = Interval { from, to: from.after(Span::from_secs(long)) };
                self.world.openings.freezes = vec![Freeze { name: "rest".to_owned(), during }];
            }
            Fault::Halt(stands) => {
                self.world.halt = stands.then(halt);
                self.world.sight.values_mut().for_each(|seen| seen.halt = stands.then(halt));
            }
            Fault::Say(score, blocker) => self.world.say(1, score, u64::from(blocker)),
            Fault::Wait(secs) => self.world.now = now.after(Span::from_secs(secs)),
            Fault::Operator(event) => self.operate(event),
            Fault::VetoElsewhere => self.world.veto_elsewhere(),
            Fault::Lift => self.world.lift(),
            Fault::Reopen => self.reopen(),
            Fault::Supersede(hotfix) => self.supersede(hotfix),
            Fault::Calm(rounds) => self.calm(rounds),
        }
    }

    fn site(&mut self, number: usize, change: impl FnOnce(&mut super::world::site::Site)) {
        let id = self.id(number);
        change(self.world.sites.get_mut(&id).unwrap());
    }

    /// The contact changes, and the server knows; of the region it keeps what it heard last.
    fn contact(&mut self, number: usize, contact: Contact) {
        let id = self.id(number);
        self.world.sites.get_mut(&id).unwrap().contact = contact;
        let seen = self.world.sight.entry(id).or_insert(Seen {
            contact,
            observed: None,
            openings: self.world.openings.clone(),
            halt: self.world.halt.clone(),
            feedback: Some(self.world.opinion),
        });
        seen.contact = contact;
    }

    fn send(&mut self, message: Message) {
        if self.network.len() == NETWORK_MAX {
            self.network.remove(0);
        }
        self.network.push(message);
        assert!(self.network.len() <= NETWORK_MAX, "the network is bounded");
    }

    fn take(&mut self, pick: usize, again: bool) -> Option<Message> {
        let index = pick.checked_rem(self.network.len())?;
        Some(if again { self.network[index].clone() } else { self.network.swap_remove(index) })
    }

    fn deliver(&mut self, pick: usize, again: bool, crash: bool) {
        let now = self.world.now;
        match self.take(pick, again) {
            None => {}
            Some(Message::Report(id, observed)) => {
                let contact = self.world.sites[&id].contact;
                self.world.sight.insert(
                    id,
                    Seen {
                        contact,
                        observed: Some(*observed),
                        openings: self.world.openings.clone(),
                        halt: self.world.halt.clone(),
                        feedback: Some(self.world.opinion),
                    },
                );
            }
            Some(Message::Vetoes(id, list)) => {
                let site = self.world.sites.get_mut(&id).unwrap();
                // An old list changes nothing, whenever it comes.
                site.hear(list);
                if crash {
                    site.crash();
                } else {
                    site.persist();
                }
            }
            Some(Message::Goal(order)) => {
                hold(self.world.orders.accepted(&order));
                let site = self.world.sites.get_mut(&order.lane.region).unwrap();
                // What is older is refused; that is the fence at work.
                let taken = site.offer(*order);
                if crash {
                    site.crash();
                } else if taken.is_ok() {
                    site.persist();
                }
                assert!(site.observed(now).accepted <= self.world.head, "no agent is ahead of all servers");
            }
        }
    }

    /// What a server knew some looks ago.
    fn seen_before(&self, back: usize) -> Sight {
        self.sights.iter().rev().nth(back).cloned().unwrap_or_default()
    }

    fn look(&mut self, event: Event) {
        if self.sights.len() == NETWORK_MAX {
            self.sights.remove(0);
        }
        self.sights.push(self.world.sight.clone());
        let answer = self.world.decide(event).unwrap();
        for id in answer.next.iter().flat_map(|next| next.lanes.keys().cloned()) {
            self.send(Message::Goal(Box::new(goal(&self.world.record, &id).unwrap())));
        }
    }

    /// An order may be refused; then nothing has changed.
    fn operate(&mut self, event: Event) {
        let before = self.world.record.clone();
        if self.world.decide(event).is_err() {
            assert_eq!(before, self.world.record, "a refused order changes nothing");
        }
    }

    fn reopen(&mut self) {
        let stuck = |lane: &meridian_core::lane::LaneState| lane.held;
        if self.world.record.phase.is_terminal() && !self.world.lanes.values().any(stuck) {
            self.opened += 1;
            let version = format!("{}.0.0", self.opened);
            self.world.reopen(&self.design, &version);
        }
    }

    /// A rollout that can't be superseded stays as it is.
    fn supersede(&mut self, hotfix: bool) {
        let mut version = self.world.record.plan.release.version.clone();
        if hotfix {
            version.patch += 1;
        } else {
            self.opened += 1;
            version = semver::Version::new(self.opened, 0, 0);
        }
        let before = self.world.record.clone();
        let reason = hotfix.then_some("it must be mended");
        if self.world.supersede(&self.design, &version.to_string(), reason).is_err() {
            assert_eq!(before, self.world.record, "nothing has changed");
        }
    }

    /// Everything that is connected works.
    fn calm(&mut self, rounds: u8) {
        for _ in 0..rounds {
            self.world.now = self.world.now.after(Span::from_secs(10));
            for id in self.world.sites.keys().cloned().collect::<Vec<_>>() {
                let (order, now) = (goal(&self.world.record, &id).unwrap(), self.world.now);
                let list = self.world.list();
                let site = self.world.sites.get_mut(&id).unwrap();
                if site.is_live() {
                    hold(self.world.orders.accepted(&order));
                    site.hear(list);
                    site.offer(order).unwrap();
                    site.persist();
                    site.settle(now);
                }
                self.world.hear(&id);
            }
            self.look(Event::Look(self.world.sight.clone()));
        }
    }

    /// The faults end. Within bounds the rollout ends, or names the human it waits for; and if that human lets it go on
    /// and the release is good, it ends for good.
    pub fn heal(mut self, ending: Ending) -> World {
        self.world.openings = Openings::default();
        self.world.lift();
        self.world.halt = None;
        // Whoever could not use it can now.
        self.world.opinion = Opinion { answers: 10, scores: 50, blockers: 0 };
        self.network.clear();
        for number in 0..self.world.sites.len() {
            self.contact(number, Contact::Live(self.world.now));
            let mood = if ending.good { Mood::Good } else { Mood::Bad };
            self.site(number, |site| {
                site.crash();
                (site.trouble, site.mood) = (None, mood);
                site.mend();
                Slot::BOTH.into_iter().for_each(|slot| site.set(slot, SlotState::Ready));
            });
        }
        if ending.take_back {
            self.operate(Event::Rollback(order(), Scope::Fleet));
        }
        for _ in 0..12 {
            self.run_dry();
            match &self.world.record.phase {
                Phase::Running(Run { hold: Some(_), .. }) if ending.good => {
                    let _refused_never = self.world.resume().unwrap();
                }
                Phase::Running(Run { hold: Some(_), .. }) => {
                    // A bad release is held again and again; the human who sees that takes it back.
                    self.operate(Event::Rollback(order(), Scope::Fleet));
                    if matches!(self.world.record.phase, Phase::Running(_)) {
                        return self.world;
                    }
                }
                Phase::Frozen { .. } => {
                    self.operate(Event::Rollback(order(), Scope::Fleet));
                    self.run_dry();
                    if matches!(self.world.record.phase, Phase::Frozen { .. }) {
                        self.operate(Event::Abandon(order()));
                    }
                }
                Phase::Running(_) | Phase::RollingBack { .. } | Phase::Switched { .. } => {
                    panic!("stalled: {:?}\n{:#?}", self.world.record.phase, self.world.record.lanes);
                }
                Phase::Stable { .. }
                | Phase::RolledBack { .. }
                | Phase::Aborted { .. }
                | Phase::Superseded { .. }
                | Phase::Failed { .. } => return self.ended(),
            }
        }
        panic!("humans are asked again and again: {:?} {:#?}", self.world.record.phase, self.world.record.lanes);
    }

    /// Runs until it ends or a human is needed, well before the limit of the whole rollout would help out.
    fn run_dry(&mut self) {
        for _ in 0..150 {
            let needs_human =
                matches!(self.world.record.phase, Phase::Running(Run { hold: Some(_), .. }) | Phase::Frozen { .. });
            let pending = self.world.record.lanes.values().any(|lane| lane.at.as_str() == "reverting");
            if self.world.record.phase.is_terminal() || (needs_human && !pending) {
                return;
            }
            // Whoever is asked consents and signs off, when asked twice; where nobody is asked, that is refused.
            self.operate(Event::Approve(by("bob"), consent()));
            self.operate(Event::Revoke(by("bob"), consent()));
            for actor in ["bob", "carl"] {
                self.operate(Event::Approve(by(actor), consent()));
            }
            for (kind, owner) in ITEMS {
                let sign = sign_off(kind.as_str());
                self.operate(Event::Sign(by(owner), sign.clone()));
                self.operate(Event::Unsign(by(owner), sign.item.clone()));
                self.operate(Event::Sign(by(owner), sign));
            }
            self.calm(1);
        }
    }

    /// After the end the regions come to rest where the record says they are.
    fn ended(mut self) -> World {
        self.calm(3);
        for (id, site) in &self.world.sites {
            hold(invariants::where_it_ended(&self.world.record, id, &site.local));
            // What was abandoned is nobody's any more: an agent may have gone back alone from its last goal, and stays.
            let failed = matches!(self.world.record.phase, Phase::Failed { .. });
            let confirmed = if failed { site.durable.is_reached() } else { site.durable.is_done() };
            assert!(confirmed, "{id} never confirmed the last goal: {site:#?}");
        }
        self.world
    }
}
