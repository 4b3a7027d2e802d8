//! Timetables. Only the spelling is checked here; whether zones and expressions can be read is asked where they are known.

use meridian_core::calendar::timetable::{ENTRIES_MAX, TEXT_BYTES_MAX};
use meridian_core::calendar::{Entry, Splits, Timetable, When, Zone};

use super::field::{list, present, text};
use super::invalid::{Invalid, InvalidKind};
use super::time::{span, span_to_wire};
use crate::r#gen::v1;
use crate::r#gen::v1::calendar_entry::{Cron, Range, When as WireWhen};

/// The word for each region's own zone.
impl TryFrom<v1::Timetable> for Timetable {
    type Error = Invalid;

    fn try_from(wire: v1::Timetable) -> Result<Self, Invalid> {
        let v1::Timetable { windows, freezes, splits } = wire;
        let splits = match v1::Splits::try_from(splits) {
            Ok(v1::Splits::Unspecified | v1::Splits::None) => Splits::None,
            Ok(v1::Splits::EachStep) => Splits::EachStep,
            Err(_) => return Err(Invalid::of(splits, InvalidKind::UnknownWord("none, each-step"))),
        };
        let windows = list("windows", windows, ENTRIES_MAX)?;
        Ok(Self { windows, freezes: list("freezes", freezes, ENTRIES_MAX)?, splits })
    }
}

/// Absent where nothing is said, as in what was written before there were timetables.
pub(crate) fn timetable_to_wire(timetable: &Timetable) -> Option<v1::Timetable> {
    let Timetable { windows, freezes, splits } = timetable;
    let splits = match splits {
        Splits::None => v1::Splits::None,
        Splits::EachStep => v1::Splits::EachStep,
    };
    let entries = |entries: &[Entry]| entries.iter().map(Into::into).collect();
    let wire = v1::Timetable { windows: entries(windows), freezes: entries(freezes), splits: splits.into() };
    (*timetable != Timetable::default()).then_some(wire)
}

impl TryFrom<v1::CalendarEntry> for Entry {
    type Error = Invalid;

    fn try_from(wire: v1::CalendarEntry) -> Result<Self, Invalid> {
        let v1::CalendarEntry { name, zone, when } = wire;
        let short = |field: &str, given: String| text(field, given, TEXT_BYTES_MAX);
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
