//! The course of a rollout: what happened when. It only remembers; what follows from it for people is worked out here, how
//! it is shown is the caller's matter.

use std::collections::BTreeMap;

use meridian_core::epoch::Epoch;
use meridian_core::evidence::StepRef;
use meridian_core::id::RegionId;
use meridian_core::plan::Plan;
use meridian_core::rollout::reason::Wait;
use meridian_core::rollout::state::{Ballot, LaneAt, Rollout};
use meridian_core::time::Timestamp;
use meridian_core::weight::Weight;

/// What happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Course {
    /// When it was opened.
    pub from: Timestamp,
    /// How it ended.
    pub end: End,
    /// In the order of the plan.
    pub waves: Vec<WaveCourse>,
    /// Where each region was, one after the other.
    pub lanes: BTreeMap<RegionId, Vec<Stay>>,
    /// The share of all traffic that the new release serves, each from then on.
    pub exposure: Vec<(Timestamp, Weight)>,
    /// Everything that was waited for, by its beginning.
    pub waits: Vec<Waited>,
    /// Votes, consents, sign-offs, and every change of what the rollout does.
    pub decisions: Vec<Decided>,
    /// The rollout as it was at the end.
    pub record: Rollout,
    /// How often the rules were asked: the work that it took.
    pub looks: usize,
}

/// The end of a course.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct End {
    /// When.
    pub at: Timestamp,
    /// How.
    pub how: Ended,
}

/// How a course ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ended {
    /// Nothing will ever change again.
    Over {
        /// The phase's word.
        phase: &'static str,
        /// Why, if it is no good end.
        cause: Option<String>,
    },
    /// Nothing goes on unless somebody does something.
    Waiting {
        /// The phase's word.
        phase: &'static str,
        /// For what.
        waits: Vec<Wait>,
        /// When the limit on the whole rollout ends it, if it does.
        limit: Option<Timestamp>,
    },
}

/// A region at one place.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Stay {
    /// Where.
    pub at: LaneAt,
    /// Since when.
    pub from: Timestamp,
    /// Until when; `None`: to the end.
    pub to: Option<Timestamp>,
}

/// One wave, as far as it came.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct WaveCourse {
    /// Its first region began.
    pub began: Option<Timestamp>,
    /// Its last region settled.
    pub settled: Option<Timestamp>,
    /// Its steps.
    pub steps: Vec<StepCourse>,
}

/// One step of a wave, over all its regions.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct StepCourse {
    /// Traffic began to move in the first region.
    pub began: Option<Timestamp>,
    /// It had moved in the last one.
    pub moved: Option<Timestamp>,
    /// The last one had baked.
    pub baked: Option<Timestamp>,
    /// The most of all traffic that the new release served meanwhile.
    pub exposed: Weight,
}

/// Something that was waited for.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Waited {
    /// Since when.
    pub from: Timestamp,
    /// Until when; `None`: to the end.
    pub to: Option<Timestamp>,
    /// For what, as it was said last.
    pub wait: Wait,
}

/// A decision that people would be told of.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Decided {
    /// When.
    pub at: Timestamp,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its word.
    pub kind: &'static str,
    /// What the rollout did after it.
    pub phase: &'static str,
    /// Why.
    pub why: Option<String>,
}

/// A region that went back.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Return {
    /// Which.
    pub region: RegionId,
    /// Where it was.
    pub was: LaneAt,
    /// When it turned.
    pub turned: Timestamp,
    /// When it was back; `None`: never.
    pub back: Option<Timestamp>,
}

impl Course {
    /// The share of all traffic that the new release serves at a moment.
    #[must_use]
    pub fn exposed_at(&self, moment: Timestamp) -> Weight {
        let before = self.exposure.iter().take_while(|(from, _)| *from <= moment);
        before.last().map_or(Weight::NONE, |(_, share)| *share)
    }

    /// The most of all traffic that it ever serves.
    #[must_use]
    pub fn exposed_most(&self) -> Weight {
        self.exposure.iter().map(|(_, share)| *share).max().unwrap_or(Weight::NONE)
    }

    /// Every region that went back, in the order of turning.
    #[must_use]
    pub fn returns(&self) -> Vec<Return> {
        let mut found = Vec::new();
        for (region, stays) in &self.lanes {
            for pair in stays.windows(2) {
                if let [was, Stay { at: LaneAt::Reverting, from, to }] = pair {
                    found.push(Return { region: region.clone(), was: was.at, turned: *from, back: *to });
                }
            }
        }
        found.sort_by_key(|it| it.turned);
        found
    }

    /// When the rollout first did what a word says.
    #[must_use]
    pub fn first(&self, phase: &str) -> Option<Timestamp> {
        self.decisions.iter().find(|decided| decided.phase == phase).map(|decided| decided.at)
    }
}

/// A course in the making.
#[derive(Default)]
pub struct Log {
    lanes: BTreeMap<RegionId, Vec<Stay>>,
    exposure: Vec<(Timestamp, Weight)>,
    waits: Vec<Waited>,
    /// What is waited for now, by its code, its region and whatever tells it from its like, and where it stands in `waits`.
    open: BTreeMap<(&'static str, Option<RegionId>, String), usize>,
    decisions: Vec<Decided>,
}

impl Log {
    /// The rollout is as it says.
    pub fn opened(&mut self, record: &Rollout) {
        for (region, lane) in &record.lanes {
            self.lanes.insert(region.clone(), vec![Stay { at: lane.at, from: lane.since, to: None }]);
        }
    }

    /// A decision was made.
    pub fn decided(&mut self, before: &Rollout, next: &Rollout, kind: &'static str, now: Timestamp) {
        let (mut votes, (was, phase)) = (Vec::new(), (before.phase.as_str(), next.phase.as_str()));
        for (region, lane) in &next.lanes {
            let old = before.lanes.get(region);
            if let Some(vote) = lane.vote.as_ref().filter(|_| old.is_none_or(|old| old.vote.is_none())) {
                votes.push(format!("{region} votes {}", said(&vote.ballot)));
            }
            if old.map(|old| old.at) != Some(lane.at) {
                let stays = self.lanes.entry(region.clone()).or_default();
                if let Some(last) = stays.last_mut() {
                    last.to = Some(now);
                }
                stays.push(Stay { at: lane.at, from: now, to: None });
            }
        }
        let cause = next.phase.cause().map(ToString::to_string);
        let votes = (!votes.is_empty()).then(|| votes.join("; "));
        let consent = next.approvals.last().filter(|_| next.approvals.len() > before.approvals.len());
        let consent = consent.map(|it| format!("{} consents in role {}", it.actor, it.role));
        let signed = next.signed.iter().find(|it| !it.used && !before.signed.contains(it));
        let consent = consent.or_else(|| signed.map(|it| format!("{} signs off {}", it.actor, it.item)));
        if was != phase || votes.is_some() || consent.is_some() {
            let why = if was == phase { votes.or(consent) } else { cause.or(votes) };
            self.decisions.push(Decided { at: now, epoch: next.epoch, kind, phase, why });
        }
    }

    /// The new release serves this share of all traffic.
    pub fn exposed(&mut self, now: Timestamp, share: Weight) {
        match self.exposure.last_mut() {
            Some((_, last)) if *last == share => {}
            Some((at, last)) if *at == now => *last = share,
            Some(_) | None => self.exposure.push((now, share)),
        }
    }

    /// This is what is waited for from now on.
    pub fn waits_for(&mut self, now: Timestamp, waits: &[Wait]) {
        let mut open = BTreeMap::new();
        for wait in waits {
            let detail = if let Wait::Freeze { name, .. } = wait {
                name.clone()
            } else if let Wait::Approvals { wave, role, .. } = wait {
                format!("{wave} {role}")
            } else {
                String::new()
            };
            let key = (wait.code(), wait.region().cloned(), detail);
            let at = self.open.remove(&key).unwrap_or_else(|| {
                self.waits.push(Waited { from: now, to: None, wait: wait.clone() });
                self.waits.len() - 1
            });
            self.waits[at].wait = wait.clone();
            open.insert(key, at);
        }
        for at in std::mem::replace(&mut self.open, open).into_values() {
            self.waits[at].to = Some(now);
        }
    }

    /// The whole course.
    pub fn finish(self, record: Rollout, from: Timestamp, end: End, looks: usize) -> Course {
        let Self { lanes, exposure, waits, open: _, decisions } = self;
        let plan = record.plan.clone();
        let mut course = Course { from, end, waves: Vec::new(), lanes, exposure, waits, decisions, record, looks };
        course.waves = (0..plan.waves.len()).map(|wave| wave_course(&plan, &course, wave)).collect();
        course
    }
}

fn said(ballot: &Ballot) -> String {
    match ballot {
        Ballot::Evidence(verdict) => verdict.to_string(),
        Ballot::Driver { code, message } => format!("{code}: {message}"),
        Ballot::Deadline { limit } => format!("fail: the limit `{limit}` has passed"),
    }
}

fn wave_course(plan: &Plan, course: &Course, wave: usize) -> WaveCourse {
    let Some(planned) = plan.waves.get(wave) else {
        return WaveCourse { began: None, settled: None, steps: Vec::new() };
    };
    let stays = |wanted: &dyn Fn(LaneAt) -> bool| -> Vec<Option<Stay>> {
        let first = |region: &RegionId| course.lanes.get(region)?.iter().find(|stay| wanted(stay.at)).copied();
        planned.regions.iter().map(first).collect()
    };
    let began = stays(&|at| at.is_on_its_way_in(wave)).into_iter().flatten().map(|stay| stay.from).min();
    let settled = stays(&|at| matches!(at, LaneAt::Settled(step) if step.wave >= wave));
    let steps = (0..planned.steps.len()).map(|step| {
        let at = StepRef { wave, step };
        let baking = stays(&|it| it == LaneAt::Baking(at));
        let began = stays(&|it| it == LaneAt::Shifting(at)).into_iter().flatten().map(|stay| stay.from).min();
        let baked = last(baking.iter().map(|stay| (*stay)?.to));
        let ends = baked.unwrap_or(course.end.at);
        let most = began.map_or(Weight::NONE, |began| most_between(course, began, ends));
        StepCourse { began, moved: last(baking.iter().map(|stay| Some((*stay)?.from))), baked, exposed: most }
    });
    let steps = steps.collect();
    WaveCourse { began, settled: last(settled.into_iter().map(|stay| Some(stay?.from))), steps }
}

/// The latest, if there is one of each.
fn last(mut moments: impl Iterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    moments.try_fold(Timestamp::from_millis(0), |last, moment| Some(last.max(moment?)))
}

/// The most that was exposed in a time; what comes at its very end belongs to what follows.
fn most_between(course: &Course, from: Timestamp, to: Timestamp) -> Weight {
    let during = course.exposure.iter().filter(|(at, _)| from < *at && *at < to).map(|(_, share)| *share);
    during.chain([course.exposed_at(from)]).max().unwrap_or(Weight::NONE)
}
