//! What must hold of a region's answers: S8, a live slot at every instant. A gap counts if it lies where the traffic was
//! being switched and the machine itself did not stand still. It does not know why a request failed.

use super::{History, Micros, Violation, broken};

/// The longest time without an answer that a switch may cost.
pub const GAP_MAX_MICROS: Micros = 50_000;
/// How far around a switch a gap is blamed on it: the order, the way to the agent and the confirmation take that long.
const AROUND_MICROS: Micros = 1_000_000;

/// A time in which no slot of a region answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Gap {
    /// Where.
    pub region: String,
    /// Since the last answer.
    pub from: Micros,
    /// Until the next one.
    pub to: Micros,
    /// Requests in it that were sent away without a slot's answer.
    pub failed: usize,
}

pub(super) fn check(history: &History, found: &mut Vec<Violation>) {
    for Gap { region, from, to, failed } in gaps(history) {
        let what =
            format!("{region}: no slot answered from {from} to {to} µs ({failed} requests were sent away) in a switch");
        broken(found, "S8", what);
    }
}

/// The gaps that a switch has to answer for.
#[must_use]
pub fn gaps(history: &History) -> Vec<Gap> {
    told_apart(history).0
}

/// Gaps in switches that are not held against them, because the machine itself stood still: in each of them every request was
/// answered, if late.
#[must_use]
pub fn excused(history: &History) -> Vec<Gap> {
    told_apart(history).1
}

/// Gaps in switches: those that count, and those of the machine.
fn told_apart(history: &History) -> (Vec<Gap>, Vec<Gap>) {
    let (mut counted, mut excused) = (Vec::new(), Vec::new());
    let stalls = merged(&history.stalls);
    for region in history.probes.keys() {
        let windows = switches(history, region);
        let in_a_switch = |gap: &Gap| windows.iter().any(|window| overlap((gap.from, gap.to), *window));
        for gap in silent(history, region).into_iter().filter(in_a_switch) {
            // A request that failed found nobody; one that was only late may have waited for the machine.
            let counts = gap.failed > 0 || !was_the_machines(&gap, &stalls);
            if counts { &mut counted } else { &mut excused }.push(gap);
        }
    }
    (counted, excused)
}

/// The times between two answers that are longer than allowed, or in which a request failed.
fn silent(history: &History, region: &str) -> Vec<Gap> {
    let Some(probes) = history.probes.get(region) else { return Vec::new() };
    let mut ordered: Vec<_> = probes.iter().collect();
    ordered.sort_by_key(|probe| probe.end);
    let mut found = Vec::new();
    let (mut last, mut failed) = (None, 0);
    for probe in ordered {
        if probe.slot.is_none() {
            failed += usize::from(!probe.timed_out);
            continue;
        }
        if let Some(from) = last {
            let gap = Gap { region: region.to_owned(), from, to: probe.end, failed };
            if failed > 0 || probe.end.saturating_sub(from) > GAP_MAX_MICROS {
                found.push(gap);
            }
        }
        (last, failed) = (Some(probe.end), 0);
    }
    found
}

/// When a region's traffic was on its way: from the decision that changed its weight to the one that holds it for
/// confirmed.
fn switches(history: &History, region: &str) -> Vec<(Micros, Micros)> {
    let mut windows = Vec::new();
    let mut open: Option<Micros> = None;
    let mut before: Option<(&str, u64)> = None;
    for decision in &history.decisions {
        let Some(lane) = decision.lanes.get(region) else { continue };
        // Another rollout counts the weight of another release: its first record moves nothing.
        let weight_before = before.filter(|(rollout, _)| *rollout == decision.rollout).map_or(0, |(_, weight)| weight);
        before = Some((&decision.rollout, lane.weight_new));
        if lane.weight_new != weight_before {
            open = open.or(Some(decision.seen));
        }
        if let Some(since) = open.filter(|_| lane.is_confirmed) {
            windows.push((since.saturating_sub(AROUND_MICROS), decision.seen + AROUND_MICROS));
            open = None;
        }
    }
    windows.extend(open.map(|since| (since.saturating_sub(AROUND_MICROS), Micros::MAX)));
    windows
}

/// Times as they come, as times that do not overlap, in order.
fn merged(times: &[(Micros, Micros)]) -> Vec<(Micros, Micros)> {
    let mut ordered = times.to_vec();
    ordered.sort_unstable();
    let mut merged: Vec<(Micros, Micros)> = Vec::new();
    for (from, to) in ordered {
        match merged.last_mut().filter(|last| from <= last.1) {
            Some(last) => last.1 = last.1.max(to),
            None => merged.push((from, to)),
        }
    }
    merged
}

/// Whether without the machine's own stalls the gap would have been short enough.
fn was_the_machines(gap: &Gap, stalls: &[(Micros, Micros)]) -> bool {
    let first = stalls.partition_point(|stall| stall.1 < gap.from);
    let in_it = stalls[first..].iter().take_while(|stall| stall.0 <= gap.to);
    let stalled: Micros = in_it.map(|stall| stall.1.min(gap.to) - stall.0.max(gap.from)).sum();
    gap.to - gap.from <= GAP_MAX_MICROS + stalled
}

fn overlap(one: (Micros, Micros), other: (Micros, Micros)) -> bool {
    one.0 <= other.1 && other.0 <= one.1
}
