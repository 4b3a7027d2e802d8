//! Reading answers: presence, times, pages. It knows how the wire says things, not what the things are.

use std::future::Future;

use meridian_core::time::Timestamp;
use meridian_proto::convert::timestamp_from_wire;
use meridian_proto::convert::{At as _, Invalid, InvalidKind};

use crate::error::ClientError;

/// Things asked for at once: the most that a server gives.
pub(crate) const PAGE_SIZE: i32 = 1000;
/// Pages of one listing: a million things, beyond any installation. A server that never ends is broken.
const PAGES_MAX: usize = 1000;

/// An answer that has been read, or the error that says why it can't be.
pub(crate) fn answer<T>(call: &'static str, read: Result<T, Invalid>) -> Result<T, ClientError> {
    read.map_err(|invalid| ClientError::Answer { call, why: invalid.to_string() })
}

/// A message that has to be there.
pub(crate) fn required<W, T>(field: &str, wire: Option<W>) -> Result<T, Invalid>
where
    T: TryFrom<W, Error = Invalid>,
{
    T::try_from(wire.ok_or_else(|| Invalid::missing(field))?).at(field)
}

/// A message that may be left out.
pub(crate) fn optional<W, T>(field: &str, wire: Option<W>) -> Result<Option<T>, Invalid>
where
    T: TryFrom<W, Error = Invalid>,
{
    wire.map(T::try_from).transpose().at(field)
}

/// A list; the server's own limits bound it.
pub(crate) fn list<W, T>(
    field: &str,
    wire: Vec<W>,
    read: impl FnMut(W) -> Result<T, Invalid>,
) -> Result<Vec<T>, Invalid> {
    let mut read = read;
    let items = wire.into_iter().enumerate().map(|(index, item)| read(item).at_index(index));
    items.collect::<Result<_, _>>().at(field)
}

/// A moment that has to be there.
pub(crate) fn moment(field: &str, wire: Option<prost_types::Timestamp>) -> Result<Timestamp, Invalid> {
    timestamp_from_wire(wire.ok_or_else(|| Invalid::missing(field))?).at(field)
}

/// A moment that may be left out.
pub(crate) fn moment_or_none(field: &str, wire: Option<prost_types::Timestamp>) -> Result<Option<Timestamp>, Invalid> {
    wire.map(timestamp_from_wire).transpose().at(field)
}

/// A position or count.
pub(crate) fn count(field: &str, number: u32) -> Result<usize, Invalid> {
    let bound = InvalidKind::OutOfRange { min: 0, max: usize::MAX as u64 };
    usize::try_from(number).map_err(|_| Invalid::of(number, bound)).at(field)
}

/// All pages of a listing, one after the other.
pub(crate) async fn pages<T, F, Fut>(call: &'static str, mut page: F) -> Result<Vec<T>, ClientError>
where
    F: FnMut(String) -> Fut,
    Fut: Future<Output = Result<(Vec<T>, String), ClientError>>,
{
    let mut all = Vec::new();
    let mut token = String::new();
    for _ in 0..PAGES_MAX {
        let (items, next) = page(token).await?;
        all.extend(items);
        if next.is_empty() {
            return Ok(all);
        }
        token = next;
    }
    Err(ClientError::Answer { call, why: format!("the listing has more than {PAGES_MAX} pages") })
}
