//! Windows and freezes as a calendar of RFC 5545, for programs that show calendars. One opening is one event in UTC: nothing is
//! left to the reader's idea of a zone or of repetition. Knows no server.

use icalendar::{Calendar, Component, Event};
use meridian_calendar::{Refusal, intervals};
use meridian_core::calendar::{Entry, Interval, Timetable};

use crate::clock;

/// Everything that a timetable says about a time, as the text of a file. The same timetable makes the same events: who takes the
/// file again replaces what it has.
pub(super) fn calendar(
    title: &str,
    timetable: &Timetable,
    zone: Option<&str>,
    during: Interval,
) -> Result<String, Refusal> {
    let mut calendar = Calendar::new();
    calendar.name(title);
    let kinds = [("windows", "window", &timetable.windows), ("freezes", "freeze", &timetable.freezes)];
    for (field, kind, entries) in kinds {
        for (index, entry) in entries.iter().enumerate() {
            let found = intervals(entry, zone, during);
            for open in found.map_err(|refusal| refusal.within(&format!("{field}[{index}]")))? {
                calendar.push(event(title, kind, entry, open, during));
            }
        }
    }
    Ok(calendar.done().to_string())
}

fn event(title: &str, kind: &str, entry: &Entry, open: Interval, during: Interval) -> Event {
    let (what, busy) = match kind {
        "freeze" => ("no step starts", "OPAQUE"),
        _ => ("steps may start", "TRANSPARENT"),
    };
    let uid = format!("{}-{kind}-{}-{}@meridian.dev", title.replace(' ', "-"), entry.name, clock::basic(open.from));
    let mut event = Event::new();
    event
        .uid(&uid)
        .summary(&format!("{kind} {}: {title}, {what}", entry.name))
        .add_property("DTSTAMP", clock::basic(during.from))
        .add_property("DTSTART", clock::basic(open.from))
        .add_property("DTEND", clock::basic(open.to))
        .add_property("CATEGORIES", kind.to_uppercase())
        .add_property("TRANSP", busy);
    event.done()
}
