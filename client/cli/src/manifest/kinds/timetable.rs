//! Windows, freezes and split points of a playbook. What times and zones mean is known by `meridian-calendar`; here they are
//! only read.

use meridian_core::calendar::timetable::TEXT_BYTES_MAX;
use meridian_core::calendar::{Entry, Splits, Timetable, When, Zone};

use crate::manifest::report::Report;
use crate::manifest::shape::{Cursor, Fields, Refused};
use crate::manifest::values;

/// The fields of a playbook that are read here.
pub(super) const FIELDS: [&str; 3] = ["windows", "freezes", "splits"];

pub(super) fn read(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Timetable> {
    let words = [Splits::None, Splits::EachStep].map(|splits| (splits.as_str(), splits));
    let windows = entries(fields.get("windows"), report);
    let freezes = entries(fields.get("freezes"), report);
    let splits = fields.value_or(report, "splits", Splits::None, values::word(&words));
    Some(Timetable { windows: windows?, freezes: freezes?, splits: splits? })
}

fn entries(given: Option<Cursor<'_>>, report: &mut Report<'_>) -> Option<Vec<Entry>> {
    given.map_or_else(|| Some(Vec::new()), |given| given.each(report, entry))
}

fn entry(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Entry> {
    let text = || values::text(TEXT_BYTES_MAX);
    let fields = given.fields(report, &["name", "zone", "cron", "duration", "from", "to"])?;
    let name = fields.need(report, "name", "office-hours").and_then(|it| it.value(report, text()));
    let zone = fields.value_or(report, "zone", Zone::Region.as_str().to_owned(), text());
    let (cron, lasts) = (fields.get("cron"), fields.get("duration"));
    let when = match (cron, lasts, fields.get("from"), fields.get("to")) {
        (Some(cron), Some(lasts), None, None) => {
            let (expression, lasts) = (cron.value(report, text()), lasts.value(report, values::span));
            expression.zip(lasts).map(|(expression, lasts)| When::Cron { expression, lasts })
        }
        (None, None, Some(from), Some(to)) => {
            let (from, to) = (from.value(report, text()), to.value(report, text()));
            from.zip(to).map(|(from, to)| When::Range { from, to })
        }
        (Some(_) | None, Some(_) | None, Some(_) | None, Some(_) | None) => {
            let fix = "write `cron: 0 9 * * MON-FRI` with `duration: 8h`, or `from:` with `to:`";
            fields.refuse(report, "", Refused::new("FIELDS_CONFLICT", "either a repetition or a range is needed", fix));
            None
        }
    };
    Some(Entry { name: name?, zone: zone.map(Zone::of)?, when: when? })
}
