//! Windows, freezes, trains and increments, in JSON with the words of the manifest and in those of people.

use meridian_core::calendar::{Dates, Entry, Increment, Splits, Timetable, Train, When, Zone};
use serde_json::{Value, json};

use crate::output::page::Page;
use crate::output::{Cell, cell};

/// Adds what there is of a timetable to a spec.
pub(crate) fn add_json(timetable: &Timetable, spec: &mut Value) {
    let Timetable { windows, freezes, splits, trains, increments, train } = timetable;
    for (field, entries) in [("windows", windows), ("freezes", freezes)] {
        if !entries.is_empty() {
            spec[field] = entries.iter().map(entry_json).collect();
        }
    }
    if *splits != Splits::None {
        spec["splits"] = Value::from(splits.as_str());
    }
    if !trains.is_empty() {
        spec["trains"] = trains.iter().map(train_json).collect();
    }
    if !increments.is_empty() {
        spec["increments"] = increments.iter().map(increment_json).collect();
    }
    if let Some(train) = train {
        spec["train"] = Value::from(train.as_str());
    }
}

/// A train in the words of the manifest.
pub(crate) fn train_json(train: &Train) -> Value {
    let Train { name, zone, departs, boarding, from, every } = train;
    let mut value = json!({ "name": name, "zone": zone, "departs": departs, "boarding": boarding.to_string() });
    if *every != 1 {
        value["every"] = Value::from(*every);
    }
    if let Some(from) = from {
        value["from"] = Value::from(from.as_str());
    }
    value
}

fn increment_json(increment: &Increment) -> Value {
    let Increment { name, zone, during: Dates { from, to }, planning, innovation } = increment;
    let mut value = json!({ "name": name, "zone": zone, "from": from, "to": to });
    for (field, quiet) in [("planning", planning), ("innovation", innovation)] {
        if let Some(Dates { from, to }) = quiet {
            value[field] = json!({ "from": from, "to": to });
        }
    }
    value
}

/// When a train departs, in words.
pub(crate) fn train_text(train: &Train) -> String {
    let Train { name: _, zone: _, departs, boarding, from, every } = train;
    let weeks = if *every == 1 { String::new() } else { format!(", each {every} weeks") };
    let from = from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
    format!("{departs}{weeks}{from}, boards for {boarding}")
}

fn entry_json(entry: &Entry) -> Value {
    let Entry { name, zone, when } = entry;
    let mut value = json!({ "name": name, "zone": zone.as_str() });
    match when {
        When::Cron { expression, lasts } => {
            value["cron"] = Value::from(expression.as_str());
            value["duration"] = Value::from(lasts.to_string());
        }
        When::Range { from, to } => {
            value["from"] = Value::from(from.as_str());
            value["to"] = Value::from(to.as_str());
        }
    }
    value
}

/// When rollouts begin, and inside which increments, if any are declared.
fn describe_trains(timetable: &Timetable, page: &mut Page) {
    if let Some(train) = &timetable.train {
        page.field("train", cell(train));
    }
    let train = |train: &Train| vec![cell("train"), cell(&train.name), cell(train_text(train)), cell(&train.zone)];
    let increment = |of: &Increment| {
        let quiet = [("planning", &of.planning), ("innovation", &of.innovation)];
        let named = |(name, dates): (&str, &Option<Dates>)| {
            dates.as_ref().map(|Dates { from, to }| format!(", {name} {from} to {to}")).unwrap_or_default()
        };
        let Dates { from, to } = &of.during;
        let when = format!("{from} to {to}{}", quiet.map(named).concat());
        vec![cell("increment"), cell(&of.name), cell(when), cell(&of.zone)]
    };
    let rows = timetable.trains.iter().map(train).chain(timetable.increments.iter().map(increment)).collect();
    page.table("when rollouts begin", &["KIND", "NAME", "WHEN", "ZONE"], rows);
}

/// When steps may start, if that is limited.
pub(crate) fn describe(timetable: &Timetable, page: &mut Page) {
    describe_trains(timetable, page);
    let row = |what: &str, entry: &Entry| -> Vec<Cell> {
        let when = match &entry.when {
            When::Cron { expression, lasts } => format!("{expression} for {lasts}"),
            When::Range { from, to } => format!("{from} to {to}"),
        };
        let zone = match &entry.zone {
            Zone::Region => "each region's own".to_owned(),
            Zone::Named(name) => name.clone(),
        };
        vec![cell(what), cell(&entry.name), cell(when), cell(zone)]
    };
    let windows = timetable.windows.iter().map(|entry| row("window", entry));
    let rows: Vec<Vec<Cell>> = windows.chain(timetable.freezes.iter().map(|entry| row("freeze", entry))).collect();
    if rows.is_empty() {
        return;
    }
    let splits = match timetable.splits {
        Splits::None => "nowhere: what starts must be able to end its wave",
        Splits::EachStep => "after each step",
    };
    page.field("may rest", cell(splits));
    page.table("when steps start", &["KIND", "NAME", "WHEN", "ZONE"], rows);
}
