//! Windows and freezes, in JSON with the words of the manifest and in those of people.

use meridian_core::calendar::{Entry, Splits, Timetable, When, Zone};
use serde_json::{Value, json};

use crate::output::page::Page;
use crate::output::{Cell, cell};

/// Adds what there is of a timetable to a spec.
pub(crate) fn add_json(timetable: &Timetable, spec: &mut Value) {
    let Timetable { windows, freezes, splits } = timetable;
    for (field, entries) in [("windows", windows), ("freezes", freezes)] {
        if !entries.is_empty() {
            spec[field] = entries.iter().map(entry_json).collect();
        }
    }
    if *splits != Splits::None {
        spec["splits"] = Value::from(splits.as_str());
    }
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

/// When steps may start, if that is limited.
pub(crate) fn describe(timetable: &Timetable, page: &mut Page) {
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
