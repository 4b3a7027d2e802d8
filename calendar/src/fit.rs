//! Whether what has to happen in a window fits into one: asked while a playbook is written and a plan is read, so that no
//! rollout waits for a window that never comes.

use meridian_core::calendar::rule::{Shut, longest, may_start, needs};
use meridian_core::calendar::{Entry, Interval, Timetable, When, Zone};
use meridian_core::evidence::StepRef;
use meridian_core::id::{RegionId, WaveId};
use meridian_core::plan::Plan;
use meridian_core::playbook::{Playbook, Violation};
use meridian_core::time::{Span, Timestamp};

use crate::check::TRIED_FROM;
use crate::expand::{HORIZON, intervals, merged, openings};

/// By how much clocks of different zones move against each other in a year.
const CLOCKS_MOVE: Span = Span::from_secs(2 * 3600);

/// A wave that can't begin in a region, as far as is known ahead.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct ShutOut {
    /// Which.
    pub wave: WaveId,
    /// Where.
    pub region: RegionId,
    /// What it has to end in one window.
    pub needs: Span,
}

/// Waves with bakes that are longer than any window can be, whatever zones regions are in. A timetable that can't be read
/// is refused elsewhere.
#[must_use]
pub fn fits(playbook: &Playbook) -> Vec<Violation> {
    let Some(longest_window) = longest_window(&playbook.timetable) else { return Vec::new() };
    let mut found = Vec::new();
    for (stage, of) in playbook.stages.iter().enumerate() {
        let rehearses = of.staging.as_ref().is_some_and(|staging| staging.rehearsal);
        for (wave, of) in of.waves.iter().enumerate() {
            let again = of.steps.last().filter(|_| rehearses).into_iter().flat_map(|last| [last, last]);
            let needs = longest(of.steps.iter().chain(again).map(|step| step.bake), playbook.timetable.splits);
            if needs > longest_window {
                found.push(Violation {
                    code: "BAKE_EXCEEDS_WINDOWS",
                    field: format!("stages[{stage}].waves[{wave}].steps"),
                    value: needs.to_string(),
                    fix: format!(
                        "no window is longer than {longest_window}; let one last longer, bake less, or write `splits: each-step`"
                    ),
                });
            }
        }
    }
    found
}

/// Waves that no window holds from `now` on, in the first region of each where that is so. What is known ahead is two
/// months.
#[must_use]
pub fn shut_out(plan: &Plan, now: Timestamp) -> Vec<ShutOut> {
    if plan.timetable.windows.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (index, wave) in plan.waves.iter().enumerate() {
        let needs = needs(plan, StepRef { wave: index, step: 0 });
        let is_shut = |region: &&RegionId| {
            let zone = plan.lanes.get(*region).and_then(|lane| lane.zone.as_deref());
            openings(&plan.timetable, zone, now, needs).is_ok_and(|openings| {
                may_start(&plan.timetable, &openings, now, needs) == Err(Shut::Window { opens: None })
            })
        };
        let region = wave.regions.iter().find(is_shut);
        found.extend(region.map(|region| ShutOut { wave: wave.id.clone(), region: region.clone(), needs }));
    }
    found
}

/// An upper bound of how long windows are open on end; `None` if they always are, or can't be read.
fn longest_window(timetable: &Timetable) -> Option<Span> {
    if timetable.windows.is_empty() {
        return None;
    }
    let bounds = Interval { from: TRIED_FROM, to: TRIED_FROM.after(HORIZON) };
    let (mut open, mut besides) = (Vec::new(), Span::ZERO);
    for window in &timetable.windows {
        match &window.when {
            When::Cron { expression: _, lasts } => {
                let found = intervals(window, Some("UTC"), bounds).ok()?;
                // Once a year, it may still lie beside what is open daily.
                besides = besides.plus(if found.is_empty() { *lasts } else { Span::ZERO });
                open.extend(found);
            }
            When::Range { .. } => besides = besides.plus(length(window)?),
        }
    }
    let zones: std::collections::BTreeSet<&Zone> = timetable.windows.iter().map(|window| &window.zone).collect();
    let moves = if zones.len() > 1 { CLOCKS_MOVE } else { Span::ZERO };
    let on_end = merged(open).iter().map(|window| window.to.since(window.from)).max().unwrap_or(Span::ZERO);
    Some(on_end.plus(besides).plus(moves))
}

/// How long a range is, by the clock of the zone that makes it longest.
fn length(range: &Entry) -> Option<Span> {
    let always = Interval { from: Timestamp::from_millis(0), to: Timestamp::from_millis(u64::MAX) };
    let found = intervals(range, Some("UTC"), always).ok()?;
    let length = found.first().map_or(Span::ZERO, |range| range.to.since(range.from));
    // A clock that is put back in it makes it longer.
    Some(length.plus(if range.zone == Zone::Region { CLOCKS_MOVE } else { Span::ZERO }))
}
