//! Waves and their regions: one heading a wave, one row a region, columns under each other across all waves.

use meridian_client::{ContactView, LanePosition, LaneView, ReasonView, RolloutState, RolloutView, WaveView};
use meridian_core::evidence::Outcome;
use meridian_core::time::Timestamp;

use super::line::Line;
use crate::clock;
use crate::output::{Cell, cell, marked, table, toned};
use crate::style::{self, Tone};

/// Before each region.
const INDENT: &str = "  ";
/// Between columns.
const GAP: usize = 3;

/// Where a wave stands in its rollout.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Turn {
    Past,
    Present,
    Future,
}

/// All waves of a rollout.
pub(super) fn lines(rollout: &RolloutView, now: Timestamp) -> Vec<Line> {
    let waves: Vec<_> =
        rollout.waves.iter().enumerate().map(|(index, wave)| block(rollout, index, wave, now)).collect();
    let rows: Vec<_> = waves.iter().flat_map(|(_, rows)| rows.clone()).collect();
    let widths = table::widths(&rows);
    let mut lines = Vec::new();
    for (heading, rows) in waves {
        lines.push(heading);
        for row in rows {
            let mut line = Line::default().with(Tone::Plain, INDENT);
            for (cell, width) in row.iter().zip(&widths) {
                line.add_padded(cell, width + GAP);
            }
            lines.push(line);
        }
    }
    lines
}

/// `2/3`, counted from one; a dash before the first.
pub(crate) fn step_of(lane: &LaneView) -> String {
    match lane.at {
        Some(at) => format!("{}/{}", at.step + 1, lane.steps),
        None => "-".to_owned(),
    }
}

fn block(rollout: &RolloutView, index: usize, wave: &WaveView, now: Timestamp) -> (Line, Vec<Vec<Cell>>) {
    let at_home = |lane: &&LaneView| home(rollout, lane) == Some(index);
    let lanes: Vec<_> = wave.regions.iter().filter_map(|region| rollout.lane(region)).filter(at_home).collect();
    let turn = if is_over(rollout, index, &lanes) {
        Turn::Past
    } else if index > rollout.wave {
        Turn::Future
    } else {
        Turn::Present
    };
    let mut heading = Line::default().with(Tone::Strong, format!("wave {}  {}", index + 1, wave.name));
    if let Some(stage) = wave.stage {
        heading.add(Tone::Faint, format!("  {}", stage.as_str()));
    }
    let is_back = is_going_back(rollout.state);
    match turn {
        _ if is_back => going_back(&mut heading, &lanes),
        Turn::Past => heading.add(Tone::Good, "  ✔ done"),
        Turn::Future => {
            heading.add(Tone::Faint, format!("  ◷ waiting  {} {}", wave.regions.len(), noun(wave.regions.len())));
        }
        Turn::Present => moving(&mut heading, rollout, wave, &lanes),
    }
    // What has not begun needs no rows, unless it has to go back.
    let rows = if turn == Turn::Future && !is_back { Vec::new() } else { lanes };
    (heading, rows.into_iter().map(|lane| row(rollout, lane, now)).collect())
}

const fn noun(count: usize) -> &'static str {
    if count == 1 { "region" } else { "regions" }
}

const fn is_going_back(state: RolloutState) -> bool {
    match state {
        RolloutState::RollingBack | RolloutState::RolledBack | RolloutState::Aborted => true,
        RolloutState::Running
        | RolloutState::Soaking
        | RolloutState::Held
        | RolloutState::Frozen
        | RolloutState::Switched
        | RolloutState::Stable
        | RolloutState::Superseded
        | RolloutState::Failed
        | RolloutState::Unknown => false,
    }
}

/// The wave in whose block a region is shown: where it is, or where it waits for its turn.
fn home(rollout: &RolloutView, lane: &LaneView) -> Option<usize> {
    if let Some(at) = lane.at {
        return Some(at.wave);
    }
    let mut with_it = rollout.waves.iter().enumerate().filter(|(_, wave)| wave.regions.contains(&lane.region));
    with_it.next().map(|(index, _)| index)
}

fn is_over(rollout: &RolloutView, index: usize, lanes: &[&LaneView]) -> bool {
    let is_settled = |lane: &&LaneView| lane.position == LanePosition::Settled;
    index < rollout.wave
        || (!lanes.is_empty() && lanes.iter().all(is_settled) && rollout.state != RolloutState::Soaking)
}

fn moving(heading: &mut Line, rollout: &RolloutView, wave: &WaveView, lanes: &[&LaneView]) {
    let settled = lanes.iter().filter(|lane| lane.position == LanePosition::Settled).count();
    if rollout.state == RolloutState::Soaking {
        heading.add(Tone::Busy, "  ◷ soaking");
    } else {
        heading.add(Tone::Busy, format!("  ◌ {settled} of {} settled", wave.regions.len()));
    }
    for outcome in [Outcome::Pass, Outcome::Fail, Outcome::Inconclusive] {
        let has = |lane: &&&LaneView| lane.verdict.as_ref().is_some_and(|verdict| verdict.outcome == outcome);
        let count = lanes.iter().filter(has).count();
        if count > 0 {
            let (glyph, tone) = style::of_outcome(outcome);
            heading.add(tone, format!("  {glyph} {count} {}", outcome.as_str()));
        }
    }
}

fn going_back(heading: &mut Line, lanes: &[&LaneView]) {
    let count = |wanted: fn(&LaneView) -> bool| lanes.iter().filter(|lane| wanted(lane)).count();
    let back = count(|lane| lane.position == LanePosition::Reverted);
    let unknown = count(is_unknown);
    let pending = count(|lane| lane.position == LanePosition::Reverting && !is_unknown(lane));
    let parts = [(back, "back", Tone::Good), (pending, "pending", Tone::Busy), (unknown, "unknown", Tone::Bad)];
    for (count, word, tone) in parts {
        if count > 0 {
            heading.add(tone, format!("  {count} {word}"));
        }
    }
}

/// Nobody can vouch for it now: it is on its way back and its agent can't be reached.
fn is_unknown(lane: &LaneView) -> bool {
    let is_open = lane.position == LanePosition::Reverting || lane.position == LanePosition::Unknown;
    is_open && lane.contact != ContactView::Live
}

fn row(rollout: &RolloutView, lane: &LaneView, now: Timestamp) -> Vec<Cell> {
    let state = if is_unknown(lane) {
        toned(Tone::Bad, "? unknown")
    } else {
        marked(style::of_position(lane.position), lane.position.as_str())
    };
    let step = match lane.at {
        Some(_) => cell(format!("step {}", step_of(lane))),
        None => toned(Tone::Faint, "-"),
    };
    vec![cell(&lane.region), state, step, weight(lane), verdict(lane), next(rollout, lane, now)]
}

/// `ordered/observed`; a dash where nothing is ordered yet.
fn weight(lane: &LaneView) -> Cell {
    let Some(ordered) = lane.weight_ordered() else {
        return toned(Tone::Faint, "-");
    };
    match lane.weight_observed() {
        Some(observed) if observed == ordered => cell(format!("{ordered}/{observed}")),
        Some(observed) => toned(Tone::Warning, format!("{ordered}/{observed}")),
        None => toned(Tone::Warning, format!("{ordered}/?")),
    }
}

fn verdict(lane: &LaneView) -> Cell {
    let (verdict, word) = match (&lane.vote, &lane.verdict) {
        (Some(vote), _) => (vote, "vote "),
        (None, Some(verdict)) => (verdict, ""),
        (None, None) => return toned(Tone::Faint, "-"),
    };
    let (glyph, tone) = style::of_outcome(verdict.outcome);
    let outcome = verdict.outcome.as_str();
    let numbers = match verdict.outcome {
        Outcome::Pass => String::new(),
        Outcome::Fail => format!(" {} {} > {}", verdict.check, verdict.measured, verdict.limit),
        Outcome::Inconclusive => format!(" {} {} samples", verdict.check, verdict.samples),
    };
    toned(tone, format!("{glyph} {word}{outcome}{numbers}"))
}

/// What comes next for a region, or what it waits for.
fn next(rollout: &RolloutView, lane: &LaneView, now: Timestamp) -> Cell {
    if lane.contact != ContactView::Live {
        return match lane.last_seen {
            Some(seen) => toned(Tone::Bad, format!("no contact for {}", clock::age(seen, now))),
            None => toned(Tone::Warning, "no contact yet"),
        };
    }
    if let Some(trouble) = &lane.trouble {
        return toned(Tone::Bad, format!("{}: {}", trouble.code, trouble.message));
    }
    let wait = rollout.waits_of(&lane.region).next();
    wait.map_or_else(|| toned(Tone::Faint, "-"), |wait| cell(wait_text(wait, now)))
}

/// A wait without the name of its region, with the time that is left.
pub(super) fn wait_text(wait: &ReasonView, now: Timestamp) -> String {
    let prefix = wait.region.as_ref().map(|region| format!("{region}: ")).unwrap_or_default();
    let message = wait.message.strip_prefix(&prefix).unwrap_or(&wait.message);
    match wait.until {
        Some(until) => format!("{message}, {} left", clock::short(until.since(now))),
        None => message.to_owned(),
    }
}
