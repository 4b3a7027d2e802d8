//! Reviews: what they look at, how far they have come, and who has signed them.

use meridian_client::WatchView;
use meridian_core::time::Timestamp;
use meridian_core::watch::state::number;
use meridian_core::watch::{Figure, Mean, Outcome, Review, ReviewKind, ReviewState, Signature};
use serde_json::{Value, json};

use super::signature_json;
use crate::clock;
use crate::output::kinds::{moment_cell, moment_json};
use crate::output::page::Page;
use crate::output::{Cell, Shown, cell, or_dash, toned};
use crate::style::Tone;

/// A review of a watch.
pub(crate) struct ReviewShown<'a> {
    view: &'a WatchView,
    review: &'a Review,
    pub(crate) number: u32,
}

/// The reviews of a watch, in order.
pub(crate) fn reviews(view: &WatchView) -> Vec<ReviewShown<'_>> {
    let all = view.watch.reviews.iter().enumerate();
    all.map(|(place, review)| ReviewShown { view, review, number: number(place) }).collect()
}

/// `every 1d` or `evaluation`.
pub(crate) fn kind_text(kind: ReviewKind) -> String {
    match kind {
        ReviewKind::Periodic { every } => format!("every {every}"),
        ReviewKind::Evaluation => "evaluation".to_owned(),
    }
}

fn state_tone(word: &str) -> Tone {
    match word {
        "signed" => Tone::Good,
        "overdue" => Tone::Bad,
        "due" | "held" => Tone::Warning,
        _ => Tone::Faint,
    }
}

fn mean_json(mean: Option<Mean>) -> Value {
    mean.map_or(Value::Null, |mean| json!({ "value": mean.value.to_string(), "samples": mean.samples }))
}

fn mean_cell(mean: Option<Mean>) -> Cell {
    or_dash(mean.map(|mean| mean.value.to_string()).unwrap_or_default())
}

fn outcome_cell(figure: &Figure) -> Cell {
    match figure.target {
        None => or_dash(""),
        Some((_, Outcome::Met)) => toned(Tone::Good, "met"),
        Some((_, Outcome::Missed)) => toned(Tone::Bad, "missed"),
        Some((_, Outcome::NoData)) => toned(Tone::Warning, "no data"),
    }
}

/// Who has held it, who has signed it, and why something that is missing was waived.
fn signatures(review: &Review) -> (Option<&Signature>, Option<&Signature>, Option<&str>) {
    match &review.state {
        ReviewState::Scheduled | ReviewState::Due(_) => (None, None, None),
        ReviewState::Held { held, .. } => (Some(held), None, None),
        ReviewState::Signed { held, signed, waived, .. } => (held.as_ref(), Some(signed), waived.as_deref()),
    }
}

/// A review for programs.
pub(crate) fn review_json(number: u32, review: &Review) -> Value {
    let (held, signed, waived) = signatures(review);
    let figure = |figure: &Figure| {
        json!({
            "kpi": figure.kpi.as_str(),
            "value": mean_json(figure.value),
            "before": mean_json(figure.before),
            "target": figure.target.map(|(target, _)| target.to_string()),
            "outcome": figure.target.map(|(_, outcome)| outcome.as_str()),
        })
    };
    let filled = review.filled().map(|filled| {
        json!({
            "at": moment_json(Some(filled.at)),
            "figures": filled.figures.iter().map(figure).collect::<Vec<_>>(),
            "answers": filled.feedback.answers,
            "scores": filled.feedback.scores,
            "blockers": filled.feedback.blockers,
            "feedback": filled.verdict.map(|verdict| verdict.as_str()),
        })
    });
    json!({
        "review": number,
        "kind": kind_text(review.kind),
        "from": moment_json(Some(review.from)),
        "due": moment_json(Some(review.due)),
        "state": review.word(),
        "filled": filled,
        "held": signature_json(held),
        "signed": signature_json(signed),
        "waived": waived,
    })
}

impl ReviewShown<'_> {
    fn missed(&self) -> usize {
        let figures = self.review.filled().map(|filled| filled.figures.as_slice()).unwrap_or_default();
        figures.iter().filter(|figure| figure.target.is_some_and(|(_, outcome)| outcome != Outcome::Met)).count()
    }
}

impl Shown for ReviewShown<'_> {
    const HEADERS: &'static [&'static str] = &["REVIEW", "KIND", "DUE", "STATE", "TARGETS", "FEEDBACK", "SIGNED BY"];

    fn row(&self, _now: Timestamp) -> Vec<Cell> {
        let word = self.review.word();
        let filled = self.review.filled();
        let missed = match self.missed() {
            0 => or_dash(filled.map(|_| "met").unwrap_or_default()),
            missed => toned(Tone::Bad, format!("{missed} not met")),
        };
        let feedback = filled.and_then(|filled| filled.verdict).map(|verdict| verdict.as_str());
        vec![
            cell(self.number),
            cell(kind_text(self.review.kind)),
            cell(clock::iso(self.review.due)),
            toned(state_tone(word), word),
            missed,
            or_dash(feedback.unwrap_or_default()),
            or_dash(signatures(self.review).1.map(|signed| signed.by.as_str()).unwrap_or_default()),
        ]
    }

    fn name(&self) -> String {
        format!("{}/watch/reviews/{}", self.view.rollout(), self.number)
    }

    fn json(&self) -> Value {
        let mut value = review_json(self.number, self.review);
        value["rollout"] = self.view.rollout().to_string().into();
        value["watch"] = self.view.watch.phase.as_str().into();
        value
    }

    fn describe(&self, now: Timestamp) -> Page {
        let mut page = Page::default();
        let watch = &self.view.watch;
        page.field("review", toned(Tone::Strong, format!("{} of {}", self.number, self.view.rollout())));
        page.field("release", cell(&watch.release)).field("watch", cell(watch.phase.as_str()));
        page.field("kind", cell(kind_text(self.review.kind)));
        page.field("looks at", cell(format!("{} to {}", clock::iso(self.review.from), clock::iso(self.review.due))));
        let word = self.review.word();
        page.field("state", toned(state_tone(word), word));
        let (held, signed, waived) = signatures(self.review);
        for (name, signature) in [("held", held), ("signed", signed)] {
            if let Some(Signature { by, at, text }) = signature {
                page.field(name, cell(format!("by {by} at {}: {text}", clock::iso(*at)).trim_end_matches(": ")));
            }
        }
        if let Some(waived) = waived {
            page.field("waived", toned(Tone::Warning, waived));
        }
        if let Some(filled) = self.review.filled() {
            page.field("filled", moment_cell(Some(filled.at), now));
            let verdict = filled.verdict.map(|verdict| format!(": {}", verdict.as_str())).unwrap_or_default();
            page.field("feedback", cell(format!("{}{verdict}", filled.feedback)));
            let row = |figure: &Figure| {
                let target = figure.target.map(|(target, _)| target.to_string()).unwrap_or_default();
                let samples = figure.value.map_or(0, |mean| mean.samples);
                vec![
                    cell(&figure.kpi),
                    mean_cell(figure.value),
                    mean_cell(figure.before),
                    or_dash(target),
                    outcome_cell(figure),
                    cell(samples),
                ]
            };
            let headers = &["KPI", "NOW", "BEFORE", "TARGET", "OUTCOME", "SAMPLES"];
            page.table("KPIs", headers, filled.figures.iter().map(row).collect());
        }
        page
    }
}
