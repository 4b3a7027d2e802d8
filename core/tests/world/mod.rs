//! A world to test in: one service, its lanes, a rollout and its regions. Every decision, goal and action that happens
//! in it is held against every invariant.
#![allow(dead_code)]

pub mod design;
pub mod site;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meridian_core::agent::VetoList;
use meridian_core::calendar::Openings;
use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::id::{ItemId, RegionId, RolloutId};
use meridian_core::invariants::{self, Broken, Orders, Taken};
use meridian_core::lane::{LaneState, Placed};
use meridian_core::observation::{Contact, Seen, Sight};
use meridian_core::plan::{Plan, Superseding};
use meridian_core::playbook::Scope;
use meridian_core::rollout::event::{AnswerGiven, Consent, Event, Order, SignOff, Transition};
use meridian_core::rollout::gates::stops::{Halt, StopScope};
use meridian_core::rollout::goals::{goal, lane_after};
use meridian_core::rollout::open::open;
use meridian_core::rollout::reason::{Refused, Wait};
use meridian_core::rollout::state::{LaneAt, Phase, Rollout, Said};
use meridian_core::rollout::step::{Moment, step};
use meridian_core::rollout::supersede::supersede;
use meridian_core::rollout::veto::{Veto, VetoOrder, VetoRefused, Vetoes};
use meridian_core::slot::Slot;
use meridian_core::time::{Span, Timestamp};
use meridian_core::watch::Opinion;

use design::{Design, region, release, role};
use site::{Mood, Site};

/// Fails with what is broken, if anything is.
#[track_caller]
pub fn hold(broken: Vec<Broken>) {
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Changes what a rollout executes, which no rule does.
pub fn replan(record: &mut Rollout, change: impl FnOnce(&mut Plan)) {
    let mut plan = Plan::clone(&record.plan);
    change(&mut plan);
    record.plan = plan.into();
}

pub fn order() -> Order {
    Order { actor: "anna".to_owned(), reason: "to see it".to_owned() }
}

/// To the next wave that asks.
pub fn consent() -> Consent {
    Consent { wave: None, role: role(), plan: None }
}

/// With evidence.
pub fn sign_off(item: &str) -> SignOff {
    let evidence = Digest::of(b"the report");
    SignOff { item: ItemId::new(item).unwrap(), uri: "https://reports.example/1".to_owned(), evidence }
}

/// By bob, everywhere.
pub fn halt() -> Halt {
    Halt { scope: StopScope::Organisation, actor: "bob".to_owned(), reason: "phones ring".to_owned() }
}

/// Everything there is.
#[derive(Clone, Debug)]
pub struct World {
    pub record: Rollout,
    pub head: Epoch,
    pub now: Timestamp,
    pub lanes: BTreeMap<RegionId, LaneState>,
    pub sites: BTreeMap<RegionId, Site>,
    /// What the server knows.
    pub sight: Sight,
    /// When steps may start, everywhere.
    pub openings: Openings,
    /// What everything is stopped by.
    pub halt: Option<Halt>,
    /// What people say of the release.
    pub opinion: Opinion,
    pub orders: Orders,
    pub vetoes: Vetoes,
    /// The words of all decisions.
    pub kinds: Vec<&'static str>,
    /// Every phase and every wait that was met.
    pub met: BTreeSet<&'static str>,
}

impl World {
    /// A rollout of 2.0.0 over regions that serve 1.0.0.
    pub fn new(design: &Design) -> Self {
        Self::with_first(design, &[])
    }

    /// The same, where some regions serve nothing yet.
    pub fn with_first(design: &Design, first: &[usize]) -> Self {
        let first: Vec<RegionId> = first.iter().copied().map(region).collect();
        let old = design.parameters.clone().map(|(old, _)| old).unwrap_or_default();
        let stable = |id: &RegionId| {
            let placed = Placed { slot: Slot::Blue, release: release("1.0.0").reference(), parameters: old.clone() };
            (!first.contains(id)).then_some(placed)
        };
        let (now, head) = (Timestamp::from_millis(1_000_000), Epoch::new(1, 7));
        let lane = |id: RegionId| {
            let stable = stable(&id);
            (id, LaneState { stable, rollout: None, held: false, epoch: Epoch::new(1, 3) })
        };
        let lanes: BTreeMap<RegionId, LaneState> = design.regions().into_iter().map(lane).collect();
        let site = |(id, lane): (&RegionId, &LaneState)| (id.clone(), Site::new(lane.stable.as_ref(), now));
        let sites = lanes.iter().map(site).collect();
        let plan = Arc::new(design.plan("2.0.0", &lanes).into());
        let moment = Moment { now, head };
        let id = design.member.as_ref().map(|(_, id, _)| id.clone());
        let id = id.unwrap_or_else(|| RolloutId::new("first").unwrap());
        let vetoes = Vetoes::default();
        let record = open(id, plan, "anna".to_owned(), &lanes, &vetoes, moment).unwrap();
        hold(invariants::opening(&record, &lanes, &vetoes));
        let (orders, sight, kinds, met) = (Orders::default(), Sight::new(), Vec::new(), BTreeSet::new());
        let (openings, halt, opinion) = (Openings::default(), None, Opinion::default());
        let mut world =
            Self { record, head, now, lanes, sites, sight, openings, halt, opinion, orders, vetoes, kinds, met };
        world.committed();
        world
    }

    /// Opens the next rollout over what the last one left; somebody lifts the hold if there is one.
    pub fn reopen(&mut self, design: &Design, version: &str) {
        assert!(self.record.phase.is_terminal(), "the lanes are free");
        let plan = Arc::new(design.plan(version, &self.lanes).into());
        let id = RolloutId::new(format!("of-{}", version.replace('.', "-"))).unwrap();
        if self.vetoes.hold.is_some() {
            self.veto(VetoOrder::ReleaseHold).unwrap();
        }
        let moment = Moment { now: self.now, head: self.head };
        let record = open(id, plan, "anna".to_owned(), &self.lanes, &self.vetoes, moment).unwrap();
        hold(invariants::opening(&record, &self.lanes, &self.vetoes));
        hold(invariants::holders(&[self.record.clone(), record.clone()]));
        self.record = record;
        self.committed();
    }

    /// The next rollout takes over the lanes of this one, as its hotfix if that has a reason. The code, if it may not.
    pub fn supersede(&mut self, design: &Design, version: &str, hotfix: Option<&str>) -> Result<(), &'static str> {
        let before = Arc::new(self.record.clone());
        let over = Superseding { record: before.clone(), hotfix: hotfix.map(str::to_owned), now: self.now };
        let plan = design.plan_over(version, &self.lanes, Some(over)).map_err(|refused| refused[0].code())?;
        let id = RolloutId::new(format!("of-{}", version.replace('.', "-"))).unwrap();
        let moment = Moment { now: self.now, head: self.head };
        let (lanes, vetoes) = (self.lanes.clone(), self.vetoes.clone());
        let taken = supersede(&before, id, Arc::new(plan.into()), "anna".to_owned(), &lanes, &vetoes, moment);
        let taken = taken.map_err(|refused| refused.code())?;
        for record in [&taken.old, &taken.new] {
            self.record = record.clone();
            self.committed();
        }
        hold(invariants::supersession(&before, &taken, moment.head, (&lanes, &self.lanes), &vetoes));
        hold(invariants::holders(&[taken.old, taken.new]));
        self.kinds.push(meridian_core::rollout::supersede::KIND);
        Ok(())
    }

    /// What every commit does: the head, the lanes, and the orders that now exist.
    pub fn committed(&mut self) {
        assert!(self.record.epoch > self.head, "every decision raises the head");
        self.head = self.record.epoch;
        hold(invariants::record(&self.record));
        for id in self.record.lanes.keys() {
            let before = self.lanes.get(id).cloned().unwrap_or_default();
            let after = lane_after(&self.record, id, &before, &self.vetoes);
            hold(invariants::lane_state(&self.record, id, &before, &after, &self.vetoes));
            self.lanes.insert(id.clone(), after);
            hold(self.orders.issue(&goal(&self.record, id).unwrap()));
            // What a rollout never touched may still be on its way to where an abandoned one before it left its order.
            let (site, begun) = (&self.sites[id], self.record.lanes[id].at != LaneAt::Waiting);
            if begun && !site.is_astray() {
                hold(invariants::where_it_ended(&self.record, id, &site.local));
            }
        }
    }

    /// Lets something happen to the rollout.
    pub fn decide(&mut self, event: Event) -> Result<Transition, Refused> {
        let moment = Moment { now: self.now, head: self.head };
        let before = self.record.clone();
        let answer = step(&before, event.clone(), moment)?;
        hold(invariants::transition(Taken { before: &before, event: &event, moment, answer: &answer }));
        self.met.insert(self.record.phase.as_str());
        self.met.extend(answer.waits.iter().map(Wait::code));
        if let Some(next) = &answer.next {
            if let Some(after) = self.vetoes.after(&before, next) {
                self.vetoes = after;
            }
            hold(invariants::vetoes(&before, next, &self.vetoes));
            self.record = next.clone();
            self.kinds.push(answer.kind);
            self.committed();
            hold(invariants::idempotent(next, &event, moment));
        }
        hold(invariants::anyone_may_stop(&self.record, Moment { head: self.head, ..moment }));
        Ok(answer)
    }

    /// Looks until nothing follows any more; answers the last look.
    pub fn look(&mut self) -> Transition {
        for _ in 0..100 {
            let answer = self.decide(Event::Look(self.sight.clone())).unwrap();
            if answer.next.is_none() {
                return answer;
            }
        }
        panic!("looking never comes to rest: {:?}", self.record);
    }

    /// Another server, which does not own the rollout, looks until nothing follows any more.
    pub fn guard(&mut self) -> Transition {
        for _ in 0..100 {
            let answer = self.decide(Event::Guard(self.sight.clone())).unwrap();
            if answer.next.is_none() {
                return answer;
            }
        }
        panic!("guarding never comes to rest: {:?}", self.record);
    }

    /// The server hears of a region as it is now.
    pub fn hear(&mut self, id: &RegionId) {
        let site = &self.sites[id];
        let observed = site.is_live().then(|| site.observed(self.now));
        let old = self.sight.get(id).and_then(|seen| seen.observed.clone());
        self.sight.insert(
            id.clone(),
            Seen {
                contact: site.contact,
                observed: observed.or(old),
                openings: self.openings.clone(),
                halt: self.halt.clone(),
                feedback: Some(self.opinion),
            },
        );
    }

    /// So many people say this of the release, and every server hears of it.
    pub fn say(&mut self, answers: u64, score: u64, blockers: u64) {
        let Opinion { answers: before, scores, blockers: blocked } = self.opinion;
        self.opinion =
            Opinion { answers: before + answers, scores: scores + answers * score, blockers: blocked + blockers };
        self.sight.values_mut().for_each(|seen| seen.feedback = Some(self.opinion));
    }

    /// Every region that can be reached takes its goal, works it off and reports; then the server looks.
    pub fn round(&mut self) -> Transition {
        self.work();
        self.look()
    }

    /// The same with nobody there but a server that does not own the rollout.
    pub fn guarded(&mut self, secs: u64) -> Transition {
        self.now = self.now.after(Span::from_secs(secs));
        for _ in 0..3 {
            self.work();
            self.guard();
        }
        self.guard()
    }

    /// The list of vetoes as servers tell it now.
    pub fn list(&self) -> VetoList {
        VetoList::of(&self.vetoes, self.head)
    }

    /// Another rollout of the service, in other regions, goes back from what is launched here.
    pub fn veto_elsewhere(&mut self) {
        let (rollout, digest) = (RolloutId::new("elsewhere").ok(), self.record.plan.release.digest);
        let veto = Veto { rollout, actor: "meridian".to_owned(), reason: "it fails there".to_owned(), at: self.now };
        self.head = self.head.next().unwrap();
        self.vetoes.changed = self.head;
        self.vetoes.digests.insert(digest, veto);
    }

    /// Somebody lifts the veto of what is launched here, if there is one.
    pub fn lift(&mut self) {
        let digest = self.record.plan.release.digest;
        if self.vetoes.digests.contains_key(&digest) {
            self.veto(VetoOrder::Unveto(digest)).unwrap();
        }
    }

    /// Every region that can be reached hears of the vetoes, takes its goal, works it off and reports; nobody looks.
    pub fn work(&mut self) {
        let (ids, list): (Vec<RegionId>, _) = (self.sites.keys().cloned().collect(), self.list());
        for id in ids {
            let order = goal(&self.record, &id).unwrap();
            let site = self.sites.get_mut(&id).unwrap();
            if site.is_live() {
                hold(self.orders.accepted(&order));
                site.hear(list.clone());
                site.offer(order).unwrap();
                site.persist();
                site.settle(self.now);
            }
            self.hear(&id);
        }
    }

    /// Rounds without time passing, until the record rests.
    pub fn rest(&mut self) -> Transition {
        for _ in 0..100 {
            let before = self.record.epoch;
            let answer = self.round();
            if self.record.epoch == before {
                return answer;
            }
        }
        panic!("the world never comes to rest: {:?}", self.record);
    }

    /// Lets seconds pass, then rests.
    pub fn pass(&mut self, secs: u64) -> Transition {
        self.now = self.now.after(Span::from_secs(secs));
        self.rest()
    }

    /// Lets time pass until something holds.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        for _ in 0..200 {
            if holds(self) {
                return;
            }
            self.pass(5);
        }
        panic!("never {what}: {:?} {:?}", self.record.phase, self.record.lanes);
    }

    pub fn until_phase(&mut self, word: &str) {
        self.until(word, |world| world.record.phase.as_str() == word);
    }

    /// What regions serve and the rollout launches.
    pub fn in_use(&self) -> BTreeSet<Digest> {
        let stable = self.lanes.values().filter_map(|lane| Some(lane.stable.as_ref()?.release.digest));
        let launched = (!self.record.phase.is_terminal()).then_some(self.record.plan.release.digest);
        stable.chain(launched).collect()
    }

    /// Somebody vetoes, or lifts a veto or the hold: a decision of the service.
    pub fn veto(&mut self, order: VetoOrder) -> Result<(), VetoRefused> {
        let said = Veto { rollout: None, actor: "anna".to_owned(), reason: "to see it".to_owned(), at: self.now };
        let epoch = self.head.next().unwrap();
        self.vetoes = self.vetoes.order(order, said, epoch, &self.in_use())?;
        self.head = epoch;
        Ok(())
    }

    pub fn site(&mut self, number: usize) -> &mut Site {
        self.sites.get_mut(&region(number)).unwrap()
    }

    pub fn mood(&mut self, mood: Mood) {
        self.sites.values_mut().for_each(|site| site.mood = mood);
    }

    pub fn lose(&mut self, number: usize) {
        let now = self.now;
        self.site(number).contact = Contact::Lost(now);
        self.hear(&region(number));
    }

    pub fn find(&mut self, number: usize) {
        let now = self.now;
        self.site(number).contact = Contact::Live(now);
    }

    pub fn at(&self, number: usize) -> LaneAt {
        self.record.lanes[&region(number)].at
    }

    pub fn word(&self, number: usize) -> &'static str {
        self.at(number).as_str()
    }

    pub fn phase(&self) -> &Phase {
        &self.record.phase
    }

    pub fn rollback(&mut self, scope: Scope) -> Result<Transition, Refused> {
        self.decide(Event::Rollback(order(), scope))
    }

    pub fn approve(&mut self, actor: &str) -> Result<Transition, Refused> {
        self.decide(Event::Approve(Order { actor: actor.to_owned(), ..order() }, consent()))
    }

    pub fn revoke(&mut self, actor: &str) -> Result<Transition, Refused> {
        self.decide(Event::Revoke(Order { actor: actor.to_owned(), ..order() }, consent()))
    }

    pub fn sign(&mut self, actor: &str, item: &str) -> Result<Transition, Refused> {
        self.decide(Event::Sign(Order { actor: actor.to_owned(), ..order() }, sign_off(item)))
    }

    pub fn unsign(&mut self, actor: &str, item: &str) -> Result<Transition, Refused> {
        self.decide(Event::Unsign(Order { actor: actor.to_owned(), ..order() }, ItemId::new(item).unwrap()))
    }

    /// Lets it begin with another train, or with none.
    pub fn board(&mut self, train: Option<&str>) -> Result<Transition, Refused> {
        self.decide(Event::Board(order(), train.map(str::to_owned)))
    }

    /// The first callback that was asked answers a question of that time.
    pub fn answer(&mut self, said: Said, since: Timestamp) -> Result<Transition, Refused> {
        let (wave, callback) = (0, self.record.inquiries[0].callback.clone());
        let reason = "it said so".to_owned();
        self.decide(Event::Answer(AnswerGiven { wave, callback, since, said, reason }))
    }

    pub fn pause(&mut self) -> Result<Transition, Refused> {
        self.decide(Event::Pause(order()))
    }

    pub fn resume(&mut self) -> Result<Transition, Refused> {
        self.decide(Event::Resume(order()))
    }

    pub fn abandon(&mut self) -> Result<Transition, Refused> {
        self.decide(Event::Abandon(order()))
    }
}
