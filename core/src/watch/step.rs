//! `step`: the only place where a watch changes. It decides; it does nothing.

use std::collections::BTreeSet;

use super::event::{Event, Facts, NewAction, Said, Standing, Step};
use super::reason::{Missing, Refused, Wait};
use super::state::{
    ACTIONS_MAX, Action, ActionKind, FIGURES_MAX, Figure, Filled, Phase, RETROSPECTIVES_MAX, Retrospective, Review,
    ReviewKind, ReviewState, Watch, index, number,
};
use crate::evidence::Outcome as Verdict;
use crate::id::KpiId;
use crate::time::Timestamp;

/// Who decides what nobody ordered.
const NOBODY: &str = "meridian";

/// Decides what follows from an event.
///
/// # Errors
/// If an order does not fit; a look is never refused but for an exhausted epoch counter.
pub fn step(record: &Watch, event: Event, facts: &Facts, now: Timestamp) -> Result<Step, Refused> {
    assert!(
        record.reviews.last().is_some_and(|last| last.kind == ReviewKind::Evaluation),
        "the last is the evaluation"
    );
    let mut draft =
        Draft { next: record.clone(), now, facts, kind: "look", actor: NOBODY.to_owned(), message: String::new() };
    match event {
        Event::Look => draft.look(),
        Event::Hold(review, said) => draft.hold(review, said)?,
        Event::Sign(review, said) => draft.sign(review, said)?,
        Event::Evaluate { said, waive } => draft.evaluate(said, waive)?,
        Event::Add(action, said) => draft.add(action, said)?,
        Event::Close(action, said) => draft.close(action, said)?,
        Event::Reflect(said) => draft.reflect(said)?,
    }
    let Draft { mut next, kind, actor, message, .. } = draft;
    let waits = waits(&next, facts.standing, now);
    if next == *record {
        return Ok(Step { next: None, kind, actor, message, waits });
    }
    next.epoch = record.epoch.next().ok_or(Refused::EpochExhausted)?;
    Ok(Step { next: Some(next), kind, actor, message, waits })
}

/// A decision in the making.
struct Draft<'a> {
    next: Watch,
    now: Timestamp,
    facts: &'a Facts,
    kind: &'static str,
    actor: String,
    message: String,
}

impl Draft<'_> {
    /// What time and the rollout have made of it: every review that is due by now, in one decision.
    fn look(&mut self) {
        if !self.next.is_watching() {
            return;
        }
        if let Standing::TakenBack(rollout) = self.facts.standing {
            self.next.phase = Phase::TakenBack { rollout, since: self.now };
            (self.kind, self.message) = ("taken-back", format!("the rollout is {rollout}"));
            return;
        }
        let (mut due, mut overdue) = (Vec::new(), Vec::new());
        for place in 0..self.next.reviews.len() {
            let review = &self.next.reviews[place];
            let late = self.now >= review.due.after(self.next.policy.grace);
            if review.state == ReviewState::Scheduled && review.due <= self.now {
                self.next.reviews[place].state = ReviewState::Due(self.filled(review));
                due.push(number(place));
            }
            let review = &mut self.next.reviews[place];
            let waits = matches!(review.state, ReviewState::Due(_) | ReviewState::Held { .. });
            if waits && late && review.overdue.is_none() {
                review.overdue = Some(self.now);
                overdue.push(number(place));
            }
        }
        let told = |word: &str, numbers: &[u32]| (!numbers.is_empty()).then(|| format!("{word}: {numbers:?}"));
        let parts = [told("due", &due), told("overdue", &overdue)];
        self.message = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
        self.kind = match (due.is_empty(), overdue.is_empty()) {
            (_, false) => "overdue",
            (false, true) => "due",
            (true, true) => "look",
        };
    }

    fn hold(&mut self, wanted: u32, said: Said) -> Result<(), Refused> {
        let place = self.open_review(wanted)?;
        let filled = self.filled(&self.next.reviews[place]);
        self.ordered("hold", &said, format!("review {wanted}"));
        // Filled anew: what came in late counts, and is what people have before them.
        self.next.reviews[place].state = ReviewState::Held { filled, held: said.at(self.now) };
        Ok(())
    }

    fn sign(&mut self, wanted: u32, said: Said) -> Result<(), Refused> {
        let place = self.open_review(wanted)?;
        if self.next.reviews[place].kind == ReviewKind::Evaluation {
            return Err(Refused::IsEvaluation(wanted));
        }
        self.ordered("sign", &said, format!("review {wanted}"));
        self.signed(place, said, None);
        Ok(())
    }

    fn evaluate(&mut self, said: Said, waive: Option<String>) -> Result<(), Refused> {
        self.watching()?;
        match self.facts.standing {
            Standing::Stable => {}
            Standing::Switched => return Err(Refused::NotStable),
            Standing::TakenBack(_) => return Err(Refused::Ended("taken-back")),
        }
        if let Some(debt) = open_actions(&self.next).find(|(_, action)| action.kind == ActionKind::Debt) {
            return Err(Refused::DebtOpen(debt.0));
        }
        let missing = missing(&self.next, self.now);
        match (&waive, missing.is_empty()) {
            (None, false) => return Err(Refused::NotReady(missing)),
            (Some(_), true) => return Err(Refused::NothingToWaive),
            (None, true) | (Some(_), false) => {}
        }
        let waived = waive.as_ref().map(|why| {
            let missing: Vec<_> = missing.iter().map(ToString::to_string).collect();
            format!("waived ({why}): {}", missing.join(", "))
        });
        self.ordered("evaluate", &said, waived.unwrap_or_default());
        self.signed(self.next.reviews.len() - 1, said, waive);
        self.next.phase = Phase::Closed { since: self.now };
        Ok(())
    }

    fn add(&mut self, action: NewAction, said: Said) -> Result<(), Refused> {
        let NewAction { kind, owner, due, review } = action;
        if let Some(of) = review.filter(|of| self.next.review(*of).is_none()) {
            return Err(Refused::NoSuchReview(of));
        }
        if self.next.actions.len() >= ACTIONS_MAX {
            return Err(Refused::TooManyActions);
        }
        self.ordered("add-action", &said, format!("action {} of {owner}", number(self.next.actions.len())));
        let (text, added) = (said.text.clone(), Said { text: String::new(), ..said }.at(self.now));
        self.next.actions.push(Action { kind, text, owner, due, review, added, closed: None });
        Ok(())
    }

    fn close(&mut self, wanted: u32, said: Said) -> Result<(), Refused> {
        let place = index(wanted).filter(|place| *place < self.next.actions.len());
        let place = place.ok_or(Refused::NoSuchAction(wanted))?;
        if self.next.actions[place].closed.is_some() {
            return Err(Refused::ActionClosed(wanted));
        }
        self.ordered("close-action", &said, format!("action {wanted}"));
        self.next.actions[place].closed = Some(said.at(self.now));
        Ok(())
    }

    fn reflect(&mut self, said: Said) -> Result<(), Refused> {
        if self.next.retrospectives.len() >= RETROSPECTIVES_MAX {
            return Err(Refused::TooManyRetrospectives);
        }
        self.ordered("reflect", &said, String::new());
        self.next.retrospectives.push(Retrospective { said: said.at(self.now) });
        Ok(())
    }

    fn ordered(&mut self, kind: &'static str, said: &Said, what: String) {
        self.kind = kind;
        self.actor.clone_from(&said.by);
        let parts = [what.as_str(), said.text.as_str()].into_iter().filter(|part| !part.is_empty());
        self.message = parts.collect::<Vec<_>>().join(": ");
    }

    fn watching(&self) -> Result<(), Refused> {
        if self.next.is_watching() { Ok(()) } else { Err(Refused::Ended(self.next.phase.as_str())) }
    }

    /// The place of a review that people may act on.
    fn open_review(&self, wanted: u32) -> Result<usize, Refused> {
        self.watching()?;
        let place = index(wanted).filter(|place| *place < self.next.reviews.len());
        let place = place.ok_or(Refused::NoSuchReview(wanted))?;
        match &self.next.reviews[place].state {
            ReviewState::Signed { .. } => Err(Refused::AlreadySigned(wanted)),
            // Due by the clock, though nobody has looked since.
            ReviewState::Scheduled if self.next.reviews[place].due > self.now => Err(Refused::NotDue(wanted)),
            ReviewState::Scheduled | ReviewState::Due(_) | ReviewState::Held { .. } => Ok(place),
        }
    }

    /// Signs what was last filled: nobody signs figures that they have not seen.
    fn signed(&mut self, place: usize, said: Said, waived: Option<String>) {
        let fresh = self.filled(&self.next.reviews[place]);
        let review = &mut self.next.reviews[place];
        let (filled, held) = match review.state.clone() {
            ReviewState::Scheduled => (fresh, None),
            ReviewState::Due(filled) => (filled, None),
            ReviewState::Held { filled, held } => (filled, Some(held)),
            ReviewState::Signed { filled, held, .. } => (filled, held),
        };
        review.state = ReviewState::Signed { filled, held, signed: said.at(self.now), waived };
    }

    /// What a review shows now.
    fn filled(&self, review: &Review) -> Filled {
        let (next, facts) = (&self.next, self.facts);
        let length = review.due.since(review.from);
        let mut names: BTreeSet<&KpiId> = next.policy.targets.iter().map(|target| &target.kpi).collect();
        let room = FIGURES_MAX.saturating_sub(names.len());
        names.extend(facts.kpis.keys().take(room));
        let figure = |kpi: &KpiId| {
            let mean = |from, to| facts.kpis.get(kpi).and_then(|history| history.mean(from, to));
            let (value, before) = (mean(review.from, review.due), mean(next.launched.before(length), next.launched));
            let target = next.policy.target(kpi).map(|target| (target.target, target.judge(value)));
            Figure { kpi: kpi.clone(), value, before, target }
        };
        let verdict: Option<Verdict> = next.policy.feedback.as_ref().map(|policy| facts.feedback.judge(policy));
        Filled { at: self.now, figures: names.into_iter().map(figure).collect(), feedback: facts.feedback, verdict }
    }
}

/// What is missing before the evaluation can be signed.
#[must_use]
pub fn missing(record: &Watch, now: Timestamp) -> Vec<Missing> {
    let due = record.evaluation().due;
    let time = (due > now).then_some(Missing::Time(due));
    let reviews = record.reviews.iter().enumerate();
    let reviews = reviews.filter(|(_, review)| review.kind != ReviewKind::Evaluation && !review.is_signed());
    let actions = open_actions(record);
    let reviews = reviews.map(|(place, _)| Missing::Review(number(place)));
    time.into_iter().chain(reviews).chain(actions.map(|(number, _)| Missing::Action(number))).collect()
}

/// What is still to be done, with its number.
fn open_actions(record: &Watch) -> impl Iterator<Item = (u32, &Action)> {
    let actions = record.actions.iter().enumerate().filter(|(_, action)| action.closed.is_none());
    actions.map(|(place, action)| (number(place), action))
}

/// What a watch waits for: signatures and actions, then time. Open actions outlive the watch.
#[must_use]
pub fn waits(record: &Watch, standing: Standing, now: Timestamp) -> Vec<Wait> {
    let mut waits = Vec::new();
    if record.is_watching() {
        let reviews = || record.reviews.iter().enumerate();
        let unsigned = reviews().filter(|(_, review)| !review.is_signed() && review.due <= now);
        waits
            .extend(unsigned.map(|(place, review)| Wait::Signature { review: number(place), overdue: review.overdue }));
        let next = reviews().find(|(_, review)| review.state == ReviewState::Scheduled && review.due > now);
        waits.extend(next.map(|(place, review)| Wait::Review { review: number(place), due: review.due }));
    }
    waits.extend(open_actions(record).map(|(number, action)| Wait::Action {
        action: number,
        owner: action.owner.clone(),
        due: action.due,
        late: action.due < now,
    }));
    if record.is_watching() && standing == Standing::Switched {
        waits.push(Wait::Stable);
    }
    waits
}
