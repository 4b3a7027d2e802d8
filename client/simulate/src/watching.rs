//! The watch after a launch in virtual time: the rules of core say what is due, people hold and sign it. It knows no
//! traffic any more; what KPIs come to is assumed.

use std::collections::BTreeMap;

use meridian_core::id::KpiId;
use meridian_core::rollout::state::{Phase, Rollout};
use meridian_core::time::{Span, Timestamp};
use meridian_core::watch::state::number;
use meridian_core::watch::{
    Event, Facts, History, Milestone, Opinion, Reached, ReviewKind, ReviewState, Said, Watch, WatchPolicy, milestones,
    open, standing, step,
};

use crate::assume::{Assumptions, praise};
use crate::course::Course;

/// Who holds and signs, and what they say.
const PEOPLE: &str = "assumed";
/// Decisions after which a watch is said not to end: each of its reviews takes four.
const DECISIONS_MAX: usize = 1_000;

/// What became of a launch after its switch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Watched {
    /// The watch at its end: every review with what it was filled with and when it was signed.
    pub watch: Watch,
    /// The milestones, as they stand then.
    pub milestones: [(Milestone, Reached); 3],
}

/// Plays the watch of a course that has become stable, up to its signed evaluation; `None` for any other course. People
/// take as long over a review as they take to consent, and the evaluation waits for all of them.
#[must_use]
pub fn watched(course: &Course, policy: &WatchPolicy, assumed: &Assumptions) -> Option<Watched> {
    let Phase::Stable { since: stable } = course.record.phase else { return None };
    // A server opens it with the switch, and counts from there.
    let phase = Phase::Switched { since: course.first("switched")? };
    let switched = Rollout { phase, ..course.record.clone() };
    let mut watch = open(&switched, policy.clone(), course.record.opened)?;
    let facts = Facts {
        standing: standing(&course.record.phase),
        kpis: kpis(&watch, assumed),
        feedback: policy.feedback.map_or_else(Opinion::default, |it| praise(it.answers_min)),
    };
    let mut now = watch.switched;
    for _ in 0..DECISIONS_MAX {
        let next = orders(&watch, assumed.consent, stable, now)
            .into_iter()
            .find_map(|event| step(&watch, event, &facts, now).expect("people do what is due, in its order").next);
        if let Some(next) = next {
            watch = next;
            continue;
        }
        match wake(&watch, assumed.consent, stable, now) {
            Some(later) => now = later,
            None => break,
        }
    }
    let milestones = milestones(&course.record, policy, facts.feedback, Some(&watch));
    Some(Watched { watch, milestones })
}

/// What happens at a moment: time passes, and what has lain long enough before people is held, then signed.
fn orders(watch: &Watch, takes: Span, stable: Timestamp, now: Timestamp) -> Vec<Event> {
    let said = || Said { by: PEOPLE.to_owned(), text: String::new() };
    let mut events = vec![Event::Look];
    for (place, review) in watch.reviews.iter().enumerate() {
        if now < review.due.after(takes) {
            continue;
        }
        match (&review.state, review.kind) {
            (ReviewState::Due(_), _) => events.push(Event::Hold(number(place), said())),
            (ReviewState::Held { .. }, ReviewKind::Periodic { .. }) => {
                events.push(Event::Sign(number(place), said()));
            }
            (ReviewState::Held { .. }, ReviewKind::Evaluation) if now >= stable => {
                events.push(Event::Evaluate { said: said(), waive: None });
            }
            (ReviewState::Held { .. }, ReviewKind::Evaluation)
            | (ReviewState::Scheduled | ReviewState::Signed { .. }, _) => {}
        }
    }
    events
}

/// The next moment at which anything happens; `None`: all is signed.
fn wake(watch: &Watch, takes: Span, stable: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let unsigned = watch.reviews.iter().filter(|review| !review.is_signed());
    let signed = unsigned.map(|review| {
        let at = review.due.after(takes);
        if review.kind == ReviewKind::Evaluation { at.max(stable) } else { at }
    });
    signed.chain(watch.next_due()).filter(|at| *at > now && watch.is_watching()).min()
}

/// Each KPI comes to what is assumed in the time of every review; nothing is assumed of the time before the launch.
fn kpis(watch: &Watch, assumed: &Assumptions) -> BTreeMap<KpiId, History> {
    let moments = || watch.reviews.iter().map(|review| review.from);
    let history = |value| History::of(moments().map(|at| (at, value)).collect());
    assumed.kpis.iter().map(|(kpi, value)| (kpi.clone(), history(*value))).collect()
}
