//! The bad-input catalogue of manifests as a table: case, input, code, field. Every case must be refused with exactly
//! these, at a line and column, within bounded time.

mod loads;
mod queries;
mod releases;
mod routes;
mod structure;
mod text;
mod values;
mod watch;

use std::time::{Duration, Instant};

use meridian_cli::manifest::{ManifestErrors, parse};

/// A playbook in which a part of the text is replaced.
fn playbook(from: &str, to: &str) -> String {
    let whole = include_str!("../../../../../deploy/examples/skyoptima/manifests/playbook.yaml");
    assert!(whole.contains(from), "{from:?} is not in the example");
    whole.replacen(from, to, 1)
}

fn release(from: &str, to: &str) -> String {
    let whole = format!(
        "apiVersion: meridian.dev/v1\nkind: Release\nspec:\n  service: skyoptima\n  version: 1.2.3\n  digest: sha256:{}\n",
        "0a".repeat(32)
    );
    assert!(whole.contains(from), "{from:?} is not in the release");
    whole.replacen(from, to, 1)
}

fn service(name: &str) -> String {
    format!("apiVersion: meridian.dev/v1\nkind: Service\nmetadata: {{name: {name}}}\n")
}

/// Generous for a busy machine and an unoptimised build; a text that costs more than linear time takes minutes.
const TIME_MAX: Duration = Duration::from_secs(2);

fn refuse(input: &[u8]) -> ManifestErrors {
    let begun = Instant::now();
    let errors = parse("bad.yaml", input).unwrap_err();
    let took = begun.elapsed();
    assert!(took < TIME_MAX, "{took:?} for {} bytes", input.len());
    errors
}

/// Each case is refused once, with this code, at this field, at a place that exists.
fn assert_refused(cases: Vec<(&str, String, &str, &str)>) {
    for (id, input, code, field) in cases {
        let errors = refuse(input.as_bytes());
        let found: Vec<(&str, &str)> = errors.all().iter().map(|e| (e.code, e.field.as_str())).collect();
        assert_eq!(found, [(code, field)], "{id}: {errors}");
        let error = &errors.all()[0];
        let line = input.lines().nth(error.line - 1).unwrap_or_else(|| panic!("{id}: {errors}"));
        assert!(error.column <= line.chars().count() + 1, "{id}: {errors}");
        assert!(error.value.chars().count() <= 64, "{id}: {errors}");
        let printed = errors.to_string();
        assert!(printed.len() < 1024 && !printed.contains(char::is_control), "{id}: {printed:?}");
        assert!(printed.contains("; fix: ") && errors.render(false).contains(code), "{id}: {printed}");
    }
}

const BAKE: &str = "spec.stages[1].waves[0].steps[0].bake";
const WEIGHT: &str = "spec.stages[1].waves[0].steps[0].weight";
