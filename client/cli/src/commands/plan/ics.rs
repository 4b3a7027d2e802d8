//! Windows, freezes, trains and increments as a calendar of RFC 5545, for programs that show calendars. One opening is one event in UTC: nothing is
//! left to the reader's idea of a zone or of repetition. Knows no server.

use meridian_calendar::{Planned, Refusal, departures, increments, intervals};
use meridian_core::calendar::{Interval, Timetable};

use crate::clock;

/// The longest line without its end, in bytes (RFC 5545 §3.1).
const LINE_BYTES_MAX: usize = 75;

/// How the entries of one kind are told.
struct Kind {
    word: &'static str,
    what: &'static str,
    busy: &'static str,
}

const WINDOW: Kind = Kind { word: "window", what: "steps may start", busy: "TRANSPARENT" };
const FREEZE: Kind = Kind { word: "freeze", what: "no step starts", busy: "OPAQUE" };
const TRAIN: Kind = Kind { word: "train", what: "rollouts may begin", busy: "TRANSPARENT" };
const INCREMENT: Kind = Kind { word: "increment", what: "trains depart", busy: "TRANSPARENT" };
const QUIET: Kind = Kind { word: "quiet", what: "no train departs", busy: "OPAQUE" };

/// Everything that a timetable says about a time, as the text of a file. The same timetable makes the same events: who takes the
/// file again replaces what it has.
pub(super) fn calendar(
    title: &str,
    timetable: &Timetable,
    zone: Option<&str>,
    during: Interval,
) -> Result<String, Refusal> {
    let mut text = String::new();
    let head = [
        ("BEGIN", "VCALENDAR"),
        ("VERSION", "2.0"),
        ("PRODID", "-//meridian.dev//windows//EN"),
        ("X-WR-CALNAME", title),
    ];
    head.into_iter().for_each(|(name, value)| line(&mut text, name, value));
    for (field, kind, entries) in [("windows", &WINDOW, &timetable.windows), ("freezes", &FREEZE, &timetable.freezes)] {
        for (index, entry) in entries.iter().enumerate() {
            let found = intervals(entry, zone, during);
            for open in found.map_err(|refusal| refusal.within(&format!("{field}[{index}]")))? {
                event(&mut text, title, (kind, &entry.name), (open, during));
            }
        }
    }
    for (index, train) in timetable.trains.iter().enumerate() {
        let found = departures(timetable, train, during, usize::MAX);
        for departure in found.map_err(|refusal| refusal.within(&format!("trains[{index}]")))? {
            event(&mut text, title, (&TRAIN, &train.name), (departure.during, during));
        }
    }
    let reaches = |open: &Interval| open.from < during.to && open.to > during.from;
    for Planned { name, during: whole, quiet } in increments(timetable)? {
        let quiet = quiet.iter().map(|open| (&QUIET, *open));
        for (kind, open) in [(&INCREMENT, whole)].into_iter().chain(quiet).filter(|(_, open)| reaches(open)) {
            event(&mut text, title, (kind, &name), (open, during));
        }
    }
    line(&mut text, "END", "VCALENDAR");
    Ok(text)
}

fn event(text: &mut String, title: &str, (kind, named): (&Kind, &str), (open, during): (Interval, Interval)) {
    let Kind { word: kind, what, busy } = kind;
    let (from, to, written) = (clock::basic(open.from), clock::basic(open.to), clock::basic(during.from));
    line(text, "BEGIN", "VEVENT");
    line(text, "UID", &format!("{}-{kind}-{}-{from}@meridian.dev", title.replace(' ', "-"), named));
    line(text, "DTSTAMP", &written);
    line(text, "DTSTART", &from);
    line(text, "DTEND", &to);
    line(text, "SUMMARY", &escaped(&format!("{kind} {named}: {title}, {what}")));
    line(text, "CATEGORIES", &kind.to_uppercase());
    line(text, "TRANSP", busy);
    line(text, "END", "VEVENT");
}

/// One line of content; a long one goes on in the next, behind a space.
fn line(text: &mut String, name: &str, value: &str) {
    let mut length = 0;
    for letter in format!("{name}:{value}").chars() {
        if length + letter.len_utf8() > LINE_BYTES_MAX {
            text.push_str("\r\n ");
            length = 1;
        }
        text.push(letter);
        length += letter.len_utf8();
    }
    text.push_str("\r\n");
}

/// Text as a value (RFC 5545 §3.3.11).
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '\\' | ';' | ',' => escaped.extend(['\\', letter]),
            '\n' => escaped.push_str("\\n"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_go_on_in_the_next_and_letters_stay_whole() {
        let mut text = String::new();
        line(&mut text, "SUMMARY", &"ä".repeat(60));
        assert!(text.split("\r\n").all(|line| line.len() <= LINE_BYTES_MAX), "{text}");
        assert_eq!(text.replace("\r\n ", ""), format!("SUMMARY:{}\r\n", "ä".repeat(60)));
    }

    #[test]
    fn what_means_something_in_a_calendar_is_escaped() {
        assert_eq!(escaped("a,b;c\\d\ne"), "a\\,b\\;c\\\\d\\ne");
    }
}
