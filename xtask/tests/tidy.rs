//! The house rules hold for this workspace: `cargo test` finds what `cargo xtask tidy` would.

use std::time::{Duration, Instant};
use xtask::tidy;

/// The check runs with every `make verify` and every test run: longer than this and people leave it out.
const TIME_MAX: Duration = Duration::from_secs(5);

#[test]
fn the_house_is_tidy() {
    let start = Instant::now();
    let findings = tidy::check(&xtask::root()).expect("tree and manifests can be read");
    let took = start.elapsed();
    let errors: Vec<String> = tidy::errors_only(findings).iter().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{} findings:\n{}", errors.len(), errors.join("\n"));
    assert!(took < TIME_MAX, "tidy took {took:?}, {TIME_MAX:?} allowed");
}
