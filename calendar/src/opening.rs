//! Whether anything can ever start under windows and freezes, whatever the clocks of regions are: what surely never opens
//! from now on is refused where it is known when now is.

use meridian_core::calendar::{Entry, Interval, Timetable, Zone};
use meridian_core::playbook::Violation;
use meridian_core::time::{Span, Timestamp};

use crate::departures::AHEAD;
use crate::expand::{HORIZON, intervals, merged};

/// How far a clock may be from UTC, either way.
const ASIDE: Span = Span::from_secs(14 * 3600);

/// Windows that open no more from `now` on, or only while a freeze lies over them, in any region, and why; nothing is said
/// of more than two years. A timetable that can't be read is refused elsewhere.
#[must_use]
pub fn never_open(timetable: &Timetable, now: Timestamp) -> Vec<Violation> {
    let ahead = Interval { from: now, to: now.after(AHEAD) };
    if may_open(timetable, &frozen(timetable, ahead), ahead) {
        return Vec::new();
    }
    let (field, entries) = match timetable.windows.as_slice() {
        [] => ("freezes", &timetable.freezes),
        [_, ..] => ("windows", &timetable.windows),
    };
    let fix = match (timetable.windows.as_slice(), may_open(timetable, &[], ahead)) {
        ([], _) => "freezes lie over all of the next two years; end one, or stop the line for as long as is needed",
        ([_, ..], true) => "a freeze lies over every window of the next two years; end it, or add a window beside it",
        ([_, ..], false) => "none opens in the next two years; add one that is to come, or take them out",
    };
    let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    let (field, value) = (field.to_owned(), names.join(", "));
    vec![Violation { code: "WINDOWS_NEVER_OPEN", field, value, fix: fix.to_owned() }]
}

/// Whether something may start within `bounds` in some region: false only if that is sure.
pub(crate) fn may_open(timetable: &Timetable, frozen: &[Interval], bounds: Interval) -> bool {
    let opens = |gap: &Interval| {
        timetable.windows.is_empty() || timetable.windows.iter().any(|window| reaches_into(window, *gap))
    };
    gaps(bounds, frozen).iter().any(opens)
}

/// Where nothing starts in any region, whatever its clock.
pub(crate) fn frozen(timetable: &Timetable, ahead: Interval) -> Vec<Interval> {
    let mut found = Vec::new();
    for freeze in &timetable.freezes {
        let during = intervals(freeze, Some("UTC"), ahead).unwrap_or_default();
        let everywhere = |during: Interval| match freeze.zone {
            Zone::Region => Interval { from: during.from.after(ASIDE), to: during.to.before(ASIDE) },
            Zone::Named(_) => during,
        };
        found.extend(during.into_iter().map(everywhere).filter(|during| during.from < during.to));
    }
    merged(found)
}

/// What of `bounds` is left beside intervals that are sorted and apart.
fn gaps(bounds: Interval, taken: &[Interval]) -> Vec<Interval> {
    let (mut found, mut from) = (Vec::new(), bounds.from);
    for taken in taken {
        found.push(Interval { from, to: taken.from.min(bounds.to) });
        from = from.max(taken.to);
    }
    found.push(Interval { from, to: bounds.to });
    found.retain(|gap| gap.from < gap.to);
    found
}

/// Whether a window is open somewhere in a gap; one horizon after the other, because an expression is bounded over one.
fn reaches_into(window: &Entry, gap: Interval) -> bool {
    let mut from = gap.from;
    while from < gap.to {
        let to = from.after(HORIZON).min(gap.to);
        let bounds = match window.zone {
            Zone::Region => Interval { from: from.before(ASIDE), to: to.after(ASIDE) },
            Zone::Named(_) => Interval { from, to },
        };
        if intervals(window, Some("UTC"), bounds).is_ok_and(|found| found.is_empty()) {
            from = to;
        } else {
            return true;
        }
    }
    false
}
