//! Releases that could not be pinned or found again.

use meridian_core::digest::{Digest, InvalidDigest};
use meridian_core::id::ServiceId;
use meridian_core::release::Release;

use super::{Case, check};
use crate::convert::{InvalidKind, release_from_wire};
use crate::r#gen::v1;

const TAG: InvalidKind = InvalidKind::BadDigest(InvalidDigest::NotSha256);
const HEX: InvalidKind = InvalidKind::BadDigest(InvalidDigest::NotHex);

const SPOILT: &[Case<v1::Release>] = &[
    ("a tag", |r| r.digest = "latest".into(), "digest", TAG),
    ("a tag with a registry", |r| r.digest = "registry/app:v1".into(), "digest", TAG),
    ("a short digest", |r| r.digest = "sha256:abc".into(), "digest", HEX),
    ("no digest", |r| r.digest.clear(), "digest", InvalidKind::Missing),
    ("no version", |r| r.version = "latest".into(), "version", InvalidKind::BadVersion),
    (
        "a long version",
        |r| r.version = format!("1.0.0-{}", "a".repeat(200)),
        "version",
        InvalidKind::TooLong { max: 128 },
    ),
    (
        "another name",
        |r| r.name = "services/other/releases/1.2.3".into(),
        "name",
        InvalidKind::Contradiction("its service and version"),
    ),
    ("long notes", |r| r.notes = "x".repeat(65_537), "notes", InvalidKind::TooLong { max: 65_536 }),
    ("notes twice", |r| r.typed_notes = vec![note()], "notes", InvalidKind::Contradiction("the typed notes beside it")),
    ("an empty note", |r| typed(r, |note| note.text.clear()), "typed_notes[0].text", InvalidKind::Empty),
    (
        "a long note",
        |r| typed(r, |note| note.text = "x".repeat(1025)),
        "typed_notes[0].text",
        InvalidKind::TooLong { max: 1024 },
    ),
    ("a note of no kind", |r| typed(r, |note| note.kind = 0), "typed_notes[0].kind", InvalidKind::Missing),
    ("a note of another kind", |r| typed(r, |note| note.kind = 9), "typed_notes[0].kind", InvalidKind::UnknownEnum),
    (
        "too many notes",
        |r| (r.notes, r.typed_notes) = (String::new(), vec![note(); 501]),
        "typed_notes",
        InvalidKind::TooMany { max: 500 },
    ),
    (
        "long notes together",
        |r| {
            let long = v1::Note { text: "x".repeat(1024), ..note() };
            (r.notes, r.typed_notes) = (String::new(), vec![long; 65]);
        },
        "typed_notes",
        InvalidKind::TooLong { max: 65_536 },
    ),
    ("no class", |r| r.reversibility = 0, "reversibility", InvalidKind::Missing),
];

fn note() -> v1::Note {
    v1::Note { kind: v1::NoteKind::Fix.into(), breaking: false, text: "faster".to_owned() }
}

/// One typed note in the place of the plain ones.
fn typed(release: &mut v1::Release, spoil: impl FnOnce(&mut v1::Note)) {
    let mut note = note();
    spoil(&mut note);
    (release.notes, release.typed_notes) = (String::new(), vec![note]);
}

#[test]
fn spoilt_releases_are_refused() {
    let service = ServiceId::new("checkout").unwrap();
    let good = v1::Release {
        name: String::new(),
        version: "1.2.3".to_owned(),
        digest: Digest::of(b"artifact").to_string(),
        notes: "fine".to_owned(),
        reversibility: v1::Reversibility::Free.into(),
        prepares: String::new(),
        etag: String::new(),
        create_time: None,
        veto: None,
        typed_notes: Vec::new(),
    };
    check(&good, |wire| release_from_wire(&service, wire), SPOILT);
    assert_eq!(Release::try_from(good).unwrap_err().field, "name");
}
