//! Trains against clocks and increments: when they depart, where boarding ends, and what never departs.
#![allow(clippy::unwrap_used)]

use meridian_calendar::{check, departures, local, outside, stranded};
use meridian_core::calendar::{Dates, Entry, Increment, Interval, Timetable, Train, When, Zone};
use meridian_core::time::{Span, Timestamp};

fn utc(text: &str) -> Timestamp {
    let moment: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_millis(u64::try_from(moment.as_millisecond()).unwrap())
}

fn train(departs: &str) -> Train {
    let (zone, from) = ("Europe/Berlin".to_owned(), None);
    Train { name: "t".to_owned(), zone, departs: departs.to_owned(), boarding: Span::from_secs(7200), from, every: 1 }
}

fn fortnightly(from: &str) -> Train {
    Train { every: 2, from: Some(from.to_owned()), ..train("0 9 * * TUE") }
}

fn dates(from: &str, to: &str) -> Dates {
    Dates { from: from.to_owned(), to: to.to_owned() }
}

fn increment(from: &str, to: &str) -> Increment {
    let (zone, during) = ("Europe/Berlin".to_owned(), dates(from, to));
    Increment { name: "pi".to_owned(), zone, during, planning: None, innovation: None }
}

fn timetable(train: Train, increments: Vec<Increment>) -> Timetable {
    let taken = Some(train.name.clone());
    Timetable { trains: vec![train], increments, train: taken, ..Timetable::default() }
}

/// The next departures as Berlin's clocks tell them, with the minutes of boarding and the increment.
fn next(timetable: &Timetable, from: &str, most: usize) -> Vec<(String, u64, Option<String>)> {
    let bounds = Interval { from: utc(from), to: utc(from).after(Span::from_secs(400 * 24 * 3600)) };
    let found = departures(timetable, &timetable.trains[0], bounds, most).unwrap().into_iter();
    let shown = found.map(|departure| {
        let Interval { from, to } = departure.during;
        (local(from, "Europe/Berlin").unwrap(), to.since(from).millis() / 60_000, departure.increment)
    });
    shown.collect()
}

fn expect(timetable: &Timetable, from: &str, expected: &[(&str, u64, Option<&str>)]) {
    let expected: Vec<_> =
        expected.iter().map(|(at, long, of)| ((*at).to_owned(), *long, of.map(str::to_owned))).collect();
    assert_eq!(next(timetable, from, expected.len()), expected, "{timetable:?}");
}

#[test]
fn every_second_week_is_counted_from_the_first_day_and_clocks_are_followed() {
    let timetable = timetable(fortnightly("2026-12-01"), Vec::new());
    // It does not run before that day; weeks go on over the end of the year, and the hour stays when clocks move.
    let year =
        [("2026-12-01 09:00 CET", 120, None), ("2026-12-15 09:00 CET", 120, None), ("2026-12-29 09:00 CET", 120, None)];
    expect(&timetable, "2026-11-01T00:00:00Z", &year);
    let spring = [("2027-03-23 09:00 CET", 120, None), ("2027-04-06 09:00 CEST", 120, None)];
    expect(&timetable, "2027-03-10T00:00:00Z", &spring);
    // What still boards counts, what has just left does not.
    expect(&timetable, "2026-12-01T09:59:59Z", &year[..1]);
    expect(&timetable, "2026-12-01T10:00:00Z", &year[1..]);
}

#[test]
fn departures_lie_in_increments_and_boarding_ends_with_them() {
    let first = Increment {
        planning: Some(dates("2027-01-05", "2027-01-06")),
        innovation: Some(dates("2027-01-27", "2027-02-01")),
        ..increment("2027-01-04", "2027-02-01")
    };
    let second = Increment { name: "second".to_owned(), ..increment("2027-02-09", "2027-02-16T10:00") };
    let timetable = timetable(train("0 9 * * TUE,WED"), vec![first, second]);
    assert_eq!(check(&timetable), []);
    let pi = Some("pi");
    let expected = [
        ("2027-01-06 09:00 CET", 120, pi),
        ("2027-01-12 09:00 CET", 120, pi),
        ("2027-01-13 09:00 CET", 120, pi),
        ("2027-01-19 09:00 CET", 120, pi),
        ("2027-01-20 09:00 CET", 120, pi),
        ("2027-01-26 09:00 CET", 120, pi),
        ("2027-02-09 09:00 CET", 120, Some("second")),
        ("2027-02-10 09:00 CET", 120, Some("second")),
        ("2027-02-16 09:00 CET", 60, Some("second")),
    ];
    expect(&timetable, "2027-01-01T00:00:00Z", &expected);
    assert_eq!(next(&timetable, "2027-01-01T00:00:00Z", 99).len(), expected.len());
    let told = outside(&timetable, utc("2027-01-20T00:00:00Z"));
    let named = "2027-01-27 09:00 CET, 2027-02-02 09:00 CET, 2027-02-03 09:00 CET";
    assert_eq!(told, [format!("train t: not taken, outside every increment: {named}")]);
}

#[test]
fn what_can_not_be_kept_is_refused_with_its_field() {
    let always = || vec![increment("2027-01-04", "2027-02-01")];
    let of = |change: fn(&mut Train)| {
        let mut train = fortnightly("2026-12-01");
        change(&mut train);
        timetable(train, Vec::new())
    };
    let span = |change: fn(&mut Increment)| {
        let mut increments = always();
        change(&mut increments[0]);
        timetable(train("0 9 * * TUE"), increments)
    };
    let table = [
        (of(|_| {}), None),
        (of(|train| train.zone = "Europe/Berlon".to_owned()), Some("trains[0].zone")),
        (of(|train| train.name = "Not a name".to_owned()), Some("trains[0].name")),
        (of(|train| train.departs = "0 25 * * TUE".to_owned()), Some("trains[0].departs")),
        (of(|train| train.departs = "0 9 31 2 *".to_owned()), Some("trains[0].departs")),
        (of(|train| train.departs = "*/5 * * * *".to_owned()), Some("trains[0].departs")),
        // Skipped on one Sunday of the year, and on no Tuesday.
        (of(|train| train.departs = "30 2 * * SUN".to_owned()), Some("trains[0].departs")),
        (of(|train| train.departs = "30 2 * * TUE".to_owned()), None),
        (of(|train| train.departs = "0 3 * * SUN".to_owned()), None),
        (of(|train| train.boarding = Span::ZERO), Some("trains[0].boarding")),
        (of(|train| train.boarding = Span::from_secs(8 * 24 * 3600)), Some("trains[0].boarding")),
        (of(|train| train.every = 0), Some("trains[0].every")),
        (of(|train| train.from = None), Some("trains[0].every")),
        (of(|train| train.from = Some("soon".to_owned())), Some("trains[0].from")),
        (of(|train| train.from = Some("9998-12-31".to_owned())), None),
        (of(|train| train.from = Some("9999-01-01".to_owned())), Some("trains[0].from")),
        (span(|of| of.during.to = "9999-01-01".to_owned()), Some("increments[0].to")),
        (span(|of| of.planning = Some(dates("1969-12-31", "2027-01-04"))), Some("increments[0].planning.from")),
        (Timetable { train: Some("u".to_owned()), ..of(|_| {}) }, Some("train")),
        (Timetable { trains: vec![train("0 9 * * TUE"); 2], ..of(|_| {}) }, Some("trains[1].name")),
        (span(|of| of.zone = "Mars".to_owned()), Some("increments[0].zone")),
        (span(|of| of.during.to = "2027-01-04".to_owned()), Some("increments[0].to")),
        (span(|of| of.planning = Some(dates("2027-01-05", "2027-01-04"))), Some("increments[0].planning.to")),
        (span(|of| of.innovation = Some(dates("2027-01-25", "2027-02-05"))), Some("increments[0].innovation.from")),
        (span(|of| of.planning = Some(dates("2026-12-07", "2026-12-09"))), None),
        (
            timetable(
                train("0 9 * * TUE"),
                [always(), vec![Increment { name: "o".to_owned(), ..always().remove(0) }]].concat(),
            ),
            Some("increments[1].from"),
        ),
    ];
    for (timetable, field) in table {
        let refused = check(&timetable);
        let fields: Vec<&str> = refused.iter().map(|refusal| refusal.field.as_str()).collect();
        assert_eq!(fields, field.into_iter().collect::<Vec<_>>(), "{timetable:?}: {refused:?}");
    }
}

#[test]
fn what_never_departs_is_told_with_its_reason() {
    let now = utc("2026-12-01T00:00:00Z");
    let freeze = |zone: Zone, to: &str| {
        let when = When::Range { from: "2026-11-01".to_owned(), to: to.to_owned() };
        let freezes = vec![Entry { name: "f".to_owned(), zone, when }];
        Timetable { freezes, ..timetable(train("0 9 * * TUE"), Vec::new()) }
    };
    let berlin = || Zone::Named("Europe/Berlin".to_owned());
    let windowed = |expression: &str| {
        let when = When::Cron { expression: expression.to_owned(), lasts: Span::from_secs(3600) };
        let windows = vec![Entry { name: "w".to_owned(), zone: berlin(), when }];
        Timetable { windows, ..timetable(train("0 9 * * TUE"), Vec::new()) }
    };
    let over = vec![increment("2026-01-05", "2026-11-30")];
    let next = vec![increment("2026-01-05", "2026-12-02")];
    let table = [
        (timetable(train("0 9 * * TUE"), Vec::new()), None),
        (timetable(train("0 9 * * TUE"), over), Some("the last one ends 2026-11-30")),
        (timetable(train("0 9 * * TUE"), next), None),
        (timetable(fortnightly("9998-12-01"), Vec::new()), Some("in the next two years")),
        (
            timetable(train("0 9 * * TUE"), vec![increment("9997-01-01", "9998-01-01")]),
            Some("the last one ends 9998-01-01"),
        ),
        (freeze(berlin(), "2030-01-01"), Some("a freeze lies over every departure")),
        (freeze(Zone::Region, "2030-01-01"), Some("a freeze lies over every departure")),
        (freeze(berlin(), "2028-11-01"), None),
        (windowed("0 10 * * TUE"), None),
        (windowed("0 11 * * TUE"), Some("no window is open while it boards")),
    ];
    for (timetable, why) in table {
        assert_eq!(check(&timetable), [], "{timetable:?}");
        let found = stranded(&timetable, now);
        let told: Vec<_> = found.iter().map(|found| (found.code, found.field.as_str())).collect();
        let expected = why.map(|_| ("TRAIN_NEVER_DEPARTS", "trains[0].departs"));
        assert_eq!(told, expected.into_iter().collect::<Vec<_>>(), "{timetable:?}");
        assert!(found.iter().zip(why).all(|(found, why)| found.fix.contains(why)), "{found:?}");
    }
}

#[test]
fn time_ends_without_a_fall() {
    let end = Interval { from: Timestamp::from_millis(u64::MAX - 1), to: Timestamp::from_millis(u64::MAX) };
    for train in [train("0 9 * * TUE"), fortnightly("9999-12-31")] {
        let timetable = timetable(train, vec![increment("9999-01-01", "9999-12-31")]);
        assert!(departures(&timetable, &timetable.trains[0], end, 3).unwrap().len() <= 1);
        assert_eq!(stranded(&timetable, end.from).len(), 1);
    }
}
