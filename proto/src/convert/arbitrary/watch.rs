//! Strategies for watches, KPIs and feedback.

use meridian_core::id::KpiId;
use meridian_core::watch::{
    Action, ActionKind, Cadence, Decimal, Direction, Feedback, FeedbackPolicy, Figure, Filled, History, KpiTarget,
    Mean, Opinion, Outcome, Phase, Retrospective, Review, ReviewKind, ReviewState, Score, Severity, Signature, Source,
    Watch, WatchPolicy,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{NAME, NAMED, decided, digest, moment, outcome, release_ref, rollout_id, service, span, text, version};
use crate::convert::record::StoredWatch;

fn kpi() -> impl Strategy<Value = KpiId> {
    NAME.prop_map(|text| KpiId::new(text).expect(NAMED))
}

fn decimal() -> impl Strategy<Value = Decimal> {
    any::<i64>().prop_map(|number| Decimal::from_millionths(number / 10).expect("a tenth of i64 is in range"))
}

/// A policy, valid or not.
pub fn feedback_policy() -> impl Strategy<Value = FeedbackPolicy> {
    (decimal(), any::<u32>(), any::<u32>(), any::<bool>()).prop_map(
        |(score_min, answers_min, blockers_max, pilot_waits)| FeedbackPolicy {
            score_min,
            answers_min,
            blockers_max,
            pilot_waits,
        },
    )
}

/// A policy, valid or not.
pub fn watch_policy() -> impl Strategy<Value = WatchPolicy> {
    let cadence = (span(), span()).prop_map(|(every, until)| Cadence { every, until });
    let target = (kpi(), select(vec![Direction::AtLeast, Direction::AtMost]), decimal());
    let target = target.prop_map(|(kpi, direction, target)| KpiTarget { kpi, direction, target });
    let some = (vec(cadence, 0..3), span(), span(), vec(target, 0..3), option::of(feedback_policy()));
    let some = some.prop_map(|(reviews, evaluation, grace, targets, feedback)| WatchPolicy {
        reviews,
        evaluation,
        grace,
        targets,
        feedback,
    });
    prop_oneof![Just(WatchPolicy::default()), some].boxed()
}

fn signature() -> impl Strategy<Value = Signature> {
    (text(), moment(), text()).prop_map(|(by, at, text)| Signature { by, at, text })
}

fn opinion() -> impl Strategy<Value = Opinion> {
    (any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(answers, scores, blockers)| Opinion {
        answers,
        scores,
        blockers,
    })
}

fn filled() -> impl Strategy<Value = Filled> {
    let mean = || option::of((decimal(), 1..u64::MAX).prop_map(|(value, samples)| Mean { value, samples }));
    let judged = (decimal(), select(vec![Outcome::Met, Outcome::Missed, Outcome::NoData]));
    let figure = (kpi(), mean(), mean(), option::of(judged));
    let figure = figure.prop_map(|(kpi, value, before, target)| Figure { kpi, value, before, target });
    let parts = (moment(), vec(figure, 0..3), opinion(), option::of(outcome()));
    parts.prop_map(|(at, figures, feedback, verdict)| Filled { at, figures, feedback, verdict }).boxed()
}

fn review() -> impl Strategy<Value = Review> {
    let kind = prop_oneof![span().prop_map(|every| ReviewKind::Periodic { every }), Just(ReviewKind::Evaluation)];
    let signed = (filled(), option::of(signature()), signature(), option::of("[a-z]{1,9}"));
    let state = prop_oneof![
        Just(ReviewState::Scheduled),
        filled().prop_map(ReviewState::Due),
        (filled(), signature()).prop_map(|(filled, held)| ReviewState::Held { filled, held }),
        signed.prop_map(|(filled, held, signed, waived)| ReviewState::Signed { filled, held, signed, waived }),
    ];
    let parts = (kind, moment(), moment(), state, option::of(moment()));
    parts.prop_map(|(kind, from, due, state, overdue)| Review { kind, from, due, state, overdue }).boxed()
}

fn action() -> impl Strategy<Value = Action> {
    let kinds =
        vec![ActionKind::Fix, ActionKind::Documentation, ActionKind::Training, ActionKind::Other, ActionKind::Debt];
    let parts =
        (select(kinds), text(), text(), moment(), option::of(1..u32::MAX), signature(), option::of(signature()));
    parts.prop_map(|(kind, text, owner, due, review, added, closed)| Action {
        kind,
        text,
        owner,
        due,
        review,
        added,
        closed,
    })
}

/// A watch as a store keeps it.
pub fn stored_watch() -> impl Strategy<Value = StoredWatch> {
    let ends = vec!["rolling-back", "rolled-back", "aborted", "superseded", "failed"];
    let phase = prop_oneof![
        Just(Phase::Watching),
        moment().prop_map(|since| Phase::Closed { since }),
        (select(ends), moment()).prop_map(|(rollout, since)| Phase::TakenBack { rollout, since }),
    ];
    let whose = (service(), rollout_id(), release_ref(), decided(), watch_policy(), moment(), moment());
    let lessons = vec(signature().prop_map(|said| Retrospective { said }), 0..2);
    let parts = (whose, phase, vec(review(), 1..4), vec(action(), 0..3), lessons, option::of(digest()));
    let watch = parts.prop_map(|(whose, phase, reviews, actions, retrospectives, audit)| {
        let (service, rollout, release, epoch, policy, launched, switched) = whose;
        let watch = Watch {
            service,
            rollout,
            release,
            epoch,
            policy,
            launched,
            switched,
            phase,
            reviews,
            actions,
            retrospectives,
        };
        StoredWatch { watch, audit }
    });
    watch.boxed()
}

/// What was measured of a KPI.
pub fn history() -> impl Strategy<Value = History> {
    btree_map(moment(), decimal(), 0..6).prop_map(History::of)
}

/// What somebody says of a release.
pub fn feedback() -> impl Strategy<Value = Feedback> {
    let score = (1_u64..=5).prop_map(|score| Score::new(score).expect("1 to 5"));
    let severity = select(vec![Severity::Note, Severity::Blocker]);
    let said = (score, severity, text(), text(), text(), select(vec![Source::Proven, Source::Unverified]));
    (service(), version(), said, moment()).prop_map(|(service, version, said, at)| {
        let (score, severity, text, cohort, from, source) = said;
        Feedback { service, version, score, severity, text, cohort, from, source, at }
    })
}
