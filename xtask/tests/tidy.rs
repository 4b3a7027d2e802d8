//! The house rules hold for this workspace: `cargo test` finds what `cargo xtask tidy` would.

use xtask::tidy;

#[test]
fn the_house_is_tidy() {
    let findings = tidy::check(&xtask::root()).expect("tree and manifests can be read");
    let errors: Vec<String> = tidy::errors_only(findings).iter().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{} findings:\n{}", errors.len(), errors.join("\n"));
}
