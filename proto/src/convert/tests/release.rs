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
    ("no class", |r| r.reversibility = 0, "reversibility", InvalidKind::Missing),
];

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
    };
    check(&good, |wire| release_from_wire(&service, wire), SPOILT);
    assert_eq!(Release::try_from(good).unwrap_err().field, "name");
}
