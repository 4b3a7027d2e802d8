//! Single values (M6, M9, M11, M13, M14, M24).

use meridian_cli::manifest::parse;

use super::{BAKE, WEIGHT, assert_refused, playbook, refuse, service};

#[test]
fn m6_percentages() {
    for bad in ["0", "-1", "101", "1e308", "NaN", ".nan", "\"50\"", "50", "-1%", "101%", "100.01%", "20.555%", "1e1%"]
        .into_iter()
        .chain(["\"%5\"", "5 %", "05%", "+5%", "5.%", ".5%", "5%%", "٥%", "\"10,5%\"", "0x10%", "100.0.0%"])
    {
        let input = playbook("weight: 10%", &format!("weight: {bad}"));
        assert_refused(vec![(bad, input, "PERCENT_INVALID", WEIGHT)]);
    }
    let zero = playbook("weight: 10%", "weight: 0%");
    assert_refused(vec![("M6 0%", zero, "STEP_MOVES_NOTHING", WEIGHT)]);
    for good in ["0.01%", "20.5%", "20.50%", "\"50%\"", "50.00%"] {
        parse("good.yaml", playbook("weight: 10%", &format!("weight: {good}")).as_bytes()).unwrap();
    }
}

#[test]
fn m11_names() {
    let bad = [
        "../../etc/passwd",
        "a/b",
        ".",
        "\"\"",
        &"x".repeat(64),
        "\"a\\0b\"",
        "\"a\u{202e}b\"",
        "\u{430}bc",
        "\"a\\n\"",
        "-a",
        "a-",
        "A",
        "a_b",
        "\"a b\"",
        "é",
    ];
    for name in bad {
        assert_refused(vec![(name, service(name), "NAME_INVALID", "metadata.name")]);
    }
    let block = "apiVersion: meridian.dev/v1\nkind: Service\nmetadata:\n  name: |\n    a\n".to_owned();
    assert_refused(vec![
        ("M11 trailing newline", block, "NAME_INVALID", "metadata.name"),
        ("M11 raw NUL", service("a\0b"), "CONTROL_CHARACTER", ""),
        ("M11 escape", service("\"a\u{1b}[2J\""), "CONTROL_CHARACTER", ""),
        ("nothing", service(""), "WRONG_TYPE", "metadata.name"),
        ("none", service("x").replace("name: x", ""), "FIELD_MISSING", "metadata.name"),
        ("wave", playbook("name: first", "name: First"), "NAME_INVALID", "spec.stages[1].waves[0].name"),
        (
            "region",
            playbook("regions: [eu-west]", "regions: [eu/west]"),
            "NAME_INVALID",
            "spec.stages[0].waves[0].regions[0]",
        ),
        ("check", playbook("name: p99", "name: P99"), "NAME_INVALID", "spec.evidence.checks[1].name"),
    ]);
}

#[test]
fn m13_durations() {
    for bad in [
        "-5s",
        "5",
        "0",
        "10000000h",
        "5 s",
        "1.5h",
        "5S",
        "5s5s",
        "1m1h",
        "s",
        "1h30",
        "05s",
        "1e3s",
        "99999999999999999999s",
    ]
    .into_iter()
    .chain(["\"\"", "5y", "PT5S", "+5s"])
    {
        let input = playbook("{weight: 10%, bake: 2s}", &format!("{{weight: 10%, bake: {bad}}}"));
        assert_refused(vec![(bad, input, "DURATION_INVALID", BAKE)]);
    }
    for good in ["0s", "3650d", "1d2h3m4s5ms", "90m"] {
        let input = playbook("extendMax: 1h", &format!("extendMax: {good}"));
        parse("good.yaml", input.as_bytes()).unwrap();
    }
    assert_refused(vec![
        ("M13 zero limit", playbook("shift: 1m", "shift: 0s"), "LIMIT_ZERO", "spec.limits.shift"),
        ("M13 zero window", playbook("window: 60s", "window: 0s"), "WINDOW_ZERO", "spec.evidence.window"),
    ]);
}

#[test]
fn parameters_of_services() {
    let with = |layers: &str| format!("{}spec:\n  parameters: {layers}\n", service("x"));
    assert_refused(vec![
        ("lower case", with("[{values: {db: x}}]"), "PARAMETER_NAME_INVALID", "spec.parameters[0].values"),
        ("reserved", with("[{values: {LD_PRELOAD: x}}]"), "PARAMETER_RESERVED", "spec.parameters[0].values"),
        ("two lines", with("[{values: {A: \"x\\ny\"}}]"), "PARAMETER_VALUE_INVALID", "spec.parameters[0].values"),
        ("nothing given", with("[{regions: [eu]}]"), "FIELD_MISSING", "spec.parameters[0].values"),
        ("no region", with("[{regions: [EU], values: {A: x}}]"), "NAME_INVALID", "spec.parameters[0].regions[0]"),
        ("unknown", with("[{region: eu, values: {A: x}}]"), "UNKNOWN_FIELD", "spec.parameters[0].region"),
    ]);
}

#[test]
fn m14_checks_know_no_expressions() {
    let path = |path: &str| playbook("path: /healthz", &format!("path: {path}"));
    let field = "spec.evidence.checks[2].probe.path";
    let huge = path(&format!("/{}", "x".repeat(1024 * 1024)));
    assert_eq!(refuse(huge.as_bytes()).all()[0].code, "MANIFEST_TOO_LARGE");
    assert_refused(vec![
        (
            "M14 expression",
            playbook("sampleMin: 3", "sampleMin: 3, expression: f(f)"),
            "UNKNOWN_FIELD",
            "spec.evidence.checks[2].expression",
        ),
        ("M14 long", path(&format!("/{}", "x".repeat(512))), "PROBE_PATH_INVALID", field),
        ("M14 other host", path("//169.254.169.254/"), "PROBE_PATH_INVALID", field),
        ("M14 url", path("\"http://169.254.169.254/\""), "PROBE_PATH_INVALID", field),
        ("M14 two lines", path("\"/a\\r\\nHost: b\""), "PROBE_PATH_INVALID", field),
    ]);
    // A pattern is only a text that is compared.
    parse("good.yaml", playbook("value: \"yes\"", "value: \"(a+)+$\"").as_bytes()).unwrap();
}

#[test]
fn hotfixes_are_refused_where_they_are_wrong() {
    let hotfix = |text: &str| playbook("  evidence:", &format!("  hotfix: {text}\n  evidence:"));
    let (asked, field) = ("approvals: {role: sre}", "spec.hotfix.waives[0]");
    assert_refused(vec![
        ("no bake", hotfix("{approvals: {role: sre}}"), "FIELD_MISSING", "spec.hotfix.bake"),
        ("nobody", hotfix("{bake: 25%}"), "FIELD_MISSING", "spec.hotfix.approvals"),
        ("none", hotfix("{bake: 25%, approvals: []}"), "HOTFIX_WITHOUT_APPROVERS", "spec.hotfix.approvals"),
        ("nothing", hotfix(&format!("{{bake: 0%, {asked}}}")), "HOTFIX_WITHOUT_BAKE", "spec.hotfix.bake"),
        ("a word", hotfix(&format!("{{bake: 25%, {asked}, earns: major}}")), "WORD_UNKNOWN", "spec.hotfix.earns"),
        ("not listed", hotfix(&format!("{{bake: 25%, {asked}, waives: [briefing-2]}}")), "ITEM_UNKNOWN", field),
    ]);
    parse("good.yaml", hotfix(&format!("{{bake: 25%, {asked}}}")).as_bytes()).unwrap();
}

#[test]
fn joiners_follow_or_wait() {
    let joiners = |text: &str| playbook("  evidence:", &format!("  joiners: {text}\n  evidence:"));
    assert_refused(vec![("another word", joiners("never"), "WORD_UNKNOWN", "spec.joiners")]);
    parse("good.yaml", joiners("wait").as_bytes()).unwrap();
}

#[test]
fn m24_numbers() {
    let parallel = |text: &str| playbook("maxParallel: 2", &format!("maxParallel: {text}"));
    let field = "spec.stages[1].waves[1].maxParallel";
    for bad in
        ["1e3", "0x10", "010", "9007199254740993", "4294967296", "-1", "+1", "1_000", "2.0", "\"2\"", "two", "0o7"]
    {
        assert_refused(vec![(bad, parallel(bad), "NUMBER_INVALID", field)]);
    }
    assert_refused(vec![
        ("M24 zero", parallel("0"), "NOTHING_PARALLEL", field),
        (
            "M24 64 bits",
            playbook("sampleMin: 3", "sampleMin: 18446744073709551616"),
            "NUMBER_INVALID",
            "spec.evidence.checks[2].sampleMin",
        ),
        ("M24 votes", playbook("votes: any", "votes: {count: 1.5}"), "NUMBER_INVALID", "spec.rollback.votes.count"),
        ("yes", playbook("window: 60s", "window: yes"), "DURATION_INVALID", "spec.evidence.window"),
    ]);
    // Beyond 2^53 a number is exact or refused, never rounded.
    let errors = parse("large.yaml", playbook("sampleMin: 3", "sampleMin: 9007199254740993").as_bytes()).unwrap_err();
    assert!(
        errors.to_string().contains("SAMPLE_NEVER") && errors.to_string().contains("= 9007199254740993"),
        "{errors}"
    );
}
