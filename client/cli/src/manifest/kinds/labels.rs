//! Labels, which select, and annotations, which are for people and other tools. It does not know what is selected.

use std::collections::BTreeMap;

use meridian_core::playbook::validate::TEXT_BYTES_MAX;

use crate::manifest::report::Report;
use crate::manifest::shape::{Cursor, Refused, join};
use crate::manifest::yaml::{Entry, Scalar};
use crate::manifest::{LABEL_BYTES_MAX, LABELS_MAX, values};

const KEY_FIX: &str = "1 to 128 letters, digits or `-_./`, e.g. `tier` or `example.org/tier`";
const VALUE_FIX: &str = "at most 128 letters, digits or `-_./:`, e.g. `low`";

/// Labels: short texts of a small alphabet.
pub(in crate::manifest) fn read(labels: &Cursor<'_>, report: &mut Report<'_>) -> Option<BTreeMap<String, String>> {
    let entries = bounded(labels, report)?;
    let read: Vec<Option<(String, String)>> = entries
        .iter()
        .map(|entry| {
            let key = key(labels, entry, report);
            let value = value(labels, entry).value(report, label_value);
            Some((key?, value?))
        })
        .collect();
    read.into_iter().collect()
}

/// Annotations: any text of bounded length. They are checked and then left to the file.
pub(in crate::manifest) fn check_annotations(annotations: &Cursor<'_>, report: &mut Report<'_>) -> Option<()> {
    let entries = bounded(annotations, report)?;
    let read: Vec<Option<()>> = entries
        .iter()
        .map(|entry| {
            let key = key(annotations, entry, report);
            let text = value(annotations, entry).value(report, values::text(TEXT_BYTES_MAX));
            key.and(text).map(drop)
        })
        .collect();
    read.into_iter().collect()
}

fn bounded<'n>(of: &Cursor<'n>, report: &mut Report<'_>) -> Option<&'n [Entry]> {
    let entries = of.entries(report)?;
    if entries.len() > LABELS_MAX {
        let message = format!("{} entries are too many", entries.len());
        of.refuse(report, Refused::new("TOO_MANY_LABELS", message, format!("at most {LABELS_MAX}")));
        return None;
    }
    Some(entries)
}

pub(super) fn value<'n>(of: &Cursor<'n>, entry: &'n Entry) -> Cursor<'n> {
    Cursor { node: &entry.value, path: join(&of.path, &entry.key) }
}

fn key(of: &Cursor<'_>, entry: &Entry, report: &mut Report<'_>) -> Option<String> {
    let known = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
    if (1..=LABEL_BYTES_MAX).contains(&entry.key.len()) && entry.key.bytes().all(known) {
        return Some(entry.key.clone());
    }
    let refused = Refused::new("LABEL_INVALID", "this is not a label's name", KEY_FIX);
    value(of, entry).refuse(report, refused);
    None
}

fn label_value(scalar: &Scalar) -> Result<String, Refused> {
    let known = |b: u8| b.is_ascii_alphanumeric() || b"-_./:".contains(&b);
    if scalar.text.len() <= LABEL_BYTES_MAX && scalar.text.bytes().all(known) {
        return Ok(scalar.text.clone());
    }
    Err(Refused::new("LABEL_INVALID", "this is not a label's value", VALUE_FIX))
}
