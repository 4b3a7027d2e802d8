//! Whether a timetable can be kept: asked before it is stored, so that no rollout ever waits for a window that nobody can
//! read.

use std::collections::BTreeSet;

use jiff::civil::DateTime;
use meridian_core::calendar::timetable::{ENTRIES_MAX, TEXT_BYTES_MAX};
use meridian_core::calendar::{Entry, Interval, Timetable, When, Zone};
use meridian_core::time::{Span, Timestamp};

use crate::error::Refusal;
use crate::expand::{HORIZON, LASTS_MAX, civil, following, intervals, parse, zoned};
use crate::trains;
use crate::zone::find;

/// A moment to try expressions from: any will do. The first of January 2024.
pub(crate) const TRIED_FROM: Timestamp = Timestamp::from_millis(1_704_067_200_000);

/// The years of dates: those of a clock that counts from 1970, and no last one that some zone is ahead of.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=9998;

/// Everything that keeps a timetable from being kept; empty: nothing.
#[must_use]
pub fn check(timetable: &Timetable) -> Vec<Refusal> {
    let mut refused = Vec::new();
    for (field, entries) in [("windows", &timetable.windows), ("freezes", &timetable.freezes)] {
        if entries.len() > ENTRIES_MAX {
            let what = entries.len().to_string();
            refused.push(Refusal::new(field, &what, format!("at most {ENTRIES_MAX} are allowed"), "join some of them"));
            continue;
        }
        let mut names = BTreeSet::new();
        for (index, entry) in entries.iter().enumerate() {
            let found = named(&entry.name, &mut names).and_then(|()| of_entry(entry));
            refused.extend(found.err().map(|refusal| refusal.within(&format!("{field}[{index}]"))));
        }
    }
    refused.extend(trains::check(timetable));
    refused
}

pub(crate) fn named<'e>(name: &'e str, names: &mut BTreeSet<&'e str>) -> Result<(), Refusal> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > TEXT_BYTES_MAX || !name.bytes().all(allowed) {
        let fix = "write small letters, digits and hyphens, e.g. `year-end`";
        return Err(Refusal::new("name", name, "this is not a name", fix));
    }
    let fix = "give each its own name";
    names.insert(name).then_some(()).ok_or_else(|| Refusal::new("name", name, "this name is there twice", fix))
}

fn of_entry(entry: &Entry) -> Result<(), Refusal> {
    let zone = match &entry.zone {
        Zone::Named(name) => name,
        Zone::Region => "UTC",
    };
    find(zone)?;
    match &entry.when {
        When::Cron { expression, lasts } => repeated(entry, expression, *lasts),
        When::Range { from, to } => {
            let (starts, ends) = (written("from", from)?, written("to", to)?);
            let fix = "let it end after it begins";
            (starts < ends).then_some(()).ok_or_else(|| Refusal::new("to", to, "it has no length", fix))
        }
    }
}

/// A local time as it is taken from people: in years that every zone can tell, and in a minute of 60 seconds.
pub(crate) fn written(field: &str, text: &str) -> Result<DateTime, Refusal> {
    let found = civil(field, short(field, text)?)?;
    if !YEARS.contains(&found.year()) {
        let message = format!("the year lies between {} and {}", YEARS.start(), YEARS.end());
        return Err(Refusal::new(field, text, message, "write a date in them; to stop for good, stop the line"));
    }
    // The library reads a leap second as the one before, and no further than to an offset from UTC.
    let time = text.split(['T', 't', ' ']).nth(1).unwrap_or_default();
    if time.contains('-') {
        return Err(zoned(field, text));
    }
    if time.split(':').nth(2).is_some_and(|second| second.starts_with("60")) {
        return Err(Refusal::new(
            field,
            text,
            "a minute has 60 seconds, from 0 to 59",
            "write the minute that follows",
        ));
    }
    Ok(found)
}

/// An expression that is not longer than it may be.
pub(crate) fn short<'e>(field: &str, expression: &'e str) -> Result<&'e str, Refusal> {
    let message = || format!("at most {TEXT_BYTES_MAX} bytes");
    let fits = expression.len() <= TEXT_BYTES_MAX;
    fits.then_some(expression).ok_or_else(|| Refusal::new(field, "…", message(), "write it shorter"))
}

fn repeated(entry: &Entry, expression: &str, lasts: Span) -> Result<(), Refusal> {
    let expression = short("cron", expression)?;
    if lasts < Span::from_secs(60) || lasts > LASTS_MAX {
        let message = format!("it lasts from 1m to {LASTS_MAX}");
        let fix = "write another duration, e.g. `8h`; what is longer is written with `from` and `to`";
        return Err(Refusal::new("duration", &lasts.to_string(), message, fix));
    }
    let cron = parse("cron", expression)?;
    if following(&cron, DateTime::constant(2024, 1, 1, 0, 0, 0, 0)).is_none() {
        return Err(Refusal::new("cron", expression, "no such day ever comes", "name a day that there is"));
    }
    let bounds = Interval { from: TRIED_FROM, to: TRIED_FROM.after(HORIZON) };
    intervals(entry, Some("UTC"), bounds).map(|_| ())
}
