//! The play: look, commit, let time pass to the next moment at which anything can change, look again. Time jumps; what
//! decides is `core::rollout::step`, as in a server.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meridian_calendar::{HORIZON, openings};
use meridian_core::calendar::Openings;
use meridian_core::calendar::rule::needs;
use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::evidence::StepRef;
use meridian_core::id::{CallbackId, ItemId, RegionId, RoleId, RolloutId, WaveId};
use meridian_core::lane::LaneState;
use meridian_core::observation::{Contact, Seen, Sight};
use meridian_core::plan::{HashedPlan, PlannedLane};
use meridian_core::playbook::Callback;
use meridian_core::rollout::event::{AnswerGiven, Consent, Effect, Event, Order, SignOff, Transition};
use meridian_core::rollout::gates::callbacks::open as open_inquiries;
use meridian_core::rollout::goals::goal;
use meridian_core::rollout::open::open;
use meridian_core::rollout::reason::Wait;
use meridian_core::rollout::state::{Inquiry, LaneAt, Phase, Rollout, Run, Said};
use meridian_core::rollout::step::{Moment, step};
use meridian_core::rollout::veto::Vetoes;
use meridian_core::time::{Span, Timestamp};
use meridian_core::weight::Weight;

use crate::assume::{Assumptions, Unplayable, praise};
use crate::course::{Course, End, Ended, Log};
use crate::region::Region;

/// Looks after which a rollout is said not to end; a plan of a thousand regions takes far fewer.
const LOOKS_MAX: usize = 1_000_000;
/// What is known of the calendar is worked out anew when half of it has passed.
const CALENDAR_KEPT: Span = Span::from_millis(HORIZON.millis() / 2);
/// Who opens a rollout that is only played.
const REQUESTER: &str = "simulation";
/// Why people say yes, and on what evidence.
const ASSUMED: &str = "assumed";

/// Plays a plan from a moment on until it ends, or nothing goes on without somebody.
///
/// # Errors
/// If something is assumed of what the plan does not have, if the timetable can't be read, or if it never ends.
pub fn simulate(plan: &Arc<HashedPlan>, assumed: &Assumptions, from: Timestamp) -> Result<Course, Unplayable> {
    assumed.check(plan)?;
    let mut play = Play::open(plan, assumed, from)?;
    let end = play.run()?;
    Ok(play.log.finish(play.record, from, end, play.looks))
}

struct Play<'a> {
    assumed: &'a Assumptions,
    record: Rollout,
    head: Epoch,
    now: Timestamp,
    regions: BTreeMap<RegionId, Region>,
    seen: Sight,
    /// Regions that are no longer as they were seen.
    stale: BTreeSet<RegionId>,
    /// Since when people are asked for something.
    asked: BTreeMap<Asked, Timestamp>,
    /// When the calendar is to be worked out anew; `None`: the plan has no timetable.
    calendar_until: Option<Timestamp>,
    log: Log,
    looks: usize,
}

/// What people are asked for.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
enum Asked {
    /// Consent to a wave, of a role.
    Consent(WaveId, RoleId),
    /// To sign an item of the checklist off.
    SignOff(ItemId),
    /// How good the release is.
    Feedback,
    /// An endpoint of the service, whether a wave may begin.
    Callback(CallbackId),
}

impl<'a> Play<'a> {
    fn open(plan: &Arc<HashedPlan>, assumed: &'a Assumptions, now: Timestamp) -> Result<Self, Unplayable> {
        let lane = |planned: &PlannedLane| LaneState {
            stable: planned.base.clone(),
            epoch: planned.epoch,
            ..LaneState::default()
        };
        let lanes = plan.lanes.iter().map(|(region, planned)| (region.clone(), lane(planned))).collect();
        let head = plan.lanes.values().map(|planned| planned.epoch).max().unwrap_or(Epoch::ZERO);
        let id = RolloutId::new(REQUESTER).expect("the word is a good name");
        let moment = Moment { now, head };
        let record = open(id, plan.clone(), REQUESTER.to_owned(), &lanes, &Vetoes::default(), moment)?;
        let region =
            |(id, planned): (&RegionId, &PlannedLane)| (id.clone(), Region::new(plan, id, planned, assumed, now));
        let regions = plan.lanes.iter().map(region).collect();
        let contact = Contact::Live(now);
        let unseen = |id: &RegionId| {
            (id.clone(), Seen { contact, observed: None, openings: Openings::default(), halt: None, feedback: None })
        };
        let mut play = Self {
            assumed,
            head: record.epoch,
            now,
            regions,
            seen: plan.lanes.keys().map(unseen).collect(),
            stale: plan.lanes.keys().cloned().collect(),
            asked: BTreeMap::new(),
            calendar_until: (!plan.timetable.is_empty()).then_some(now),
            log: Log::default(),
            looks: 0,
            record,
        };
        play.log.opened(&play.record);
        play.push(plan.lanes.keys().cloned().collect());
        Ok(play)
    }

    fn run(&mut self) -> Result<End, Unplayable> {
        while self.looks < LOOKS_MAX {
            self.read_calendar()?;
            let answer = self.look();
            if let Some(next) = answer.next {
                self.commit(next, answer.kind, answer.effects);
                if self.record.phase.is_terminal() {
                    self.log.waits_for(self.now, &[]);
                    let (phase, cause) = (self.record.phase.as_str(), self.record.phase.cause());
                    let how = Ended::Over { phase, cause: cause.map(ToString::to_string) };
                    return Ok(End { at: self.now, how });
                }
                continue;
            }
            self.log.waits_for(self.now, &answer.waits);
            if self.consent(&answer.waits) {
                continue;
            }
            match self.next_moment(&answer.waits, answer.wake) {
                Some(next) => self.pass(next),
                None => return Ok(self.stops(answer.waits)),
            }
        }
        Err(Unplayable::Endless(LOOKS_MAX))
    }

    fn look(&mut self) -> Transition {
        self.looks += 1;
        for (id, region) in &self.regions {
            // What rests reports the same again.
            let moves =
                self.record.lanes.get(id).is_some_and(|lane| {
                    matches!(lane.at, LaneAt::Baking(_)) || lane.vote.is_none() && region.is_doomed()
                });
            if (moves || self.stale.contains(id))
                && let Some(seen) = self.seen.get_mut(id)
            {
                seen.observed = Some(region.observed(self.now));
            }
        }
        self.stale.clear();
        let moment = Moment { now: self.now, head: self.head };
        step(&self.record, Event::Look(self.seen.clone()), moment)
            .expect("a look is refused at the end of all epochs only")
    }

    /// People consent to, and sign off, what has been asked for long enough. Says whether somebody did.
    fn consent(&mut self, waits: &[Wait]) -> bool {
        let mut asked = BTreeMap::new();
        let mut consented = false;
        for (ask, answers) in waits.iter().flat_map(asks) {
            let since = self.asked.get(&ask).copied().unwrap_or(self.now);
            if self.now < since.after(self.assumed.consent) {
                asked.insert(ask, since);
                continue;
            }
            consented |= ask == Asked::Feedback && self.hear();
            let answers = if let Asked::Callback(_) = &ask { self.answers() } else { answers };
            for event in answers {
                let moment = Moment { now: self.now, head: self.head };
                let taken = step(&self.record, event, moment).ok();
                let Some((next, answer)) = taken.and_then(|mut answer| Some((answer.next.take()?, answer))) else {
                    break;
                };
                self.commit(next, answer.kind, answer.effects);
                consented = true;
            }
        }
        self.asked = asked;
        consented
    }

    /// Every endpoint that is asked says yes.
    fn answers(&self) -> Vec<Event> {
        let yes = |(inquiry, _): (&Inquiry, &Callback)| AnswerGiven {
            wave: inquiry.wave,
            callback: inquiry.callback.clone(),
            since: inquiry.since,
            said: Said::Pass,
            reason: ASSUMED.to_owned(),
        };
        open_inquiries(&self.record).into_iter().map(yes).map(Event::Answer).collect()
    }

    /// People say what the plan asks for. Says whether they did.
    fn hear(&mut self) -> bool {
        let Some(policy) = self.record.plan.feedback else { return false };
        let opinion = praise(policy.answers_min);
        self.seen.values_mut().for_each(|seen| seen.feedback = Some(opinion));
        true
    }

    fn commit(&mut self, next: Rollout, kind: &'static str, effects: Vec<Effect>) {
        self.log.decided(&self.record, &next, kind, self.now);
        self.head = next.epoch;
        self.record = next;
        let pushed = effects.into_iter().filter_map(|effect| match effect {
            Effect::PushGoal(region) => Some(region),
            Effect::Notify(_) | Effect::StepEnded { .. } => None,
        });
        self.push(pushed.collect());
    }

    /// Gives regions their goals; they begin at once.
    fn push(&mut self, regions: Vec<RegionId>) {
        for id in regions {
            let goal = goal(&self.record, &id).expect("goals are pushed to regions of the plan");
            let region = self.regions.get_mut(&id).expect("every region of the plan is modelled");
            region.offer(goal);
            region.work(self.now, self.assumed);
            self.stale.insert(id);
        }
        self.log.exposed(self.now, self.exposed());
    }

    fn pass(&mut self, to: Timestamp) {
        self.now = to;
        for (id, region) in &mut self.regions {
            if region.due().is_some_and(|due| due <= to) {
                region.work(to, self.assumed);
                self.stale.insert(id.clone());
            }
        }
        self.log.exposed(to, self.exposed());
    }

    /// The next moment at which anything can change; `None`: nothing will without somebody.
    fn next_moment(&self, waits: &[Wait], wake: Option<Timestamp>) -> Option<Timestamp> {
        let lanes = self.regions.iter().filter_map(|(id, region)| Some((region, self.record.lanes.get(id)?)));
        let doomed = lanes.filter(|(region, lane)| region.is_doomed() && lane.vote.is_none());
        let arrives = self.regions.values().filter_map(Region::due);
        let reports = doomed.map(|(region, _)| region.report_after(self.now)).filter(|at| *at < self.limit());
        let moves = reports.chain(arrives).min();
        if matches!(self.record.phase, Phase::Running(Run { hold: Some(_), .. }) | Phase::Frozen { .. }) {
            return moves;
        }
        let undecided = waits.iter().filter(|wait| matches!(wait, Wait::Evidence { .. } | Wait::Requests { .. }));
        let undecided = undecided.filter_map(|wait| self.regions.get(wait.region()?));
        let reported = undecided.map(|region| region.report_after(self.now)).min();
        let by_calendar = waits.iter().any(|wait| matches!(wait, Wait::Window { .. } | Wait::Train { .. }));
        let calendar = self.calendar_until.filter(|until| by_calendar && *until < self.limit());
        let ends_itself = !self.asked.is_empty() || waits.iter().any(|wait| wait.until().is_some());
        let wake = wake.filter(|wake| *wake < self.limit() || ends_itself || moves.is_some() || reported.is_some());
        let consents = self.asked.values().map(|since| since.after(self.assumed.consent)).min();
        [moves, reported, calendar, consents, wake].into_iter().flatten().filter(|at| *at > self.now).min()
    }

    fn stops(&self, waits: Vec<Wait>) -> End {
        let at = match &self.record.phase {
            Phase::Running(Run { hold: Some(hold), .. }) => hold.since,
            Phase::Frozen { since, .. } => *since,
            Phase::Running(_)
            | Phase::RollingBack { .. }
            | Phase::Switched { .. }
            | Phase::Stable { .. }
            | Phase::RolledBack { .. }
            | Phase::Aborted { .. }
            | Phase::Superseded { .. }
            | Phase::Failed { .. } => self.now,
        };
        let limit = matches!(self.record.phase, Phase::Running(_)).then(|| self.limit());
        End { at, how: Ended::Waiting { phase: self.record.phase.as_str(), waits, limit } }
    }

    fn limit(&self) -> Timestamp {
        self.record.opened.after(self.record.plan.limits.total)
    }

    /// The share of all traffic that the new release serves now.
    fn exposed(&self) -> Weight {
        let (mut served, mut all) = (0, 0);
        for (id, planned) in &self.record.plan.lanes {
            let share = u64::from(planned.share.get());
            let new = self.regions.get(id).map_or(Weight::NONE, Region::share_of_new);
            served += share * u64::from(new.basis_points());
            all += share;
        }
        Weight::from_basis_points(served / all.max(1)).expect("a mean of weights is a weight")
    }

    /// Works out when steps may start, in each region by its own clock.
    fn read_calendar(&mut self) -> Result<(), Unplayable> {
        if self.calendar_until.is_none_or(|until| self.now < until) {
            return Ok(());
        }
        let plan = self.record.plan.clone();
        let longest = (0..plan.waves.len()).map(|wave| needs(&plan, StepRef { wave, step: 0 })).max();
        let mut known: BTreeMap<Option<&str>, Openings> = BTreeMap::new();
        for (region, planned) in &plan.lanes {
            let zone = planned.zone.as_deref();
            let found = match known.entry(zone) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => {
                    let found = openings(&plan.timetable, zone, self.now, longest.unwrap_or(Span::ZERO));
                    let region = region.clone();
                    unknown.insert(found.map_err(|refusal| Unplayable::Timetable { region, refusal })?)
                }
            };
            if let Some(seen) = self.seen.get_mut(region) {
                seen.openings = found.clone();
            }
        }
        self.calendar_until = Some(self.now.after(CALENDAR_KEPT));
        Ok(())
    }
}

/// What a wait asks people for, and what they say to it.
fn asks(wait: &Wait) -> Vec<(Asked, Vec<Event>)> {
    let order = |actor| Order { actor, reason: ASSUMED.to_owned() };
    if let Wait::Approvals { wave, role, have, need } = wait {
        let consent = Consent { wave: Some(wave.clone()), role: role.clone(), plan: None };
        let person = |number| order(format!("{role}-{}", number + 1));
        let consents = (*have..*need).map(|number| Event::Approve(person(number), consent.clone()));
        vec![(Asked::Consent(wave.clone(), role.clone()), consents.collect())]
    } else if let Wait::Checklist { missing } = wait {
        let evidence = Digest::of(ASSUMED.as_bytes());
        let sign = |(item, owner): &(ItemId, String)| {
            let sign_off = SignOff { item: item.clone(), uri: ASSUMED.to_owned(), evidence };
            (Asked::SignOff(item.clone()), vec![Event::Sign(order(owner.clone()), sign_off)])
        };
        missing.iter().map(sign).collect()
    } else if let Wait::Callback { callback, .. } = wait {
        vec![(Asked::Callback(callback.clone()), Vec::new())]
    } else if let Wait::Feedback { .. } = wait {
        vec![(Asked::Feedback, Vec::new())]
    } else {
        Vec::new()
    }
}
