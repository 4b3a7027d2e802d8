//! Time zones: from local times to moments and back. A local time that a clock skips stands for the first moment after
//! the gap; one that a clock shows twice stands for the first time.

use std::sync::LazyLock;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use meridian_core::time::Timestamp;

use crate::error::Refusal;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone of a name.
pub fn find(name: &str) -> Result<TimeZone, Refusal> {
    let fix = "write a name of the IANA list, e.g. `Europe/Berlin` or `UTC`";
    ZONES.get(name).map_err(|_| Refusal::new("zone", name, "this time zone is not known", fix))
}

/// Whether clocks are told by the name.
#[must_use]
pub fn is_known(name: &str) -> bool {
    find(name).is_ok()
}

/// A moment as the clocks of a zone show it, with the zone's short name: `2026-11-24 09:00 CET`.
///
/// # Errors
/// If the zone is not known.
pub fn local(moment: Timestamp, zone: &str) -> Result<String, Refusal> {
    Ok(to_jiff(moment).to_zoned(find(zone)?).strftime("%Y-%m-%d %H:%M %Z").to_string())
}

/// The moment that a local time stands for; past the end of time it is the end.
pub fn moment(zone: &TimeZone, civil: DateTime) -> jiff::Timestamp {
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    let first = match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
        AmbiguousOffset::Gap { .. } => {
            let before = ambiguous.earlier().ok();
            before.and_then(|before| Some(zone.following(before).next()?.timestamp()))
        }
    };
    first.unwrap_or(if civil.year() < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX })
}

/// The latest moment that clocks can show, for all later ones.
pub fn to_jiff(moment: Timestamp) -> jiff::Timestamp {
    let millis = i64::try_from(moment.millis()).ok();
    millis.and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok()).unwrap_or(jiff::Timestamp::MAX)
}

/// The epoch, for all earlier ones.
pub fn from_jiff(moment: jiff::Timestamp) -> Timestamp {
    Timestamp::from_millis(u64::try_from(moment.as_millisecond()).unwrap_or_default())
}
