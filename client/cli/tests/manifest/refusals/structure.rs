//! What belongs together (M7, M8), the envelope, and how errors look.

use meridian_cli::manifest::{ERRORS_MAX, parse};

use super::{BAKE, WEIGHT, assert_refused, playbook, refuse, service};

#[test]
fn m7_and_m8_regions_and_waves() {
    let many = |count: usize| (0..count).map(|n| format!("r{n}")).collect::<Vec<_>>().join(", ");
    let wave = |n| format!("        - {{name: w{n}, regions: [r{n}], strategy: blue-green, bake: 1s}}\n");
    let waves = |count| (0..count).map(wave).collect::<String>();
    let stages = |waves: String| {
        format!(
            "{}spec:\n  stages:\n    - kind: production\n      waves:\n{waves}",
            service("x").replace("Service", "Playbook")
        )
    };
    parse("good.yaml", stages(waves(100)).as_bytes()).unwrap();
    let last = "spec.stages[1].waves[1].regions";
    let bad = |regions: &str| playbook("regions: rest", &format!("regions: {regions}"));
    parse("good.yaml", bad(&format!("[{}]", many(1000))).as_bytes()).unwrap();
    assert_refused(vec![
        ("M7 twice in a wave", bad("[us-east, us-east]"), "REGION_TWICE", last),
        ("M7 twice in a stage", bad("[us-east, eu-west]"), "REGION_TWICE", last),
        ("M7 a bare name", bad("us-east"), "WORD_UNKNOWN", last),
        ("M8 no region", bad("[]"), "NO_REGIONS", last),
        ("M8 no label", bad("{labels: {}}"), "NO_REGIONS", last),
        ("M8 1001 regions", bad(&format!("[{}]", many(1001))), "TOO_MANY_REGIONS", last),
        ("M8 101 waves", stages(waves(101)), "TOO_MANY_WAVES", "spec.stages"),
        (
            "M8 no waves",
            stages(String::new()).replace("stages:\n    - kind: production\n      waves:", "stages: []"),
            "NO_WAVES",
            "spec.stages",
        ),
    ]);
}

#[test]
fn the_envelope_is_exact() {
    let kind = |kind: &str| service("x").replace("Service", kind);
    assert_refused(vec![
        ("version", service("x").replace("/v1", "/v2"), "API_VERSION_UNKNOWN", "apiVersion"),
        ("no version", service("x").replace("apiVersion: meridian.dev/v1\n", ""), "FIELD_MISSING", "apiVersion"),
        ("kind", kind("Deployment"), "KIND_UNKNOWN", "kind"),
        ("kind in lower case", kind("service"), "KIND_UNKNOWN", "kind"),
        ("no spec", kind("Playbook"), "FIELD_MISSING", "spec"),
        (
            "labels of a playbook",
            playbook("{name: wave-by-wave}", "{name: x, labels: {}}"),
            "UNKNOWN_FIELD",
            "metadata.labels",
        ),
        ("label", service("x, labels: {a b: c}"), "LABEL_INVALID", "metadata.labels.a b"),
        ("label value", service("x, labels: {a: \"b c\"}"), "LABEL_INVALID", "metadata.labels.a"),
        ("twice", format!("{0}---\n{0}", service("x")), "DECLARED_TWICE", "metadata.name"),
    ]);
}

#[test]
fn waves_and_steps_are_unambiguous() {
    assert_refused(vec![
        (
            "steps and strategy",
            playbook("strategy: blue-green", "strategy: blue-green\n          steps: []"),
            "FIELDS_CONFLICT",
            "spec.stages[1].waves[1].strategy",
        ),
        (
            "bake alone",
            playbook("strategy: blue-green", "steps: []"),
            "FIELDS_CONFLICT",
            "spec.stages[1].waves[1].bake",
        ),
        (
            "preview alone",
            playbook("strategy: blue-green", "preview: {cohort: {header: x, value: y}, bake: 1m}\n          steps: []"),
            "FIELDS_CONFLICT",
            "spec.stages[1].waves[1].preview",
        ),
        ("strategy", playbook("blue-green", "red-black"), "WORD_UNKNOWN", "spec.stages[1].waves[1].strategy"),
        (
            "two keys",
            playbook("{header: x-pilot,", "{header: x-pilot, cookie: c,"),
            "FIELDS_CONFLICT",
            "spec.stages[0].waves[0].steps[0].cohort",
        ),
        ("no bake", playbook("{weight: 10%, bake: 2s}", "{weight: 10%}"), "FIELD_MISSING", BAKE),
        ("no weight", playbook("{weight: 10%, bake: 2s}", "{bake: 2s}"), "FIELD_MISSING", WEIGHT),
        ("falls", playbook("weight: 50%", "weight: 5%"), "WEIGHT_FALLS", "spec.stages[1].waves[0].steps[1].weight"),
    ]);
}

#[test]
fn everything_wrong_is_said_at_once_and_in_order() {
    let input =
        playbook("soak: 5s", "soka: 5s").replace("window: 60s", "window: 60").replace("sampleMin: 3", "sampleMin: x");
    let errors = refuse(input.as_bytes());
    let lines: Vec<usize> = errors.all().iter().map(|error| error.line).collect();
    assert_eq!(lines.len(), 3, "{errors}");
    assert!(lines.is_sorted(), "{errors}");
    let many: String = (0..2000).map(|n| format!("f{n}: x\n")).collect();
    let errors = refuse(many.as_bytes());
    assert_eq!(errors.all().len(), ERRORS_MAX + 1);
    assert_eq!(errors.all().last().unwrap().code, "TOO_MANY_ERRORS");
    let documents = "--- x\n".repeat(2000);
    assert!(refuse(documents.as_bytes()).all().iter().any(|error| error.code == "TOO_MANY_DOCUMENTS"));
}

#[test]
fn errors_look_like_this() {
    let input = playbook("soak: 5s", "soka: 5s").replace(
        "[eu-west]\n          steps:\n            - {weight: 10%",
        "[eu-west]\n          steps:\n            - {weight: 110%",
    );
    let errors = refuse(input.as_bytes());
    insta::assert_snapshot!("line", errors.to_string());
    insta::assert_snapshot!("picture", errors.render(false));
}
