//! From trains and increments to departures: moments of UTC, each inside an increment if any is declared. It knows windows
//! and freezes only where it says when a plan would begin.

use croner::Cron;
use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use meridian_core::calendar::rule::{boards, needs};
use meridian_core::calendar::{Dates, Departure, Increment, Interval, Timetable, Train};
use meridian_core::evidence::StepRef;
use meridian_core::id::RegionId;
use meridian_core::plan::Plan;
use meridian_core::time::{Span, Timestamp};

use crate::error::Refusal;
use crate::expand::{GAP_MAX, civil, following, openings, parse};
use crate::zone::{find, from_jiff, moment, to_jiff};

/// How far ahead departures are looked for: increments are planned a year ahead.
pub const AHEAD: Span = Span::from_secs(2 * 366 * 24 * 3600);
/// The most moments of one train that are looked at: one an hour, as far as anybody looks ahead.
const MOMENTS_MAX: usize = 20_000;
/// Days in a week.
const WEEK: i32 = 7;

/// An increment as its clocks tell it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Planned {
    /// Its name.
    pub name: String,
    /// All of it.
    pub during: Interval,
    /// When nothing departs.
    pub quiet: Vec<Interval>,
}

/// The departures of a train with boarding in `bounds`, the first `most` of them.
///
/// # Errors
/// If the train or an increment can't be read.
pub fn departures(
    timetable: &Timetable,
    train: &Train,
    bounds: Interval,
    most: usize,
) -> Result<Vec<Departure>, Refusal> {
    let increments = increments(timetable)?;
    let found = moments(train, bounds)?.into_iter().filter_map(|during| aboard(train, &increments, during));
    Ok(found.filter(|departure| departure.during.to > bounds.from).take(most).collect())
}

/// With which departure a plan begins at the earliest, and when then, if it is started at `now` and takes a train; as far as
/// its calendar is known ahead.
#[must_use]
pub fn first_departure(plan: &Plan, now: Timestamp) -> Option<(Timestamp, Departure)> {
    let (train, wave) = (plan.timetable.train.as_ref()?, plan.waves.first()?);
    let needs = needs(plan, StepRef { wave: 0, step: 0 });
    let in_region = |region: &RegionId| {
        let zone = plan.lanes.get(region)?.zone.as_deref();
        let known = openings(&plan.timetable, zone, now, needs).ok()?;
        boards(train, &plan.timetable, &known, now, needs).map(|(at, departure)| (at, departure.clone()))
    };
    wave.regions.iter().filter_map(in_region).min_by_key(|(at, _)| *at)
}

/// Every increment, by the clocks of its zone.
///
/// # Errors
/// The first increment that can't be read.
pub fn increments(timetable: &Timetable) -> Result<Vec<Planned>, Refusal> {
    let each = timetable.increments.iter().enumerate();
    each.map(|(index, of)| planned(of).map_err(|refusal| refusal.within(&format!("increments[{index}]")))).collect()
}

pub(crate) fn planned(increment: &Increment) -> Result<Planned, Refusal> {
    let zone = find(&increment.zone)?;
    let within = |field: &'static str| move |refusal: Refusal| refusal.within(field);
    let (planning, innovation) = (increment.planning.as_ref(), increment.innovation.as_ref());
    let planning = planning.map(|dates| between(&zone, dates)).transpose().map_err(within("planning"))?;
    let innovation = innovation.map(|dates| between(&zone, dates)).transpose().map_err(within("innovation"))?;
    let during = between(&zone, &increment.during)?;
    if innovation.is_some_and(|of| of.from < during.from || of.to > during.to) {
        let value = increment.innovation.as_ref().map_or("", |dates| dates.from.as_str());
        let fix = "let it lie between the beginning and the end of the increment";
        return Err(Refusal::new("from", value, "it lies outside its increment", fix).within("innovation"));
    }
    Ok(Planned { name: increment.name.clone(), during, quiet: planning.into_iter().chain(innovation).collect() })
}

fn between(zone: &TimeZone, dates: &Dates) -> Result<Interval, Refusal> {
    let (from, to) = (civil("from", &dates.from)?, civil("to", &dates.to)?);
    let found = Interval { from: from_jiff(moment(zone, from)), to: from_jiff(moment(zone, to)) };
    let fix = "let it end after it begins; `to` is not included";
    (found.from < found.to).then_some(found).ok_or_else(|| Refusal::new("to", &dates.to, "it has no length", fix))
}

/// When a train would board, whatever increments say.
fn moments(train: &Train, bounds: Interval) -> Result<Vec<Interval>, Refusal> {
    let (zone, cron) = (find(&train.zone)?, parse("departs", &train.departs)?);
    let begins = train.from.as_ref().map(|from| civil("from", from)).transpose()?;
    let early = to_jiff(bounds.from.before(train.boarding)).saturating_sub(GAP_MAX).unwrap_or(jiff::Timestamp::MIN);
    let early = zone.to_datetime(early);
    let before = |begins: DateTime| begins.saturating_sub(SignedDuration::from_secs(1));
    let mut face = begins.map_or(early, |begins| early.max(before(begins)));
    let mut found = Vec::new();
    for _ in 0..MOMENTS_MAX {
        let Some(next) = following(&cron, face) else { break };
        let from = from_jiff(moment(&zone, next));
        if from >= bounds.to {
            break;
        }
        if is_its_week(begins, train.every, next) {
            found.push(Interval { from, to: from.after(train.boarding) });
        }
        face = next;
    }
    Ok(found)
}

fn is_its_week(begins: Option<DateTime>, every: u32, next: DateTime) -> bool {
    let Some(begins) = begins else { return true };
    let days = begins.date().until(next.date()).map_or(0, |apart| apart.get_days());
    u32::try_from(days / WEEK).is_ok_and(|week| week % every.max(1) == 0)
}

/// A departure, if it lies where one may; boarding ends where nothing departs any more.
fn aboard(train: &Train, increments: &[Planned], during: Interval) -> Option<Departure> {
    let departs =
        |increment, to| Departure { train: train.name.clone(), increment, during: Interval { from: during.from, to } };
    if increments.is_empty() {
        return Some(departs(None, during.to));
    }
    let quiet = || increments.iter().flat_map(|increment| &increment.quiet);
    if quiet().any(|quiet| quiet.holds(during.from)) {
        return None;
    }
    let inside = increments.iter().find(|increment| increment.during.holds(during.from))?;
    let ends = quiet().map(|quiet| quiet.from).filter(|from| *from > during.from).min();
    let to = during.to.min(inside.during.to).min(ends.unwrap_or(during.to));
    Some(departs(Some(inside.name.clone()), to))
}

/// A departure that clocks skip when they are put forward, if there is one in the next years.
pub(crate) fn skipped(cron: &Cron, zone: &TimeZone, years: Interval) -> Option<DateTime> {
    let until = to_jiff(years.to);
    let moves = zone.following(to_jiff(years.from)).take_while(|to| to.timestamp() < until);
    let second = SignedDuration::from_secs(1);
    let gaps = moves.map(|to| {
        let at = to.timestamp();
        let before = zone.to_offset(at.saturating_sub(second).unwrap_or(at));
        (before.to_datetime(at), to.offset().to_datetime(at))
    });
    let in_gap = |(from, to): (DateTime, DateTime)| {
        let next = following(cron, from.saturating_sub(second))?;
        (next < to).then_some(next)
    };
    gaps.filter(|(from, to)| from < to).find_map(in_gap)
}
