//! Whether trains can be taken: what no clock can keep is refused whenever it is, and what never departs from now on is
//! refused where it is known when now is.

use std::collections::BTreeSet;

use meridian_core::calendar::timetable::ENTRIES_MAX;
use meridian_core::calendar::{Departure, Increment, Interval, Timetable, Train};
use meridian_core::playbook::Violation;
use meridian_core::time::{Span, Timestamp};

use crate::check::{TRIED_FROM, named, short, written};
use crate::departures::{AHEAD, departures, increments, planned, skipped};
use crate::error::Refusal;
use crate::expand::{HORIZON, LASTS_MAX, following, parse};
use crate::opening::{frozen, may_open};
use crate::zone::{find, local, to_jiff};

/// The most departures over one horizon: one an hour. What is open more often is a window.
const DEPARTURES_MAX: usize = 62 * 24;
/// The most weeks between two departures.
const WEEKS_MAX: u32 = 52;
/// For how many years it is asked whether clocks skip a departure.
const YEARS: Span = Span::from_secs(20 * 366 * 24 * 3600);
/// Departures that a warning names.
const NAMED_MAX: usize = 3;

/// Everything that keeps trains and increments from being read, or a playbook from taking its train.
pub(crate) fn check(timetable: &Timetable) -> Vec<Refusal> {
    let Timetable { trains, increments, train, .. } = timetable;
    let mut refused = Vec::new();
    for (field, count) in [("trains", trains.len()), ("increments", increments.len())] {
        if count > ENTRIES_MAX {
            let message = format!("at most {ENTRIES_MAX} are allowed");
            return vec![Refusal::new(field, &count.to_string(), message, "join some of them")];
        }
    }
    let mut names = BTreeSet::new();
    for (index, train) in trains.iter().enumerate() {
        let found = named(&train.name, &mut names).and_then(|()| of_train(train));
        refused.extend(found.err().map(|refusal| refusal.within(&format!("trains[{index}]"))));
    }
    if let Some(train) = train.as_ref().filter(|train| trains.iter().all(|known| known.name != **train)) {
        refused.push(Refusal::new("train", train, "no such train is declared", "name one of `trains`"));
    }
    let (mut names, mut before) = (BTreeSet::new(), Vec::new());
    for (index, increment) in increments.iter().enumerate() {
        let within = |refusal: Refusal| refusal.within(&format!("increments[{index}]"));
        match named(&increment.name, &mut names).and_then(|()| dated(increment)).and_then(|()| planned(increment)) {
            Ok(planned) => {
                let over = |other: &Interval| other.from < planned.during.to && planned.during.from < other.to;
                if before.iter().any(over) {
                    let fix = "let one begin when the other has ended";
                    let message = "it lies over another increment";
                    refused.push(within(Refusal::new("from", &increment.during.from, message, fix)));
                }
                before.push(planned.during);
            }
            Err(refusal) => refused.push(within(refusal)),
        }
    }
    refused
}

/// The dates of an increment, each by itself.
fn dated(increment: &Increment) -> Result<(), Refusal> {
    let Increment { name: _, zone: _, during, planning, innovation } = increment;
    for (field, dates) in [("", Some(during)), ("planning", planning.as_ref()), ("innovation", innovation.as_ref())] {
        let within = |refusal: Refusal| if field.is_empty() { refusal } else { refusal.within(field) };
        for (bound, text) in dates.iter().flat_map(|dates| [("from", &dates.from), ("to", &dates.to)]) {
            written(bound, text).map_err(within)?;
        }
    }
    Ok(())
}

fn of_train(train: &Train) -> Result<(), Refusal> {
    let Train { name: _, zone, departs, boarding, from, every } = train;
    let zone_name = zone;
    let zone = find(zone)?;
    let departs = short("departs", departs)?;
    if *boarding < Span::from_secs(60) || *boarding > LASTS_MAX {
        let fix = "write how long rollouts may begin after a departure, e.g. `2h`";
        return Err(Refusal::new("boarding", &boarding.to_string(), format!("it lasts from 1m to {LASTS_MAX}"), fix));
    }
    if !(1..=WEEKS_MAX).contains(every) {
        let message = format!("1 to {WEEKS_MAX} weeks");
        return Err(Refusal::new("every", &every.to_string(), message, "leave it out for every week"));
    }
    match from {
        Some(from) => drop(written("from", from)?),
        None if *every > 1 => {
            let message = "nobody knows which weeks these are";
            return Err(Refusal::new("every", &every.to_string(), message, "say `from`, the day to count from"));
        }
        None => {}
    }
    let cron = parse("departs", departs)?;
    let first = zone.to_datetime(to_jiff(TRIED_FROM));
    let never = || Refusal::new("departs", departs, "no such day ever comes", "name a day that there is");
    let mut face = following(&cron, first).ok_or_else(never)?;
    let end = zone.to_datetime(to_jiff(TRIED_FROM.after(HORIZON)));
    for count in 0.. {
        if face >= end {
            break;
        }
        if count == DEPARTURES_MAX {
            let fix = "let it depart less often and board for longer, or write a window";
            return Err(Refusal::new("departs", departs, "it departs more than every hour", fix));
        }
        face = following(&cron, face).ok_or_else(never)?;
    }
    let years = Interval { from: TRIED_FROM, to: TRIED_FROM.after(YEARS) };
    skipped(&cron, &zone, years).map_or(Ok(()), |skipped| {
        let message = format!("clocks of {zone_name} are put forward over {}", skipped.strftime("%Y-%m-%d %H:%M"));
        Err(Refusal::new("departs", departs, message, "let it depart at an hour that every day has"))
    })
}

/// Trains that depart no more from `now` on, as far as is known ahead, and why. A timetable that can't be read is refused
/// elsewhere.
#[must_use]
pub fn stranded(timetable: &Timetable, now: Timestamp) -> Vec<Violation> {
    let ahead = Interval { from: now, to: now.after(AHEAD) };
    let freezes = frozen(timetable, ahead);
    let mut found = Vec::new();
    for (index, train) in timetable.trains.iter().enumerate() {
        let Ok(departs) = departures(timetable, train, ahead, usize::MAX) else { continue };
        let boards = |departure: &Departure, freezes: &[Interval]| {
            let Interval { from, to } = departure.during;
            may_open(timetable, freezes, Interval { from: from.max(now), to })
        };
        let why = if departs.is_empty() {
            nowhere(timetable, train, ahead)
        } else if departs.iter().any(|departure| boards(departure, &freezes)) {
            continue;
        } else if departs.iter().any(|departure| boards(departure, &[])) {
            "a freeze lies over every departure of the next two years; end it, or take the train out".to_owned()
        } else {
            "no window is open while it boards, in the next two years; let one be, or let it depart otherwise"
                .to_owned()
        };
        let field = format!("trains[{index}].departs");
        found.push(Violation { code: "TRAIN_NEVER_DEPARTS", field, value: train.departs.clone(), fix: why });
    }
    found
}

/// Why there is no departure at all.
fn nowhere(timetable: &Timetable, train: &Train, ahead: Interval) -> String {
    let alone = Timetable { increments: Vec::new(), ..timetable.clone() };
    if departures(&alone, train, ahead, 1).is_ok_and(|found| found.is_empty()) {
        return "it has no departure in the next two years; let it depart sooner, or take it out".to_owned();
    }
    let last = timetable.increments.iter().map(|increment| increment.during.to.as_str()).max().unwrap_or_default();
    format!("no departure lies in an increment any more, the last one ends {last}; declare the next increment")
}

/// Departures that are not taken because they lie outside every increment, in words; up to where increments are known.
#[must_use]
pub fn outside(timetable: &Timetable, now: Timestamp) -> Vec<String> {
    let Ok(increments) = increments(timetable) else { return Vec::new() };
    let Some(ends) = increments.iter().map(|increment| increment.during.to).max() else { return Vec::new() };
    let (alone, bounds) = (Timetable { increments: Vec::new(), ..timetable.clone() }, Interval { from: now, to: ends });
    let mut found = Vec::new();
    for train in &timetable.trains {
        let all = departures(&alone, train, bounds, usize::MAX).unwrap_or_default();
        let taken = departures(timetable, train, bounds, usize::MAX).unwrap_or_default();
        let taken: BTreeSet<Timestamp> = taken.iter().map(|departure| departure.during.from).collect();
        let left = all.iter().map(|departure| departure.during.from).filter(|from| !taken.contains(from));
        let left: Vec<String> = left.filter_map(|from| local(from, &train.zone).ok()).collect();
        let Some(named) = left.get(..left.len().min(NAMED_MAX)).filter(|named| !named.is_empty()) else { continue };
        let more = if left.len() > NAMED_MAX { ", …" } else { "" };
        let named = named.join(", ");
        found.push(format!("train {}: not taken, outside every increment: {named}{more}", train.name));
    }
    found
}
