//! Declared times against what clocks really show: put forward, put back, and at the end of time.
#![allow(clippy::unwrap_used)]

use meridian_calendar::{check, intervals, local, openings};
use meridian_core::calendar::{Entry, Interval, Timetable, When, Zone};
use meridian_core::time::{Span, Timestamp};

fn utc(text: &str) -> Timestamp {
    let moment: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_millis(u64::try_from(moment.as_millisecond()).unwrap())
}

fn zone(name: &str) -> Zone {
    if name == "region" { Zone::Region } else { Zone::Named(name.to_owned()) }
}

fn cron(of: &str, expression: &str, hours: u64) -> Entry {
    let when = When::Cron { expression: expression.to_owned(), lasts: Span::from_secs(hours * 3600) };
    Entry { name: "w".to_owned(), zone: zone(of), when }
}

fn range(of: &str, from: &str, to: &str) -> Entry {
    Entry { name: "f".to_owned(), zone: zone(of), when: When::Range { from: from.to_owned(), to: to.to_owned() } }
}

fn bounds(from: &str, to: &str) -> Interval {
    Interval { from: utc(from), to: utc(to) }
}

fn expect(entry: &Entry, within: Interval, expected: &[(&str, &str)]) {
    let expected: Vec<Interval> = expected.iter().map(|(from, to)| bounds(from, to)).collect();
    assert_eq!(intervals(entry, Some("America/New_York"), within).unwrap(), expected, "{entry:?}");
}

#[test]
fn a_window_keeps_its_local_hour_over_the_year() {
    let office = cron("Europe/Berlin", "0 9 * * MON-FRI", 8);
    // From Friday to Monday the clocks were put forward.
    let spring = bounds("2026-03-27T00:00:00Z", "2026-03-31T00:00:00Z");
    let expected = [("2026-03-27T08:00:00Z", "2026-03-27T16:00:00Z"), ("2026-03-30T07:00:00Z", "2026-03-30T15:00:00Z")];
    expect(&office, spring, &expected);
}

#[test]
fn an_hour_that_is_skipped_opens_at_the_first_moment_after() {
    let night = cron("Europe/Berlin", "30 2 * * *", 1);
    let day = bounds("2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z");
    expect(&night, day, &[("2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z")]);
    let once = range("Europe/Berlin", "2026-03-29T02:15", "2026-03-29T02:45");
    // All of it is skipped.
    expect(&once, day, &[]);
    let over = range("Europe/Berlin", "2026-03-29T02:15", "2026-03-29T03:30");
    expect(&over, day, &[("2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z")]);
    // Half an hour is skipped on Lord Howe Island.
    let howe = cron("Australia/Lord_Howe", "15 2 4 10 *", 1);
    let spring = bounds("2026-10-03T00:00:00Z", "2026-10-05T00:00:00Z");
    expect(&howe, spring, &[("2026-10-03T15:30:00Z", "2026-10-03T16:30:00Z")]);
}

#[test]
fn an_hour_that_comes_twice_opens_once() {
    let night = cron("Europe/Berlin", "30 2 * * *", 1);
    let day = bounds("2026-10-24T22:00:00Z", "2026-10-25T12:00:00Z");
    expect(&night, day, &[("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z")]);
}

#[test]
fn a_day_that_is_skipped_opens_at_its_end() {
    // Samoa left out the 30th of December 2011.
    let noon = range("Pacific/Apia", "2011-12-30T12:00", "2011-12-31T06:00");
    let days = bounds("2011-12-29T00:00:00Z", "2011-12-31T12:00:00Z");
    expect(&noon, days, &[("2011-12-30T10:00:00Z", "2011-12-30T16:00:00Z")]);
}

#[test]
fn a_freeze_follows_the_sun() {
    let year_end = range("region", "2026-12-24T00:00", "2027-01-02T00:00");
    let winter = bounds("2026-12-01T00:00:00Z", "2027-02-01T00:00:00Z");
    expect(&year_end, winter, &[("2026-12-24T05:00:00Z", "2027-01-02T05:00:00Z")]);
    let tokyo = intervals(&year_end, Some("Asia/Tokyo"), winter).unwrap();
    assert_eq!(tokyo, [bounds("2026-12-23T15:00:00Z", "2027-01-01T15:00:00Z")]);
    assert_eq!(intervals(&year_end, None, winter).unwrap_err().field, "zone");
}

#[test]
fn what_is_open_already_is_found_and_what_touches_is_one() {
    let office = cron("UTC", "0 9 * * *", 8);
    let noon = bounds("2026-06-01T12:00:00Z", "2026-06-01T13:00:00Z");
    expect(&office, noon, &[("2026-06-01T09:00:00Z", "2026-06-01T17:00:00Z")]);
    let always = cron("UTC", "0 0 * * *", 24);
    let days = bounds("2026-06-01T12:00:00Z", "2026-06-03T12:00:00Z");
    expect(&always, days, &[("2026-06-01T00:00:00Z", "2026-06-04T00:00:00Z")]);
}

#[test]
fn a_day_and_a_weekday_must_both_fit() {
    // Friday the 13th.
    let unlucky = cron("UTC", "0 0 13 * FRI", 1);
    let year = bounds("2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z");
    let days = ["2026-02-13", "2026-03-13", "2026-11-13"];
    let expected: Vec<_> = days.map(|day| (format!("{day}T00:00:00Z"), format!("{day}T01:00:00Z"))).into();
    let expected: Vec<(&str, &str)> = expected.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    expect(&unlucky, year, &expected);
}

#[test]
fn time_ends_without_a_fall() {
    let late = range("Pacific/Kiritimati", "2026-01-01T00:00", "9999-12-31T23:59");
    let now = bounds("2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z");
    assert_eq!(intervals(&late, None, now).unwrap().len(), 1);
    let end = Interval { from: Timestamp::from_millis(u64::MAX - 1), to: Timestamp::from_millis(u64::MAX) };
    for entry in [late, cron("UTC", "0 9 * * *", 8), cron("America/New_York", "0 2 * * *", 8)] {
        intervals(&entry, None, end).unwrap();
    }
    local(Timestamp::from_millis(u64::MAX), "Pacific/Kiritimati").unwrap();
}

#[test]
fn local_times_are_shown_with_their_zone() {
    assert_eq!(local(utc("2026-11-24T08:00:00Z"), "Europe/Berlin").unwrap(), "2026-11-24 09:00 CET");
}

#[test]
fn what_can_not_be_kept_is_refused_with_its_field() {
    let table = [
        (cron("Europe/Berlon", "0 9 * * *", 1), "zone"),
        (cron("", "0 9 * * *", 1), "zone"),
        (cron("UTC", "0 25 * * *", 1), "cron"),
        (cron("UTC", "0 0 9 * * *", 1), "cron"),
        (cron("UTC", "0 9 30 2 *", 1), "cron"),
        (cron("UTC", "* * * * *", 1), "cron"),
        (cron("UTC", "0 9 * * *", 0), "duration"),
        (cron("UTC", "0 9 * * *", 24 * 8), "duration"),
        (range("UTC", "2026-12-24T00:00", "2026-12-24T00:00"), "to"),
        (range("UTC", "2026-12-24T00:00Z", "2026-12-25T00:00"), "from"),
        (range("UTC", "soon", "2026-12-25T00:00"), "from"),
        (Entry { name: "Not a name".to_owned(), ..cron("UTC", "0 9 * * *", 1) }, "name"),
    ];
    for (entry, field) in table {
        let refused = check(&Timetable { freezes: vec![entry.clone()], ..Timetable::default() });
        let fields: Vec<&str> = refused.iter().map(|refusal| refusal.field.as_str()).collect();
        assert_eq!(fields, [format!("freezes[0].{field}")], "{entry:?}: {refused:?}");
    }
    let twice = Timetable { windows: vec![cron("UTC", "0 9 * * *", 1); 2], ..Timetable::default() };
    assert_eq!(check(&twice).len(), 1);
    assert_eq!(check(&Timetable { windows: vec![cron("region", "0 9 29 2 *", 1)], ..Timetable::default() }), []);
}

#[test]
fn openings_tell_windows_and_freezes_apart() {
    let timetable = Timetable {
        windows: vec![cron("UTC", "0 9 * * *", 4), cron("UTC", "0 12 * * *", 4)],
        freezes: vec![range("region", "2026-06-03T00:00", "2026-06-04T00:00")],
        ..Timetable::default()
    };
    let from = utc("2026-06-01T00:00:00Z");
    let openings = openings(&timetable, Some("Asia/Tokyo"), from, Span::ZERO).unwrap();
    assert_eq!(openings.windows[0], bounds("2026-06-01T09:00:00Z", "2026-06-01T16:00:00Z"));
    assert_eq!(openings.windows.len(), 62);
    let during: Vec<Interval> = openings.freezes.iter().map(|freeze| freeze.during).collect();
    assert_eq!(during, [bounds("2026-06-02T15:00:00Z", "2026-06-03T15:00:00Z")]);
}
