//! Whether something may start now: it must lie in a window and end before the window does, and no freeze may begin
//! before it has ended. Ways back never ask.

use super::openings::{Freeze, Openings};
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
        let openings = Openings { windows: vec![minutes(10, 20), minutes(40, 90)], freezes: Vec::new() };
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
        let openings = Openings { windows: vec![minutes(0, 90)], freezes: vec![freeze] };
        let frozen = || Err(Shut::Freeze { name: "year-end".to_owned(), until: at(60) });
        check(&openings, 40, 10, Ok(()));
        check(&openings, 41, 10, frozen());
        check(&openings, 50, 0, frozen());
        check(&openings, 59, 1, frozen());
        check(&openings, 60, 30, Ok(()));
    }

    #[test]
    fn nothing_known_is_nothing_open_and_nothing_declared_is_always_open() {
        check(&Openings::default(), 5, 0, Err(Shut::Window { opens: None }));
        let always = may_start(&Timetable::default(), &Openings::default(), at(5), Span::MAX);
        assert_eq!(always, Ok(()));
    }
}
