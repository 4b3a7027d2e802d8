//! Invariants of a watch and of its decisions.

use super::{Broken, require};
use crate::watch::policy::REVIEWS_MAX;
use crate::watch::{ActionKind, Outcome, Phase, Review, ReviewKind, ReviewState, Watch};

/// What holds of every record of a watch.
#[must_use]
pub fn watch(record: &Watch) -> Vec<Broken> {
    let mut broken = Vec::new();
    schedule(&mut broken, record);
    for review in &record.reviews {
        let late = review.overdue.is_none_or(|said| said >= review.due.after(record.policy.grace));
        let was_due = review.overdue.is_none() || review.state != ReviewState::Scheduled;
        require(&mut broken, "W3", late && was_due, || format!("overdue too early: {review:?}"));
        let figures = review.filled().map(|filled| filled.figures.as_slice()).unwrap_or_default();
        let honest = figures.iter().all(|figure| {
            figure.target.is_none_or(|(_, outcome)| (outcome == Outcome::NoData) == figure.value.is_none())
        });
        require(&mut broken, "W4", honest, || format!("a target is judged on nothing: {review:?}"));
        let early = match &review.state {
            ReviewState::Scheduled => false,
            ReviewState::Due(filled) | ReviewState::Held { filled, .. } => filled.at < review.due,
            ReviewState::Signed { filled, waived, .. } => waived.is_none() && filled.at < review.due,
        };
        require(&mut broken, "W3", !early, || format!("filled before it was due: {review:?}"));
    }
    let (evaluated, closed) =
        (record.reviews.last().is_some_and(Review::is_signed), matches!(record.phase, Phase::Closed { .. }));
    require(&mut broken, "W5", evaluated == closed, || format!("{:?}, evaluation signed: {evaluated}", record.phase));
    require(&mut broken, "W5", !closed || has_reason_for_what_is_missing(record), || {
        "missing, and not waived".to_owned()
    });
    broken
}

/// Reviews are those of the policy, each once, without a gap between them.
fn schedule(broken: &mut Vec<Broken>, record: &Watch) {
    let dues = record.policy.dues();
    let mut from = record.switched;
    let mut as_planned = record.reviews.len() == dues.len() + 1 && record.reviews.len() <= REVIEWS_MAX;
    for (review, (due, every)) in record.reviews.iter().zip(&dues) {
        let planned = (ReviewKind::Periodic { every: *every }, from, record.switched.after(*due));
        as_planned &= (review.kind, review.from, review.due) == planned;
        from = review.due;
    }
    let evaluation = (ReviewKind::Evaluation, record.switched, record.switched.after(record.policy.evaluation));
    as_planned &= record.reviews.last().is_some_and(|last| (last.kind, last.from, last.due) == evaluation);
    require(broken, "W1", as_planned, || "the reviews are not those of the policy".to_owned());
}

/// Actions closed after the evaluation prove nothing about its moment, so only those that are open still are asked for.
fn has_reason_for_what_is_missing(record: &Watch) -> bool {
    let Some(ReviewState::Signed { waived, signed, .. }) = record.reviews.last().map(|last| &last.state) else {
        return true;
    };
    let periodic = record.reviews.iter().filter(|review| review.kind != ReviewKind::Evaluation);
    let open_then = |action: &crate::watch::Action| {
        let closed_later = action.closed.as_ref().is_none_or(|closed| closed.at > signed.at);
        action.added.at < signed.at && closed_later
    };
    let missing = periodic.clone().any(|review| !review.is_signed()) || record.actions.iter().any(open_then);
    let owed = record.actions.iter().any(|action| action.kind == ActionKind::Debt && open_then(action));
    (waived.is_some() || !missing) && !owed
}

/// What holds between a record and the one after it.
#[must_use]
pub fn watched(before: &Watch, after: &Watch) -> Vec<Broken> {
    let mut broken = watch(after);
    require(&mut broken, "W2", before.epoch.next() == Some(after.epoch), || {
        format!("from {} to {}", before.epoch, after.epoch)
    });
    let fixed = |watch: &Watch| {
        let Watch { service, rollout, release, policy, launched, switched, .. } = watch.clone();
        (service, rollout, release, policy, launched, switched)
    };
    require(&mut broken, "W6", fixed(before) == fixed(after), || {
        "what was fixed when it was opened has changed".to_owned()
    });
    let ended = !before.is_watching();
    require(&mut broken, "W6", !ended || before.phase == after.phase, || {
        format!("{:?} → {:?}", before.phase, after.phase)
    });
    require(&mut broken, "W6", !ended || before.reviews == after.reviews, || {
        "a review changed after the end".to_owned()
    });
    for (was, is) in before.reviews.iter().zip(&after.reviews) {
        let kept = rank(was) <= rank(is) && (!was.is_signed() || was == is);
        require(&mut broken, "W6", kept, || format!("a review went back: {was:?} → {is:?}"));
    }
    let actions = before.actions.iter().enumerate().all(|(place, was)| {
        let kept = |is: &crate::watch::Action| {
            let mut same = is.clone();
            same.closed.clone_from(&was.closed);
            same == *was && (was.closed.is_none() || was.closed == is.closed)
        };
        after.actions.get(place).is_some_and(kept)
    });
    let lessons = after.retrospectives.starts_with(&before.retrospectives);
    require(&mut broken, "W7", actions && lessons, || "an action or a lesson was lost or changed".to_owned());
    broken
}

const fn rank(review: &Review) -> u8 {
    match &review.state {
        ReviewState::Scheduled => 0,
        ReviewState::Due(_) => 1,
        ReviewState::Held { .. } => 2,
        ReviewState::Signed { .. } => 3,
    }
}
