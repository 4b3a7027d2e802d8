//! What never opens, and dates that nobody can mean.
#![allow(clippy::unwrap_used)]

use meridian_calendar::{check, never_open};
use meridian_core::calendar::{Entry, Timetable, When, Zone};
use meridian_core::time::{Span, Timestamp};

/// 2026-12-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_millis(1_796_083_200_000);

fn berlin() -> Zone {
    Zone::Named("Europe/Berlin".to_owned())
}

fn range(zone: Zone, from: &str, to: &str) -> Entry {
    Entry { name: "range".to_owned(), zone, when: When::Range { from: from.to_owned(), to: to.to_owned() } }
}

fn cron(zone: Zone, expression: &str, hours: u64) -> Entry {
    let when = When::Cron { expression: expression.to_owned(), lasts: Span::from_secs(hours * 3600) };
    Entry { name: "cron".to_owned(), zone, when }
}

fn timetable(windows: Vec<Entry>, freezes: Vec<Entry>) -> Timetable {
    Timetable { windows, freezes, ..Timetable::default() }
}

#[test]
fn what_never_opens_is_told_with_its_reason_and_nothing_else() {
    let daily = || cron(Zone::Region, "0 9 * * *", 8);
    let years = |zone| range(zone, "2026-11-01T00:00", "2030-01-01T00:00");
    let table = [
        (timetable(vec![], vec![]), None),
        (timetable(vec![daily()], vec![]), None),
        // Over: by the latest clock that there is.
        (timetable(vec![range(Zone::Region, "2026-11-01T00:00", "2026-11-30T08:00")], vec![]), Some("none opens")),
        (timetable(vec![range(Zone::Region, "2026-11-01T00:00", "2026-11-30T20:00")], vec![]), None),
        (timetable(vec![range(berlin(), "2026-11-01T00:00", "2026-12-01T01:00")], vec![]), Some("none opens")),
        (timetable(vec![range(berlin(), "2026-11-01T00:00", "2026-12-01T01:01")], vec![]), None),
        (timetable(vec![range(berlin(), "2029-01-01T00:00", "2029-02-01T00:00")], vec![]), Some("none opens")),
        (timetable(vec![range(berlin(), "2028-11-01T00:00", "2028-11-02T00:00")], vec![]), None),
        // One is enough.
        (timetable(vec![range(berlin(), "2020-01-01T00:00", "2020-02-01T00:00"), daily()], vec![]), None),
        // Only in a leap year.
        (timetable(vec![cron(berlin(), "0 9 29 2 *", 8)], vec![]), None),
        (timetable(vec![], vec![years(berlin())]), Some("all of the next two years")),
        (timetable(vec![], vec![years(Zone::Region)]), Some("all of the next two years")),
        (timetable(vec![], vec![range(berlin(), "2026-11-01T00:00", "2028-11-01T00:00")]), None),
        (timetable(vec![daily()], vec![years(berlin())]), Some("a freeze lies over every window")),
        (
            timetable(
                vec![cron(berlin(), "0 9 29 2 *", 8)],
                vec![range(berlin(), "2028-02-29T00:00", "2028-03-01T00:00")],
            ),
            Some("a freeze lies over every window"),
        ),
        (
            timetable(
                vec![cron(berlin(), "0 9 29 2 *", 8)],
                vec![range(berlin(), "2028-02-29T10:00", "2028-03-01T00:00")],
            ),
            None,
        ),
    ];
    for (timetable, why) in table {
        assert_eq!(check(&timetable), [], "{timetable:?}");
        let found = never_open(&timetable, NOW);
        let codes: Vec<_> = found.iter().map(|found| found.code).collect();
        assert_eq!(codes, why.iter().map(|_| "WINDOWS_NEVER_OPEN").collect::<Vec<_>>(), "{timetable:?}");
        assert!(found.iter().zip(why).all(|(found, why)| found.fix.contains(why)), "{found:?}");
    }
}

#[test]
fn dates_that_nobody_can_mean_are_refused() {
    let table = [
        ("2026-12-31T23:59:59", None),
        ("1970-01-01T00:00", None),
        ("9998-12-31T23:59", None),
        ("1969-12-31T23:59", Some("the year lies between 1970 and 9998")),
        ("9999-01-01T00:00", Some("the year lies between 1970 and 9998")),
        ("-2026-01-01T00:00", Some("this is not a date")),
        ("2026-12-31T23:59:60", Some("a minute has 60 seconds")),
        ("2026-12-31 23:59:60.5", Some("a minute has 60 seconds")),
        ("2026-02-30T00:00", Some("this is not a date")),
        ("2026-12-31T23:59Z", Some("the zone is said in `zone`")),
        ("2026-12-31T23:59-05:00", Some("the zone is said in `zone`")),
    ];
    for (from, why) in table {
        let entry = range(berlin(), from, if from < "9998" { "9998-12-31T23:59:59" } else { "9998-12-31T23:59:58" });
        let refused = check(&timetable(vec![], vec![entry]));
        let told: Vec<_> = refused.iter().map(|refusal| (refusal.field.as_str(), refusal.message.as_str())).collect();
        assert_eq!(told.len(), usize::from(why.is_some()), "{from}: {told:?}");
        let fits = |(field, message): &(&str, &str)| {
            *field == "freezes[0].from" && why.is_some_and(|why| message.contains(why))
        };
        assert!(told.iter().all(fits), "{from}: {told:?}");
    }
}
