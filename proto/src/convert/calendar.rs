//! Timetables. Only the spelling is checked here; whether zones and expressions can be read is asked where they are known.

use meridian_core::calendar::timetable::{ENTRIES_MAX, TEXT_BYTES_MAX};
use meridian_core::calendar::{Dates, Entry, Increment, Splits, Timetable, Train, When, Zone};

use super::field::{list, optional, present, required, text};
use super::invalid::{Invalid, InvalidKind};
use super::time::{span, span_to_wire};
use crate::r#gen::v1;
use crate::r#gen::v1::calendar_entry::{Cron, Range, When as WireWhen};

impl TryFrom<v1::Timetable> for Timetable {
    type Error = Invalid;

    fn try_from(wire: v1::Timetable) -> Result<Self, Invalid> {
        let v1::Timetable { windows, freezes, splits, trains, increments, train } = wire;
        let splits = match v1::Splits::try_from(splits) {
            Ok(v1::Splits::Unspecified | v1::Splits::None) => Splits::None,
            Ok(v1::Splits::EachStep) => Splits::EachStep,
            Err(_) => return Err(Invalid::of(splits, InvalidKind::UnknownWord("none, each-step"))),
        };
        let windows = list("windows", windows, ENTRIES_MAX)?;
        let freezes = list("freezes", freezes, ENTRIES_MAX)?;
        let (trains, increments) = (list("trains", trains, ENTRIES_MAX)?, list("increments", increments, ENTRIES_MAX)?);
        let train = Some(short("train", train)?).filter(|train| !train.is_empty());
        Ok(Self { windows, freezes, splits, trains, increments, train })
    }
}

/// Absent where nothing is said, as in what was written before there were timetables.
pub(crate) fn timetable_to_wire(timetable: &Timetable) -> Option<v1::Timetable> {
    let Timetable { windows, freezes, splits, trains, increments, train } = timetable;
    let splits = match splits {
        Splits::None => v1::Splits::None,
        Splits::EachStep => v1::Splits::EachStep,
    };
    let entries = |entries: &[Entry]| entries.iter().map(Into::into).collect();
    let wire = v1::Timetable {
        windows: entries(windows),
        freezes: entries(freezes),
        splits: splits.into(),
        trains: trains.iter().map(Into::into).collect(),
        increments: increments.iter().map(Into::into).collect(),
        train: train.clone().unwrap_or_default(),
    };
    (*timetable != Timetable::default()).then_some(wire)
}

fn short(field: &str, given: String) -> Result<String, Invalid> {
    text(field, given, TEXT_BYTES_MAX)
}

impl TryFrom<v1::CalendarEntry> for Entry {
    type Error = Invalid;

    fn try_from(wire: v1::CalendarEntry) -> Result<Self, Invalid> {
        let v1::CalendarEntry { name, zone, when } = wire;
        let zone = short("zone", zone)?;
        let when = match present("when", when)? {
            WireWhen::Cron(Cron { expression, lasts }) => {
                When::Cron { expression: short("cron.expression", expression)?, lasts: span("cron.lasts", lasts)? }
            }
            WireWhen::Range(Range { from, to }) => {
                When::Range { from: short("range.from", from)?, to: short("range.to", to)? }
            }
        };
        Ok(Self { name: short("name", name)?, zone: Zone::of(zone), when })
    }
}

impl From<&Entry> for v1::CalendarEntry {
    fn from(entry: &Entry) -> Self {
        let Entry { name, zone, when } = entry;
        let when = match when {
            When::Cron { expression, lasts } => {
                WireWhen::Cron(Cron { expression: expression.clone(), lasts: Some(span_to_wire(*lasts)) })
            }
            When::Range { from, to } => WireWhen::Range(Range { from: from.clone(), to: to.clone() }),
        };
        Self { name: name.clone(), zone: zone.as_str().to_owned(), when: Some(when) }
    }
}

impl TryFrom<v1::Train> for Train {
    type Error = Invalid;

    fn try_from(wire: v1::Train) -> Result<Self, Invalid> {
        let v1::Train { name, zone, departs, boarding, from, every } = wire;
        Ok(Self {
            name: short("name", name)?,
            zone: short("zone", zone)?,
            departs: short("departs", departs)?,
            boarding: span("boarding", boarding)?,
            from: Some(short("from", from)?).filter(|from| !from.is_empty()),
            every: every.max(1),
        })
    }
}

impl From<&Train> for v1::Train {
    fn from(train: &Train) -> Self {
        let Train { name, zone, departs, boarding, from, every } = train;
        Self {
            name: name.clone(),
            zone: zone.clone(),
            departs: departs.clone(),
            boarding: Some(span_to_wire(*boarding)),
            from: from.clone().unwrap_or_default(),
            every: *every,
        }
    }
}

impl TryFrom<v1::increment::Dates> for Dates {
    type Error = Invalid;

    fn try_from(wire: v1::increment::Dates) -> Result<Self, Invalid> {
        let v1::increment::Dates { from, to } = wire;
        Ok(Self { from: short("from", from)?, to: short("to", to)? })
    }
}

impl From<&Dates> for v1::increment::Dates {
    fn from(dates: &Dates) -> Self {
        let Dates { from, to } = dates;
        Self { from: from.clone(), to: to.clone() }
    }
}

impl TryFrom<v1::Increment> for Increment {
    type Error = Invalid;

    fn try_from(wire: v1::Increment) -> Result<Self, Invalid> {
        let v1::Increment { name, zone, during, planning, innovation } = wire;
        Ok(Self {
            name: short("name", name)?,
            zone: short("zone", zone)?,
            during: required("during", during)?,
            planning: optional("planning", planning)?,
            innovation: optional("innovation", innovation)?,
        })
    }
}

impl From<&Increment> for v1::Increment {
    fn from(increment: &Increment) -> Self {
        let Increment { name, zone, during, planning, innovation } = increment;
        Self {
            name: name.clone(),
            zone: zone.clone(),
            during: Some(during.into()),
            planning: planning.as_ref().map(Into::into),
            innovation: innovation.as_ref().map(Into::into),
        }
    }
}
