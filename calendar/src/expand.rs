//! From entries to intervals: sorted, merged where they touch, inside the bounds asked for.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};
use meridian_core::calendar::{Entry, Freeze, Interval, Openings, Timetable, When, Zone};
use meridian_core::time::{Span, Timestamp};

use crate::departures::departures;
use crate::error::Refusal;
use crate::zone::{find, from_jiff, moment, to_jiff};

/// How far ahead openings are worked out: long enough for a monthly window, and for a start that runs for weeks.
pub const HORIZON: Span = Span::from_secs(62 * 24 * 3600);
/// The longest opening of an expression. What is longer is a range.
pub(crate) const LASTS_MAX: Span = Span::from_secs(7 * 24 * 3600);
/// The most moments of one expression over one horizon: one every five minutes.
const MOMENTS_MAX: usize = 20_000;
/// The most departures of one train that a rule is told of: what misses all of them is told of later ones when they come near.
const DEPARTURES_MAX: usize = 32;
/// How a local time is written.
const LOCAL: &str = "write a local time without a zone, e.g. `2026-12-20T18:00`";
/// No clock was ever put forward by more than a day.
pub(crate) const GAP_MAX: SignedDuration = SignedDuration::from_hours(24);

/// A timetable as a region's clock tells it, from `from` over [`HORIZON`] and `needs`, the longest that a start takes.
///
/// # Errors
/// If an entry can't be read, or follows the region's clock and the region has no zone.
pub fn openings(
    timetable: &Timetable,
    region_zone: Option<&str>,
    from: Timestamp,
    needs: Span,
) -> Result<Openings, Refusal> {
    let bounds = Interval { from, to: from.after(HORIZON).after(needs) };
    let mut windows = Vec::new();
    for (index, window) in timetable.windows.iter().enumerate() {
        let found = intervals(window, region_zone, bounds);
        windows.extend(found.map_err(|refusal| refusal.within(&format!("windows[{index}]")))?);
    }
    let mut freezes = Vec::new();
    for (index, freeze) in timetable.freezes.iter().enumerate() {
        let found = intervals(freeze, region_zone, bounds);
        let found = found.map_err(|refusal| refusal.within(&format!("freezes[{index}]")))?;
        freezes.extend(found.into_iter().map(|during| Freeze { name: freeze.name.clone(), during }));
    }
    freezes.sort_by_key(|freeze| freeze.during);
    let (mut departs, ahead) = (Vec::new(), Interval { from, to: from.after(HORIZON) });
    for (index, train) in timetable.trains.iter().enumerate() {
        let found = departures(timetable, train, ahead, DEPARTURES_MAX);
        departs.extend(found.map_err(|refusal| refusal.within(&format!("trains[{index}]")))?);
    }
    departs.sort_by_key(|departure| departure.during);
    Ok(Openings { windows: merged(windows), freezes, departures: departs })
}

/// One entry's intervals that reach into `bounds`, each whole.
///
/// # Errors
/// If the entry can't be read, opens too often, or follows the region's clock and the region has no zone.
pub fn intervals(entry: &Entry, region_zone: Option<&str>, bounds: Interval) -> Result<Vec<Interval>, Refusal> {
    let zone = match (&entry.zone, region_zone) {
        (Zone::Named(name), _) => find(name)?,
        (Zone::Region, Some(name)) => find(name)?,
        (Zone::Region, None) => {
            let fix = "give the region the label `time-zone`, or write a zone";
            return Err(Refusal::new("zone", "region", "the region declares no time zone", fix));
        }
    };
    let found = match &entry.when {
        When::Cron { expression, lasts } => repeated(&parse("cron", expression)?, expression, *lasts, &zone, bounds)?,
        When::Range { from, to } => {
            let from = from_jiff(moment(&zone, civil("from", from)?));
            vec![Interval { from, to: from_jiff(moment(&zone, civil("to", to)?)) }]
        }
    };
    let reaches = |found: &Interval| found.from < found.to && found.from < bounds.to && found.to > bounds.from;
    Ok(merged(found.into_iter().filter(reaches).collect()))
}

/// Walks the expression on the face of a clock that is never put forward or back, and asks the zone for each moment.
fn repeated(
    cron: &Cron,
    expression: &str,
    lasts: Span,
    zone: &TimeZone,
    bounds: Interval,
) -> Result<Vec<Interval>, Refusal> {
    let lasts_signed = SignedDuration::from_millis(i64::try_from(lasts.millis()).unwrap_or(i64::MAX));
    let early = to_jiff(bounds.from).saturating_sub(lasts_signed).ok();
    let early = early.and_then(|early| early.saturating_sub(GAP_MAX).ok()).unwrap_or(jiff::Timestamp::MIN);
    let mut face = zone.to_datetime(early);
    let mut found = Vec::new();
    while let Some(next) = following(cron, face) {
        let from = from_jiff(moment(zone, next));
        if from >= bounds.to {
            break;
        }
        if found.len() == MOMENTS_MAX {
            let fix = "let it open less often and for longer, e.g. `0 9 * * MON-FRI` for 8h";
            return Err(Refusal::new("cron", expression, "it opens more than every five minutes", fix));
        }
        found.push(Interval { from, to: from.after(lasts) });
        face = next;
    }
    Ok(found)
}

/// The first moment after `face` that the expression names; `None`: there is none before clocks end.
pub(crate) fn following(cron: &Cron, face: DateTime) -> Option<DateTime> {
    let face: Zoned = face.to_zoned(TimeZone::UTC).ok()?;
    cron.find_next_occurrence(&face, false).ok().map(|next| next.datetime())
}

pub(crate) fn parse(field: &str, expression: &str) -> Result<Cron, Refusal> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).dom_and_dow(true).build();
    let fix = "write five fields: minute, hour, day, month, weekday, e.g. `0 9 * * MON-FRI`";
    parser.parse(expression).map_err(|error| Refusal::new(field, expression, error.to_string(), fix))
}

pub(crate) fn civil(field: &str, text: &str) -> Result<DateTime, Refusal> {
    if text.contains(['Z', 'z', '[', '+']) {
        return Err(zoned(field, text));
    }
    text.parse().map_err(|_| Refusal::new(field, text, "this is not a date and time", LOCAL))
}

/// A local time with a zone of its own.
pub(crate) fn zoned(field: &str, text: &str) -> Refusal {
    Refusal::new(field, text, "the zone is said in `zone`", LOCAL)
}

/// The same times, sorted, with what overlaps or touches made one.
pub(crate) fn merged(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.sort();
    let mut merged: Vec<Interval> = Vec::new();
    for next in intervals {
        match merged.last_mut() {
            Some(last) if next.from <= last.to => last.to = last.to.max(next.to),
            Some(_) | None => merged.push(next),
        }
    }
    merged
}
