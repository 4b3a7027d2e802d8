//! Windows, freezes, split points, trains and increments of a playbook. What times and zones mean is known by `meridian-calendar`; here they are
//! only read.

use meridian_core::calendar::timetable::TEXT_BYTES_MAX;
use meridian_core::calendar::{Dates, Entry, Increment, Splits, Timetable, Train, When, Zone};

use crate::manifest::report::Report;
use crate::manifest::shape::{Cursor, Fields, Refused};
use crate::manifest::values;
use crate::manifest::yaml::Scalar;

/// The fields of a playbook that are read here.
pub(super) const FIELDS: [&str; 6] = ["windows", "freezes", "splits", "trains", "increments", "train"];

pub(super) fn read(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Timetable> {
    let words = [Splits::None, Splits::EachStep].map(|splits| (splits.as_str(), splits));
    let windows = each(fields.get("windows"), report, entry);
    let freezes = each(fields.get("freezes"), report, entry);
    let trains = each(fields.get("trains"), report, self::train);
    let increments = each(fields.get("increments"), report, increment);
    let train = maybe(fields.get("train"), report);
    let splits = fields.value_or(report, "splits", Splits::None, values::word(&words));
    let (windows, freezes, splits) = (windows?, freezes?, splits?);
    Some(Timetable { windows, freezes, splits, trains: trains?, increments: increments?, train: train? })
}

fn each<T>(
    given: Option<Cursor<'_>>,
    report: &mut Report<'_>,
    read: impl FnMut(&Cursor<'_>, &mut Report<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    given.map_or_else(|| Some(Vec::new()), |given| given.each(report, read))
}

fn text() -> impl FnOnce(&Scalar) -> Result<String, Refused> {
    values::text(TEXT_BYTES_MAX)
}

/// A text that may be left out.
fn maybe(given: Option<Cursor<'_>>, report: &mut Report<'_>) -> Option<Option<String>> {
    given.map_or(Some(None), |given| given.value(report, text()).map(Some))
}

fn train(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Train> {
    let fields = given.fields(report, &["name", "zone", "departs", "boarding", "every", "from"])?;
    let name = fields.need(report, "name", "fortnightly").and_then(|it| it.value(report, text()));
    let zone = fields.need(report, "zone", "Europe/Berlin").and_then(|it| it.value(report, text()));
    let departs = fields.need(report, "departs", "0 9 * * TUE").and_then(|it| it.value(report, text()));
    let boarding = fields.need(report, "boarding", "2h").and_then(|it| it.value(report, values::span));
    let every = fields.value_or(report, "every", 1, values::small_number);
    let from = maybe(fields.get("from"), report);
    Some(Train { name: name?, zone: zone?, departs: departs?, boarding: boarding?, from: from?, every: every? })
}

fn increment(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Increment> {
    let fields = given.fields(report, &["name", "zone", "from", "to", "planning", "innovation"])?;
    let name = fields.need(report, "name", "pi-27-1").and_then(|it| it.value(report, text()));
    let zone = fields.need(report, "zone", "Europe/Berlin").and_then(|it| it.value(report, text()));
    let during = between(&fields, report);
    let mut quiet = |field| match fields.get(field) {
        Some(given) => given.fields(report, &["from", "to"]).and_then(|fields| between(&fields, report)).map(Some),
        None => Some(None),
    };
    let (planning, innovation) = (quiet("planning"), quiet("innovation"));
    Some(Increment { name: name?, zone: zone?, during: during?, planning: planning?, innovation: innovation? })
}

fn between(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Dates> {
    let from = fields.need(report, "from", "2027-01-11").and_then(|it| it.value(report, text()));
    let to = fields.need(report, "to", "2027-04-03").and_then(|it| it.value(report, text()));
    Some(Dates { from: from?, to: to? })
}

fn entry(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Entry> {
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
