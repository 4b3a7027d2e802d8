//! Openings for the rules: what a plan's timetable means in each of its regions, worked out ahead and kept for a while. It
//! decides nothing.

use std::collections::BTreeMap;
use std::sync::Mutex;

use meridian_calendar::openings;
use meridian_core::calendar::rule::needs;
use meridian_core::calendar::{Freeze, Interval, Openings, Timetable};
use meridian_core::evidence::StepRef;
use meridian_core::observation::Sight;
use meridian_core::rollout::gates::train::awaited;
use meridian_core::rollout::state::Rollout;
use meridian_core::time::{Span, Timestamp};

/// How long openings are kept. They are known for weeks ahead, so this only bounds what is held of plans that have ended.
const KEPT_FOR: Span = Span::from_secs(3600);

/// What openings are worked out from.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd)]
struct Source {
    timetable: Timetable,
    zone: Option<String>,
    needs: Span,
}

/// The openings of all plans that were looked at lately.
#[derive(Default)]
pub(super) struct Calendars {
    kept: Mutex<BTreeMap<Source, (Timestamp, Openings)>>,
}

impl Calendars {
    /// Adds to a sight when the steps of its lanes may start, and the rollout begin. A plan without a timetable costs
    /// nothing, and a train only until the rollout has begun.
    pub fn fill(&self, sight: &mut Sight, record: &Rollout, now: Timestamp) {
        let plan = &record.plan;
        if plan.timetable.is_empty() {
            return;
        }
        let timetable = plan.timetable.with_train(awaited(record));
        let longest = (0..plan.waves.len()).map(|wave| needs(plan, StepRef { wave, step: 0 })).max();
        let needs = longest.unwrap_or(Span::ZERO);
        for (region, seen) in sight {
            let zone = plan.lanes.get(region).and_then(|lane| lane.zone.clone());
            seen.openings = self.openings(Source { timetable: timetable.clone(), zone, needs }, now);
        }
    }

    fn openings(&self, source: Source, now: Timestamp) -> Openings {
        let mut kept = self.kept.lock().expect("no holder of this lock panics");
        let is_fresh = |since: Timestamp| now >= since && now.since(since) < KEPT_FOR;
        if let Some((_, openings)) = kept.get(&source).filter(|(since, _)| is_fresh(*since)) {
            return openings.clone();
        }
        kept.retain(|_, (since, _)| is_fresh(*since));
        let found = openings(&source.timetable, source.zone.as_deref(), now, source.needs).unwrap_or_else(|refusal| {
            // Asked when the plan was made; a version that knows other zones starts nothing rather than too much.
            tracing::error!(%refusal, "a plan's timetable can't be read");
            shut()
        });
        kept.insert(source, (now, found.clone()));
        found
    }
}

fn shut() -> Openings {
    let during = Interval { from: Timestamp::from_millis(0), to: Timestamp::from_millis(u64::MAX) };
    let freezes = vec![Freeze { name: "unreadable".to_owned(), during }];
    Openings { freezes, ..Openings::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meridian_core::calendar::{Entry, When, Zone};

    fn source(zone: Option<&str>) -> Source {
        let when = When::Range { from: "2026-12-24T00:00".to_owned(), to: "2026-12-27T00:00".to_owned() };
        let freeze = Entry { name: "holidays".to_owned(), zone: Zone::Region, when };
        let timetable = Timetable { freezes: vec![freeze], ..Timetable::default() };
        Source { timetable, zone: zone.map(str::to_owned), needs: Span::ZERO }
    }

    #[test]
    fn openings_are_worked_out_anew_when_their_time_is_over() {
        let calendars = Calendars::default();
        let (early, late) = (Timestamp::from_millis(1_700_000_000_000), Timestamp::from_millis(1_798_100_000_000));
        assert!(calendars.openings(source(Some("Asia/Tokyo")), early).freezes.is_empty());
        assert_eq!(calendars.openings(source(Some("Asia/Tokyo")), late).freezes.len(), 1);
        assert_eq!(calendars.kept.lock().unwrap().len(), 1, "what is old is not held");
    }

    #[test]
    fn what_can_not_be_read_lets_nothing_start() {
        let now = Timestamp::from_millis(1_798_000_000_000);
        let openings = Calendars::default().openings(source(Some("Atlantis/Poseidonis")), now);
        assert!(openings.freezes.iter().any(|freeze| freeze.during.holds(now)));
    }
}
