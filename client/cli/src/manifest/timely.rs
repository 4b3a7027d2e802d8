//! What manifests say of time, held against now: what is right in itself and yet never comes. It reads no clock.

use meridian_calendar::{never_open, outside, stranded};
use meridian_core::playbook::{Playbook, Violation};
use meridian_core::time::Timestamp;

use super::error::Finding;
use super::report::cap;
use super::{Document, Manifest, ManifestError, ManifestErrors};

/// Windows that open no more, and trains that depart no more.
pub(crate) fn check(documents: &[Document], now: Timestamp) -> Result<(), ManifestErrors> {
    let mut errors = Vec::new();
    for (document, playbook) in playbooks(documents) {
        let shut =
            never_open(&playbook.timetable, now).into_iter().map(|found| (found, "nothing ever starts under these"));
        let missed = stranded(&playbook.timetable, now).into_iter().map(|found| (found, "this train never departs"));
        for (Violation { code, field, value, fix }, message) in shut.chain(missed) {
            let (field, message) = (format!("spec.{field}"), message.to_owned());
            errors.push(ManifestError::of_document(&document.place, Finding { code, field, value, message, fix }));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(ManifestErrors::new(cap(errors))) }
}

/// Departures that are not taken, in words.
pub(crate) fn warnings(documents: &[Document], now: Timestamp) -> Vec<String> {
    let of = |(document, playbook): (&Document, &Playbook)| {
        let told = outside(&playbook.timetable, now).into_iter();
        told.map(|told| format!("{}: {told}", document.place)).collect::<Vec<_>>()
    };
    playbooks(documents).flat_map(of).collect()
}

fn playbooks(documents: &[Document]) -> impl Iterator<Item = (&Document, &Playbook)> {
    documents.iter().filter_map(|document| match &document.manifest {
        Manifest::Playbook(playbook) => Some((document, playbook)),
        Manifest::Service(_) | Manifest::Release(_) | Manifest::Region(_) | Manifest::Route(_) => None,
    })
}
