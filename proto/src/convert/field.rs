//! Checks of single fields, shared by all messages: presence, length, number and alphabet. It knows no message.

use std::collections::BTreeMap;

use meridian_core::digest::Digest;
use meridian_core::id::InvalidName;
use meridian_core::plan::TrafficShare;
use meridian_core::weight::Weight;
use semver::Version;

use super::invalid::{At, Invalid, InvalidKind};

/// The longest text, unless said otherwise.
pub const TEXT_BYTES_MAX: usize = 4096;
/// The longest text of a record. The writer has checked its own, so this only bounds memory: no more than a store takes
/// as one value. A tighter limit here could make a record unreadable that was good when it was written.
pub const RECORD_TEXT_BYTES_MAX: usize = 1024 * 1024;
/// The longest semantic version: it is part of keys, which have their own limit.
pub const VERSION_BYTES_MAX: usize = 128;
/// The longest stable code or word.
pub const WORD_BYTES_MAX: usize = 128;
/// The most labels on one thing.
pub const LABELS_MAX: usize = 64;
/// The longest key of a label.
pub const LABEL_KEY_BYTES_MAX: usize = 63;
/// The longest value of a label.
pub const LABEL_VALUE_BYTES_MAX: usize = 128;

/// A message that has to be there.
pub(crate) fn required<W, T>(field: &str, wire: Option<W>) -> Result<T, Invalid>
where
    T: TryFrom<W, Error = Invalid>,
{
    T::try_from(present(field, wire)?).at(field)
}

/// A message that may be left out.
pub(crate) fn optional<W, T>(field: &str, wire: Option<W>) -> Result<Option<T>, Invalid>
where
    T: TryFrom<W, Error = Invalid>,
{
    wire.map(T::try_from).transpose().at(field)
}

/// Whatever has to be set.
pub(crate) fn present<W>(field: &str, wire: Option<W>) -> Result<W, Invalid> {
    wire.ok_or_else(|| Invalid::missing(field))
}

/// A list of at most `max` messages.
pub(crate) fn list<W, T>(field: &str, wire: Vec<W>, max: usize) -> Result<Vec<T>, Invalid>
where
    T: TryFrom<W, Error = Invalid>,
{
    list_with(field, wire, max, T::try_from)
}

/// A list of at most `max` items, each read by `read`.
pub(crate) fn list_with<W, T>(
    field: &str,
    wire: Vec<W>,
    max: usize,
    mut read: impl FnMut(W) -> Result<T, Invalid>,
) -> Result<Vec<T>, Invalid> {
    at_most(field, wire.len(), max)?;
    let items = wire.into_iter().enumerate().map(|(index, item)| read(item).at_index(index));
    items.collect::<Result<_, _>>().at(field)
}

/// A list of at most `max` pairs whose keys differ.
pub(crate) fn map_with<W, K: Ord, V>(
    field: &str,
    wire: Vec<W>,
    max: usize,
    read: impl FnMut(W) -> Result<(K, V), Invalid>,
) -> Result<BTreeMap<K, V>, Invalid> {
    let mut map = BTreeMap::new();
    for (index, (key, value)) in list_with(field, wire, max, read)?.into_iter().enumerate() {
        if map.insert(key, value).is_some() {
            return Err(Invalid::of("", InvalidKind::Duplicate)).at_index(index).at(field);
        }
    }
    Ok(map)
}

/// A list that must not be empty.
pub(crate) fn not_empty<T>(field: &str, items: &[T]) -> Result<(), Invalid> {
    if items.is_empty() { Err(Invalid::of("", InvalidKind::Empty)).at(field) } else { Ok(()) }
}

/// A length within its limit.
pub(crate) fn at_most(field: &str, length: usize, max: usize) -> Result<(), Invalid> {
    if length <= max { Ok(()) } else { Err(Invalid::of(length, InvalidKind::TooMany { max })).at(field) }
}

/// A number between two bounds, both inclusive.
pub(crate) fn within(field: &str, number: u64, min: u64, max: u64) -> Result<(), Invalid> {
    if (min..=max).contains(&number) {
        return Ok(());
    }
    Err(Invalid::of(number, InvalidKind::OutOfRange { min, max })).at(field)
}

/// A declared traffic share; nought: none is declared.
///
/// # Errors
/// If it is above the largest.
pub fn share_or_none(field: &str, number: u32) -> Result<Option<TrafficShare>, Invalid> {
    within(field, u64::from(number), 0, u64::from(TrafficShare::LARGEST.get()))?;
    Ok(TrafficShare::new(u64::from(number)).ok())
}

/// A text of at most `max` bytes.
///
/// # Errors
/// If it is longer.
pub fn text(field: &str, text: String, max: usize) -> Result<String, Invalid> {
    if text.len() <= max { Ok(text) } else { Err(Invalid::of(&text, InvalidKind::TooLong { max })).at(field) }
}

/// At most [`LABELS_MAX`] labels with keys of 1 to [`LABEL_KEY_BYTES_MAX`] and values of at most
/// [`LABEL_VALUE_BYTES_MAX`] bytes.
///
/// # Errors
/// The first rule broken.
pub fn labels(field: &str, labels: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Invalid> {
    at_most(field, labels.len(), LABELS_MAX)?;
    for (key, value) in &labels {
        let at = |why, shown: &str| Err(Invalid::of(shown, why)).at(field);
        if key.is_empty() {
            return at(InvalidKind::Empty, "");
        }
        if key.len() > LABEL_KEY_BYTES_MAX {
            return at(InvalidKind::TooLong { max: LABEL_KEY_BYTES_MAX }, key);
        }
        if value.len() > LABEL_VALUE_BYTES_MAX {
            return at(InvalidKind::TooLong { max: LABEL_VALUE_BYTES_MAX }, value);
        }
    }
    Ok(labels)
}

/// A name, made by the constructor of its type.
pub(crate) fn named<T>(
    field: &str,
    text: String,
    new: impl FnOnce(String) -> Result<T, InvalidName>,
) -> Result<T, Invalid> {
    if text.is_empty() {
        return Err(Invalid::missing(field));
    }
    // Copied for the refusal; names are short, and the limit on the message bounds the rest.
    new(text.clone()).map_err(|why| Invalid::of(&text, InvalidKind::BadName(why))).at(field)
}

/// A name that may be left empty.
pub(crate) fn named_or_none<T>(
    field: &str,
    text: String,
    new: impl FnOnce(String) -> Result<T, InvalidName>,
) -> Result<Option<T>, Invalid> {
    if text.is_empty() { Ok(None) } else { named(field, text, new).map(Some) }
}

/// `sha256:<64 hex digits>`.
pub(crate) fn digest(field: &str, text: &str) -> Result<Digest, Invalid> {
    if text.is_empty() {
        return Err(Invalid::missing(field));
    }
    Digest::parse(text).map_err(|why| Invalid::of(text, InvalidKind::BadDigest(why))).at(field)
}

/// A digest that may be left empty.
pub(crate) fn digest_or_none(field: &str, text: &str) -> Result<Option<Digest>, Invalid> {
    if text.is_empty() { Ok(None) } else { digest(field, text).map(Some) }
}

/// A hash as its 32 bytes.
pub(crate) fn hash(field: &str, bytes: &[u8]) -> Result<Digest, Invalid> {
    if bytes.is_empty() {
        return Err(Invalid::missing(field));
    }
    let exact = <[u8; 32]>::try_from(bytes).map_err(|_| Invalid::of(bytes.len(), InvalidKind::BadHash));
    exact.map(Digest::from_bytes).at(field)
}

/// A semantic version.
pub(crate) fn version(field: &str, text: &str) -> Result<Version, Invalid> {
    if text.is_empty() {
        return Err(Invalid::missing(field));
    }
    if text.len() > VERSION_BYTES_MAX {
        return Err(Invalid::of(text, InvalidKind::TooLong { max: VERSION_BYTES_MAX })).at(field);
    }
    Version::parse(text).map_err(|_| Invalid::of(text, InvalidKind::BadVersion)).at(field)
}

/// A weight in basis points.
pub(crate) fn weight(field: &str, basis_points: u32) -> Result<Weight, Invalid> {
    let kind = InvalidKind::OutOfRange { min: 0, max: u64::from(Weight::WHOLE.basis_points()) };
    Weight::from_basis_points(u64::from(basis_points)).map_err(|_| Invalid::of(basis_points, kind)).at(field)
}

/// An enumeration: unset is missing, an unknown number is refused.
pub(crate) fn word<W, T>(field: &str, number: i32) -> Result<T, Invalid>
where
    W: TryFrom<i32>,
    T: TryFrom<W, Error = Invalid>,
{
    let known = W::try_from(number).map_err(|_| Invalid::of(number, InvalidKind::UnknownEnum)).at(field)?;
    T::try_from(known).at(field)
}

/// A position below `bound`.
pub(crate) fn position(field: &str, number: u32, bound: usize) -> Result<usize, Invalid> {
    let max = bound.saturating_sub(1);
    usize::try_from(number)
        .ok()
        .filter(|position| *position <= max)
        .ok_or_else(|| Invalid::of(number, InvalidKind::OutOfRange { min: 0, max: max as u64 }))
        .at(field)
}

/// A position or count on its way out. Plans are far below the bound; past it the reader refuses the message.
pub(crate) fn position_to_wire(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_bounded() {
        let of = |key: &str, value: &str| labels("labels", BTreeMap::from([(key.to_owned(), value.to_owned())]));
        assert!(of(&"k".repeat(63), &"v".repeat(128)).is_ok());
        assert_eq!(of("", "v").unwrap_err().why, InvalidKind::Empty);
        assert_eq!(of(&"k".repeat(64), "v").unwrap_err().why, InvalidKind::TooLong { max: 63 });
        assert_eq!(of("k", &"v".repeat(129)).unwrap_err().why, InvalidKind::TooLong { max: 128 });
        let many = |count: usize| (0..count).map(|n| (format!("k{n}"), String::new())).collect();
        assert!(labels("labels", many(64)).is_ok());
        assert_eq!(labels("labels", many(65)).unwrap_err().why, InvalidKind::TooMany { max: 64 });
    }
}
