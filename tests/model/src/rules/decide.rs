//! What follows from a look, an order or a start: `core`'s answer, held against every invariant of a decision.

use meridian_core::invariants::{self, Taken};
use meridian_core::observation::{Contact, Seen, Sight};
use meridian_core::playbook::Scope;
use meridian_core::rollout::event::{Event, Order, Right};
use meridian_core::rollout::open::open;
use meridian_core::rollout::state::{Phase, Rollout, Run};
use meridian_core::rollout::step::{Moment, step};
use meridian_core::rollout::veto::Vetoes;

use super::{Decided, Known, Look, Ordered, Rules, Standing};
use crate::action::OrderKind;
use crate::fleet::{now, reached, region, rollout};
use crate::intern::Id;
use crate::state::{Decision, RecordId};

const NOTHING: Decided = Decided { next: Id::NONE, decision: Id::NONE, forward: false, broken: 0 };

/// What `core` is asked besides the event.
struct Asked<'a> {
    number: RecordId,
    head: RecordId,
    ticks: u8,
    stale: bool,
    lost: &'a [bool],
}

impl Rules {
    /// What follows from a look.
    pub(crate) fn look(&self, look: Look) -> Decided {
        self.looks.to(look, |look| {
            let before = self.records.get(look.before);
            let sight = self.sight(look);
            let event = if look.owns { Event::Look(sight) } else { Event::Guard(sight) };
            let asked = Asked { number: look.before, head: look.head, ticks: look.ticks, stale: look.stale, lost: &[] };
            self.decide(&before, event, asked)
        })
    }

    /// What follows from an order; nothing if it is refused.
    pub(crate) fn order(&self, ordered: Ordered) -> Decided {
        self.orders.to(ordered, |ordered| {
            let before = self.records.get(ordered.before);
            let order = Order { actor: "anna".to_owned(), reason: "to see it".to_owned() };
            let event = match ordered.order {
                OrderKind::Pause => Event::Pause(order),
                OrderKind::Resume => Event::Resume(order),
                OrderKind::Rollback => Event::Rollback(order, Scope::Fleet),
                OrderKind::RollbackPart => Event::Rollback(order, Scope::Region(region(0))),
                OrderKind::Abandon => Event::Abandon(order),
            };
            let Ordered { before: number, ticks, lost, .. } = ordered;
            let asked = Asked { number: *number, head: *number, ticks: *ticks, stale: false, lost };
            self.decide(&before, event, asked)
        })
    }

    /// The first decision of a rollout.
    pub(crate) fn open(&self, name: u8) -> Decided {
        self.opens.to(name, |_| {
            let lanes = self.lanes.get(self.first_lanes);
            let lanes = self.names.iter().cloned().zip(lanes.iter().cloned()).collect();
            let moment = Moment { now: now(0), head: meridian_core::epoch::Epoch::new(1, 0) };
            let vetoes = Vetoes::default();
            let record = open(rollout(name), self.plan.clone(), "anna".to_owned(), &lanes, &vetoes, moment);
            let record = record.expect("the lanes are free and as they were planned over");
            let mut broken = self.note(invariants::opening(&record, &lanes, &vetoes));
            let next = self.record(record, moment, &mut broken);
            let decision =
                self.decisions.id(Decision { before: Id::NONE, next, event: None, moment, right: Right::Anyone });
            Decided { next, decision, forward: false, broken }
        })
    }

    /// What a record's phase means.
    pub(crate) fn standing(&self, record: RecordId) -> Standing {
        self.standings.to(record, |_| match &self.records.get(record).phase {
            Phase::Running(Run { hold: Some(_), .. }) => Standing::Held,
            Phase::Running(_) => Standing::Running,
            Phase::RollingBack { .. } => Standing::RollingBack,
            Phase::Frozen { .. } => Standing::Frozen,
            Phase::Switched { .. } => Standing::Switched,
            Phase::Stable { .. } => Standing::Stable,
            Phase::RolledBack { .. } => Standing::RolledBack,
            Phase::Aborted { .. } => Standing::Aborted,
            Phase::Superseded { .. } | Phase::Failed { .. } => Standing::Failed,
        })
    }

    fn decide(&self, before: &Rollout, event: Event, asked: Asked<'_>) -> Decided {
        let Asked { number, head, ticks, stale, lost } = asked;
        let moment = Moment { now: now(ticks), head: self.records.get(head).epoch };
        let answer = step(before, self.doctored(before, &event), moment);
        let Some(answer) = self.answered(before, &event, moment, lost, answer) else {
            return NOTHING;
        };
        let taken = Taken { before, event: &event, moment, answer: &answer };
        let mut broken = self.note(invariants::transition(taken));
        let Some(next) = answer.next else {
            return Decided { broken, ..NOTHING };
        };
        if broken == 0 && !stale {
            broken |= self.note(invariants::idempotent(&next, &event, moment));
        }
        let (right, forward) = (answer.right, answer.right == Right::Owner);
        let next = self.record(next, moment, &mut broken);
        let outcome = (number, next, head, ticks);
        let decision = Decision { before: number, next, event: Some(event), moment, right };
        let decision = self.outcomes.to(outcome, |_| self.decisions.id(decision));
        Decided { next, decision, forward, broken }
    }

    /// Interns a record, held against every invariant of records.
    fn record(&self, record: Rollout, moment: Moment, broken: &mut u64) -> RecordId {
        *broken |= self.note(invariants::record(&record));
        if *broken == 0 {
            let head = record.epoch.max(moment.head);
            *broken |= self.note(invariants::anyone_may_stop(&record, Moment { head, ..moment }));
        }
        self.records.id(record)
    }

    fn sight(&self, look: &Look) -> Sight {
        let seen = |known: &Known| match known {
            Known::Nothing => None,
            Known::Lost => Some(Seen {
                contact: Contact::Lost(reached()),
                observed: None,
                openings: meridian_core::calendar::Openings::default(),
                halt: None,
                feedback: None,
            }),
            Known::Said(report) => {
                let observed = Some((*self.reports.get(*report)).clone());
                Some(Seen {
                    contact: Contact::Live(reached()),
                    observed,
                    openings: meridian_core::calendar::Openings::default(),
                    halt: None,
                    feedback: None,
                })
            }
        };
        self.names.iter().zip(&look.known).filter_map(|(name, known)| Some((name.clone(), seen(known)?))).collect()
    }
}
