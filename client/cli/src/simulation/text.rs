//! A simulation for people: waves and steps with their times, what is waited for, and where each failure leads.

use meridian_core::evidence::StepRef;
use meridian_core::time::Timestamp;
use meridian_core::watch::state::number;
use meridian_core::watch::{Milestone, Phase as WatchPhase, Reached, Review, ReviewState};
use meridian_core::weight::Weight;
use meridian_simulate::{Assumptions, Course, Ended, Waited, Watched, spend};
use serde_json::Value;

use super::{Run, Simulation, is_gate, json, names, place};
use crate::clock::{iso, short};
use crate::output::kinds::staging;
use crate::output::kinds::watch::kind_text;
use crate::output::page::Page;
use crate::output::{Cell, Shown, cell, or_dash, toned};
use crate::style::Tone;

impl Shown for Simulation {
    const HEADERS: &'static [&'static str] = &["SERVICE", "VERSION", "FROM", "END"];

    fn row(&self, _now: Timestamp) -> Vec<Cell> {
        vec![cell(&self.plan.service), cell(&self.plan.release), cell(iso(self.from)), end(self.calm())]
    }

    fn name(&self) -> String {
        format!("plans/{}", self.plan.hash().hex())
    }

    fn json(&self) -> Value {
        json::value(self)
    }

    fn describe(&self, _now: Timestamp) -> Page {
        let mut page = Page::default();
        overview(&mut page, self);
        waves(&mut page, self);
        page.table("under load", staging::HEADERS, staging::rows(&self.plan));
        steps(&mut page, self);
        gates(&mut page, self);
        if let Some(watched) = &self.watched {
            reviews(&mut page, watched);
        }
        for run in self.runs.iter().skip(1) {
            failed(&mut page, self, run);
        }
        page
    }
}

fn overview(page: &mut Page, simulation: &Simulation) {
    let Simulation { plan, assumed, from, .. } = simulation;
    let course = simulation.calm();
    let measured = assumed.measured;
    page.field("plan", cell(format!("{} {} by {}", plan.service, plan.release, plan.playbook.id)));
    page.field("over", cell(format!("{} regions in {} waves", plan.lanes.len(), plan.waves.len())));
    page.field("from", cell(iso(*from)));
    let Assumptions { prepare, shift, consent, .. } = assumed;
    let takes = format!("slots up in {prepare}, traffic moved in {shift}, people consent in {consent}");
    let answers = format!("{} requests a minute and region, {} errors", measured.requests, measured.new.errors);
    page.field("assumed", cell(format!("{takes}; {answers}, answers within {}", measured.new.latency)));
    let slow = assumed.slow.iter().map(|(region, slow)| format!("{region} {slow} times as slow"));
    let other = assumed.regions.keys().map(|region| format!("{region} measures otherwise"));
    let besides: Vec<String> = slow.chain(other).collect();
    if !besides.is_empty() {
        page.field("", cell(besides.join(", ")));
    }
    if let Some(switched) = course.first("switched") {
        page.field("switched", cell(after(simulation, switched)));
    }
    page.field("end", end(course));
    if let Some(WatchPhase::Closed { since }) = simulation.watched.as_ref().map(|it| it.watch.phase) {
        page.field("closed", toned(Tone::Good, after(simulation, since)));
    }
}

fn after(simulation: &Simulation, moment: Timestamp) -> String {
    format!("{}, {} after the start", iso(moment), short(moment.since(simulation.from)))
}

fn end(course: &Course) -> Cell {
    let at = iso(course.end.at);
    match &course.end.how {
        Ended::Over { phase, cause: None } => toned(Tone::Good, format!("{phase} {at}")),
        Ended::Over { phase, cause: Some(cause) } => toned(Tone::Bad, format!("{phase} {at}: {cause}")),
        Ended::Waiting { phase, waits, limit } => {
            let whom: Vec<String> = waits.iter().filter(|wait| is_gate(wait)).map(ToString::to_string).collect();
            let limit = limit.map(|limit| format!("; left alone it goes back {}", iso(limit))).unwrap_or_default();
            toned(Tone::Warning, format!("{phase} {at}: {}{limit}", whom.join("; ")))
        }
    }
}

fn moment(moment: Option<Timestamp>) -> Cell {
    or_dash(moment.map(iso).unwrap_or_default())
}

fn share(share: Weight) -> Cell {
    cell(share)
}

fn waves(page: &mut Page, simulation: &Simulation) {
    let plan = &simulation.plan;
    let course = simulation.calm();
    let rows = plan.waves.iter().zip(&course.waves).map(|(wave, went)| {
        let local = went.began.and_then(|began| simulation.local_of(wave, began));
        let local = local.map(|(time, region)| format!("{time} in {region}"));
        vec![
            cell(&wave.id),
            cell(wave.stage.as_str()),
            cell(wave.regions.len()),
            moment(went.began),
            or_dash(local.unwrap_or_default()),
            moment(went.settled),
            or_dash(went.began.zip(went.settled).map(|(from, to)| short(to.since(from))).unwrap_or_default()),
        ]
    });
    let headers = &["WAVE", "STAGE", "REGIONS", "BEGINS", "BY THE CLOCK OF", "SETTLES", "TAKES"];
    page.table("waves", headers, rows.collect());
}

fn steps(page: &mut Page, simulation: &Simulation) {
    let plan = &simulation.plan;
    let mut rows = Vec::new();
    for (place, (wave, went)) in plan.waves.iter().zip(&simulation.calm().waves).enumerate() {
        for (number, (step, went)) in wave.steps.iter().zip(&went.steps).enumerate() {
            let at = StepRef { wave: place, step: number };
            let spent = spend(simulation.calm(), &simulation.assumed, at);
            let budget = spent.and_then(|spent| spent.of_budget).map(hundredths);
            let leg = plan.leg(at).map(|leg| format!(" (rehearsal {})", leg.as_str())).unwrap_or_default();
            let weight = format!("{}{}{leg}", step.weight, if step.cohort.is_some() { " and a cohort" } else { "" });
            rows.push(vec![
                cell(format!("{}/{}", wave.id, number + 1)),
                cell(weight),
                moment(went.began),
                moment(went.moved),
                moment(went.baked),
                share(went.exposed),
                or_dash(spent.map(|spent| spent.failed.to_string()).unwrap_or_default()),
                or_dash(budget.unwrap_or_default()),
            ]);
        }
    }
    let headers = &[
        "STEP",
        "WEIGHT",
        "FIRST MOVES",
        "LAST HAS MOVED",
        "ALL BAKED",
        "OF ALL TRAFFIC",
        "FAILED REQUESTS",
        "OF 30-DAY BUDGET",
    ];
    page.table("steps", headers, rows);
}

/// Basis points, however many, as a percentage.
fn hundredths(basis_points: u64) -> String {
    format!("{}.{:02}%", basis_points / 100, basis_points % 100)
}

/// What is looked at after the launch, when and by whom, and the milestones.
fn reviews(page: &mut Page, watched: &Watched) {
    let row = |(place, review): (usize, &Review)| {
        let signed = match &review.state {
            ReviewState::Signed { signed, .. } => Some(signed.at),
            ReviewState::Scheduled | ReviewState::Due(_) | ReviewState::Held { .. } => None,
        };
        let figures = review.filled().map(|filled| filled.figures.as_slice()).unwrap_or_default();
        let told = figures.iter().filter_map(|figure| {
            let (target, outcome) = figure.target?;
            let value = figure.value.map_or_else(|| "nothing".to_owned(), |mean| mean.value.to_string());
            Some(format!("{} {value} of {target}: {}", figure.kpi, outcome.as_str()))
        });
        let told = or_dash(told.collect::<Vec<_>>().join("; "));
        vec![cell(number(place)), cell(kind_text(review.kind)), cell(iso(review.due)), moment(signed), told]
    };
    let rows = watched.watch.reviews.iter().enumerate().map(row).collect();
    page.table("reviews", &["REVIEW", "KIND", "DUE", "SIGNED", "KPIS"], rows);
    let row = |(milestone, reached): &(Milestone, Reached)| {
        let why = match reached {
            Reached::Yes(since) => since.map(iso).unwrap_or_default(),
            Reached::NotYet(why) | Reached::Never(why) => (*why).to_owned(),
        };
        vec![cell(milestone.as_str()), cell(reached.as_str()), or_dash(why)]
    };
    page.table("milestones", &["MILESTONE", "STATE", "SINCE OR WHY"], watched.milestones.iter().map(row).collect());
}

/// What people, windows and freezes keep it waiting for.
fn gates(page: &mut Page, simulation: &Simulation) {
    let course = simulation.calm();
    let row = |Waited { from, to, wait }: &Waited| {
        let until = to.unwrap_or(course.end.at);
        let local = wait.region().and_then(|region| simulation.local_in(region, until));
        vec![
            cell(wait.code()),
            cell(iso(*from)),
            moment(*to),
            or_dash(local.unwrap_or_default()),
            cell(short(until.since(*from))),
            cell(wait),
        ]
    };
    let rows = course.waits.iter().filter(|waited| is_gate(&waited.wait)).map(row).collect();
    page.table("gates and people", &["WAIT", "FROM", "UNTIL", "BY ITS CLOCK", "TAKES", "FOR"], rows);
}

fn failed(page: &mut Page, simulation: &Simulation, Run { failures, course }: &Run) {
    let plan = &simulation.plan;
    let mut rows: Vec<(Timestamp, Vec<Cell>)> = Vec::new();
    let mut row = |at: Timestamp, what: Cell, why: String| {
        rows.push((at, vec![cell(iso(at)), cell(short(at.since(simulation.from))), what, or_dash(why)]));
    };
    for decided in course.decisions.iter().filter(|decided| decided.why.is_some()) {
        row(decided.at, toned(Tone::Warning, decided.phase), decided.why.clone().unwrap_or_default());
    }
    for back in course.returns() {
        let took = back.back.map(|at| format!("{} after it turned", short(at.since(back.turned))));
        let what = format!("{} is back", back.region);
        let why = format!("was {}; {}", place(plan, back.was), took.unwrap_or_else(|| "not confirmed".to_owned()));
        row(back.back.unwrap_or(course.end.at), cell(what), why);
    }
    let most = format!("at most {} of all traffic was on the new release", course.exposed_most());
    rows.sort_by_key(|(at, _)| *at);
    let mut rows: Vec<Vec<Cell>> = rows.into_iter().map(|(_, row)| row).collect();
    let at = course.end.at;
    rows.push(vec![cell(iso(at)), cell(short(at.since(simulation.from))), end_word(course), cell(most)]);
    page.table(&format!("if {} fails", names(failures)), &["WHEN", "AFTER", "WHAT", "WHY"], rows);
}

fn end_word(course: &Course) -> Cell {
    match &course.end.how {
        Ended::Over { phase, cause: None } => toned(Tone::Good, format!("{phase}: no check has seen it")),
        Ended::Over { phase, cause: Some(_) } => toned(Tone::Bad, *phase),
        Ended::Waiting { phase, .. } => toned(Tone::Warning, format!("{phase}: waits for a person")),
    }
}
