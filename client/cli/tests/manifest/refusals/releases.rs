//! Releases: pinned by digest (M9), versioned by semantic version.

use super::{assert_refused, release};

#[test]
fn m9_digests() {
    let hex = "0a".repeat(32);
    let digest = |text: &str| release(&format!("sha256:{hex}"), text);
    let (tag, invalid, field) = ("DIGEST_IS_TAG", "DIGEST_INVALID", "spec.digest");
    assert_refused(vec![
        ("M9 tag", digest("latest"), tag, field),
        ("M9 version as tag", digest("v1.2.3"), tag, field),
        ("M9 image tag", digest("registry.example.org/skyoptima:1.2.3"), tag, field),
        ("M9 upper case", digest(&format!("sha256:{}", hex.to_uppercase())), invalid, field),
        ("M9 upper prefix", digest(&format!("SHA256:{hex}")), invalid, field),
        ("M9 short", digest(&format!("sha256:{}", &hex[1..])), invalid, field),
        ("M9 long", digest(&format!("sha256:{hex}0")), invalid, field),
        ("M9 sha1", digest(&format!("sha1:{}", &hex[..40])), invalid, field),
        ("M9 sha512", digest(&format!("sha512:{hex}{hex}")), invalid, field),
        ("M9 bare", digest(&hex), invalid, field),
        ("M9 image with digest", digest(&format!("skyoptima@sha256:{hex}")), invalid, field),
    ]);
}

#[test]
fn notes_are_text_or_entries() {
    let notes = |text: &str| release("spec:", &format!("spec:\n  notes: {text}"));
    let many = format!("[{}]", vec!["{kind: fix, text: x}"; 501].join(", "));
    let long = format!("[{}]", vec![format!("{{kind: fix, text: {}}}", "x".repeat(1024)); 65].join(", "));
    assert_refused(vec![
        ("a mapping", notes("{kind: fix, text: x}"), "WRONG_TYPE", "spec.notes"),
        ("no kind", notes("[{text: x}]"), "FIELD_MISSING", "spec.notes[0].kind"),
        ("no text", notes("[{kind: fix}]"), "FIELD_MISSING", "spec.notes[0].text"),
        ("other kind", notes("[{kind: bug, text: x}]"), "WORD_UNKNOWN", "spec.notes[0].kind"),
        ("empty", notes("[{kind: fix, text: \"\"}]"), "TEXT_EMPTY", "spec.notes[0].text"),
        ("yes", notes("[{kind: fix, text: x, breaking: yes}]"), "BOOLEAN_INVALID", "spec.notes[0].breaking"),
        ("long", notes(&format!("[{{kind: fix, text: {}}}]", "x".repeat(1025))), "TEXT_TOO_LONG", "spec.notes[0].text"),
        ("long together", notes(&long), "TEXT_TOO_LONG", "spec.notes"),
        ("many", notes(&many), "TOO_MANY_NOTES", "spec.notes"),
    ]);
}

#[test]
fn versions_are_semantic() {
    assert_refused(vec![
        ("two numbers", release("1.2.3", "1.2"), "NOT_SEMVER", "spec.version"),
        ("quoted two numbers", release("1.2.3", "\"1.2\""), "NOT_SEMVER", "spec.version"),
        ("v", release("1.2.3", "v1.2.3"), "NOT_SEMVER", "spec.version"),
        ("leading zero", release("1.2.3", "1.02.3"), "NOT_SEMVER", "spec.version"),
        ("long", release("1.2.3", &format!("1.2.3-{}", "x".repeat(200))), "NOT_SEMVER", "spec.version"),
        ("no version", release("  version: 1.2.3\n", ""), "FIELD_MISSING", "spec.version"),
        ("empty version", release("1.2.3", ""), "WRONG_TYPE", "spec.version"),
        ("other name", release("spec:", "metadata: {name: other}\nspec:"), "NAME_MISMATCH", "metadata.name"),
        ("word", release("spec:", "spec:\n  reversibility: maybe"), "WORD_UNKNOWN", "spec.reversibility"),
        ("prepares", release("spec:", "spec:\n  prepares: skyoptima-1.0.0"), "NOT_SEMVER", "spec.prepares"),
    ]);
}
