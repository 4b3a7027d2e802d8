//! A watch and the time around it: decisions are made as a server makes them, and each is checked.

use std::collections::BTreeMap;

use meridian_core::id::KpiId;
use meridian_core::invariants;
use meridian_core::rollout::state::Phase;
use meridian_core::time::{Span, Timestamp};
use meridian_core::watch::{
    ActionKind, Decimal, Event, Facts, NewAction, Opinion, Refused, Review, Said, Standing, Step, Wait, Watch,
    WatchPolicy, open, step,
};

use super::world::World;
use super::world::design::Design;
use super::world::hold;

pub const DAY: Span = Span::from_secs(24 * 3600);

pub fn days(days: u64) -> Span {
    DAY.times(days)
}

pub fn kpi(name: &str) -> KpiId {
    KpiId::new(name).unwrap()
}

pub fn number(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

pub fn said(text: &str) -> Said {
    Said { by: "anna".to_owned(), text: text.to_owned() }
}

/// A rollout that has just been switched.
pub fn switched() -> World {
    let mut world = World::new(&Design::of(&[&[0], &[1]]));
    world.until_phase("switched");
    world
}

#[derive(Clone, Debug)]
pub struct Site {
    pub watch: Watch,
    pub facts: Facts,
    pub now: Timestamp,
    /// The words of all decisions.
    pub kinds: Vec<&'static str>,
}

impl Site {
    /// Opened at the moment of the switch; the rollout is stable.
    pub fn new(policy: WatchPolicy) -> Self {
        let mut record = switched().record;
        // The clock of the world begins with the epoch; there has to be a time before the launch.
        let Phase::Switched { since } = record.phase else { panic!("{:?}", record.phase) };
        let (opened, since) = (record.opened.after(days(60)), since.after(days(60)));
        (record.opened, record.phase) = (opened, Phase::Switched { since });
        let watch = open(&record, policy, since).unwrap();
        hold(invariants::watch(&watch));
        let facts = Facts { standing: Standing::Stable, kpis: BTreeMap::new(), feedback: Opinion::default() };
        Self { now: watch.switched, watch, facts, kinds: Vec::new() }
    }

    pub fn standard() -> Self {
        Self::new(WatchPolicy::default())
    }

    pub fn decide(&mut self, event: Event) -> Result<Step, Refused> {
        let step = step(&self.watch, event, &self.facts, self.now)?;
        if let Some(next) = &step.next {
            hold(invariants::watched(&self.watch, next));
            self.watch = next.clone();
            self.kinds.push(step.kind);
        }
        Ok(step)
    }

    pub fn look(&mut self) -> Step {
        let step = self.decide(Event::Look).unwrap();
        let again = self.decide(Event::Look).unwrap();
        assert_eq!(again.next, None, "the same look twice decides nothing the second time");
        step
    }

    /// So long after the switch.
    pub fn at(&mut self, span: Span) -> Step {
        self.now = self.watch.switched.after(span);
        self.look()
    }

    pub fn sign(&mut self, review: u32) -> Result<Step, Refused> {
        self.decide(Event::Sign(review, said("looks well")))
    }

    pub fn evaluate(&mut self, waive: Option<&str>) -> Result<Step, Refused> {
        self.decide(Event::Evaluate { said: said("as hoped"), waive: waive.map(str::to_owned) })
    }

    pub fn add(&mut self, owner: &str, review: Option<u32>) -> Result<Step, Refused> {
        let due = self.now.after(DAY);
        let action = NewAction { kind: ActionKind::Documentation, owner: owner.to_owned(), due, review };
        self.decide(Event::Add(action, said("write it down")))
    }

    pub fn review(&self, review: u32) -> &Review {
        self.watch.review(review).unwrap()
    }

    pub fn words(&self) -> Vec<&'static str> {
        self.watch.reviews.iter().map(Review::word).collect()
    }

    pub fn codes(step: &Step) -> Vec<&'static str> {
        step.waits.iter().map(Wait::code).collect()
    }

    /// A sample at so many hours after the start of the rollout; negative: before it.
    pub fn measure(&mut self, name: &str, hours: i64, value: &str) {
        let span = Span::from_secs(hours.unsigned_abs() * 3600);
        let at = if hours < 0 { self.watch.launched.before(span) } else { self.watch.switched.after(span) };
        self.facts.kpis.entry(kpi(name)).or_default().record(at, number(value));
    }
}
