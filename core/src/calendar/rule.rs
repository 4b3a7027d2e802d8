//! Whether something may start now: it must lie in a window and end before the window does, and no freeze may begin
//! before it has ended. Ways back never ask.

use super::openings::{Departure, Freeze, Openings};
use super::timetable::{Splits, Timetable};
use crate::evidence::StepRef;
use crate::plan::Plan;
use crate::time::{Span, Timestamp};

/// What keeps a start waiting.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Shut {
    /// No window is open for long enough.
    Window {
        /// When one opens that is; `None`: none that is known.
        opens: Option<Timestamp>,
    },
    /// A freeze is on, or begins before the end.
    Freeze {
        /// Which.
        name: String,
        /// When it ends.
        until: Timestamp,
    },
}

/// Whether what takes `needs` may start now; `Err`: what it waits for.
///
/// # Errors
/// If no window is open for that long, or a freeze is on or begins too soon.
pub fn may_start(timetable: &Timetable, openings: &Openings, now: Timestamp, needs: Span) -> Result<(), Shut> {
    let ends = now.after(needs);
    let frozen = openings.freezes.iter().find(|freeze| freeze.during.holds(now) || begins(freeze, now, ends));
    if let Some(Freeze { name, during }) = frozen {
        return Err(Shut::Freeze { name: name.clone(), until: during.to });
    }
    if timetable.windows.is_empty() {
        return Ok(());
    }
    let next = openings.windows.iter().find(|window| {
        let from = window.from.max(now);
        from < window.to && from.after(needs) <= window.to
    });
    match next {
        Some(window) if window.holds(now) => Ok(()),
        Some(window) => Err(Shut::Window { opens: Some(window.from) }),
        None => Err(Shut::Window { opens: None }),
    }
}

fn begins(freeze: &Freeze, now: Timestamp, ends: Timestamp) -> bool {
    freeze.during.from > now && freeze.during.from < ends
}

/// The first moment from `now` on at which a train takes aboard what needs `needs`, and its departure; `None`: none that
/// is known does.
#[must_use]
pub fn boards<'o>(
    train: &str,
    timetable: &Timetable,
    openings: &'o Openings,
    now: Timestamp,
    needs: Span,
) -> Option<(Timestamp, &'o Departure)> {
    openings.departures.iter().filter(|departure| departure.train == train).find_map(|departure| {
        let from = departure.during.from.max(now);
        let opens = openings.windows.iter().map(|window| window.from);
        let thaws = openings.freezes.iter().map(|freeze| freeze.during.to);
        let moments = opens.chain(thaws).chain([from]).filter(|at| from <= *at && *at < departure.during.to);
        let open = moments.filter(|at| may_start(timetable, openings, *at, needs).is_ok()).min();
        open.map(|at| (at, departure))
    })
}

/// How long a region needs from the start of a step to the next place where it may rest, by the plan's own times.
#[must_use]
pub fn needs(plan: &Plan, from: StepRef) -> Span {
    let steps = plan.waves.get(from.wave).map_or(&[][..], |wave| wave.steps.get(from.step..).unwrap_or_default());
    let until_rest = match plan.timetable.splits {
        Splits::None => steps.len(),
        Splits::EachStep => 1,
    };
    steps.iter().take(until_rest).fold(Span::ZERO, |sum, step| sum.plus(step.bake))
}

/// The longest that a region has to have in one window, with steps of these bakes.
#[must_use]
pub fn longest(bakes: impl Iterator<Item = Span>, splits: Splits) -> Span {
    match splits {
        Splits::None => bakes.fold(Span::ZERO, Span::plus),
        Splits::EachStep => bakes.max().unwrap_or(Span::ZERO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{Entry, Interval, When, Zone};

    fn at(minute: u64) -> Timestamp {
        Timestamp::from_millis(minute * 60_000)
    }

    fn minutes(from: u64, to: u64) -> Interval {
        Interval { from: at(from), to: at(to) }
    }

    fn timetable() -> Timetable {
        let when = When::Cron { expression: "0 9 * * *".to_owned(), lasts: Span::from_secs(3600) };
        let window = Entry { name: "office".to_owned(), zone: Zone::Region, when };
        Timetable { windows: vec![window], ..Timetable::default() }
    }

    fn check(openings: &Openings, now: u64, needs: u64, expected: Result<(), Shut>) {
        let judged = may_start(&timetable(), openings, at(now), Span::from_secs(needs * 60));
        assert_eq!(judged, expected, "at {now} for {needs}");
    }

    #[test]
    fn a_start_lies_in_a_window_and_ends_in_it() {
        let openings = Openings { windows: vec![minutes(10, 20), minutes(40, 90)], ..Openings::default() };
        let opens = |minute: u64| Err(Shut::Window { opens: Some(at(minute)) });
        check(&openings, 9, 5, opens(10));
        check(&openings, 10, 10, Ok(()));
        check(&openings, 11, 10, opens(40));
        check(&openings, 20, 0, opens(40));
        check(&openings, 40, 50, Ok(()));
        check(&openings, 40, 51, Err(Shut::Window { opens: None }));
        check(&openings, 90, 0, Err(Shut::Window { opens: None }));
    }

    #[test]
    fn a_freeze_shuts_from_where_a_start_would_run_into_it() {
        let freeze = Freeze { name: "year-end".to_owned(), during: minutes(50, 60) };
        let openings = Openings { windows: vec![minutes(0, 90)], freezes: vec![freeze], ..Openings::default() };
        let frozen = || Err(Shut::Freeze { name: "year-end".to_owned(), until: at(60) });
        check(&openings, 40, 10, Ok(()));
        check(&openings, 41, 10, frozen());
        check(&openings, 50, 0, frozen());
        check(&openings, 59, 1, frozen());
        check(&openings, 60, 30, Ok(()));
    }

    #[test]
    fn a_train_is_taken_where_boarding_a_window_and_no_freeze_meet() {
        let departs = |from, to| Departure { train: "weekly".to_owned(), increment: None, during: minutes(from, to) };
        let freeze = |from, to| Freeze { name: "year-end".to_owned(), during: minutes(from, to) };
        let other = Departure { train: "other".to_owned(), ..departs(0, 400) };
        let departures = vec![other, departs(10, 20), departs(110, 120), departs(210, 220), departs(310, 320)];
        // The second is frozen over, the third departs before its window opens, the fourth has none.
        let (windows, freezes) = (vec![minutes(0, 130), minutes(215, 250)], vec![freeze(105, 130)]);
        let openings = Openings { windows, freezes, departures };
        let table = [
            (0, 5, Some((10, 10))),
            (10, 5, Some((10, 10))),
            (19, 5, Some((19, 10))),
            (20, 5, Some((215, 210))),
            (100, 5, Some((215, 210))),
            (216, 5, Some((216, 210))),
            (0, 100, None),
            (220, 5, None),
        ];
        for (now, needs, expected) in table {
            let found = boards("weekly", &timetable(), &openings, at(now), Span::from_secs(needs * 60));
            let found = found.map(|(from, departure)| (from, departure.during.from));
            assert_eq!(found, expected.map(|(from, departs)| (at(from), at(departs))), "at {now} for {needs}");
        }
        assert_eq!(boards("none", &timetable(), &openings, at(0), Span::ZERO), None);
    }

    #[test]
    fn nothing_known_is_nothing_open_and_nothing_declared_is_always_open() {
        check(&Openings::default(), 5, 0, Err(Shut::Window { opens: None }));
        let always = may_start(&Timetable::default(), &Openings::default(), at(5), Span::MAX);
        assert_eq!(always, Ok(()));
    }
}
