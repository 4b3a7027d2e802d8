//! Loads that cannot be made, or that nobody would judge.

use super::assert_refused;

const GOOD: &str = "{rate: 200/s, requests: [{path: /}]}";
const CHECKS: &str = "[{name: load, loadErrors: {max: 1%}, sampleMin: 1}]";

fn playbook(stage: &str, checks: &str) -> String {
    format!(
        "apiVersion: meridian.dev/v1\nkind: Playbook\nmetadata: {{name: staged}}\nspec:\n  stages:\n    - kind: staging\n      \
         {stage}\n      waves: [{{name: all, regions: rest, steps: [{{weight: 100%, bake: 5s}}]}}]\n  evidence:\n    \
         checks: {checks}\n"
    )
}

#[test]
fn loads_that_cannot_be_made() {
    let loads = [
        ("no rate", "{requests: [{path: /}]}", "FIELD_MISSING", "load.rate"),
        ("a bare rate", "{rate: 200, requests: [{path: /}]}", "RATE_INVALID", "load.rate"),
        ("by the minute", "{rate: 200/m, requests: [{path: /}]}", "RATE_INVALID", "load.rate"),
        ("nothing a second", "{rate: 0/s, requests: [{path: /}]}", "RATE_OUT_OF_RANGE", "load.rate"),
        ("too many", "{rate: 10001/s, requests: [{path: /}]}", "RATE_OUT_OF_RANGE", "load.rate"),
        ("no requests", "{rate: 1/s}", "FIELD_MISSING", "load.requests"),
        ("an empty mix", "{rate: 1/s, requests: []}", "LOAD_WITHOUT_REQUESTS", "load.requests"),
        ("a path", "{rate: 1/s, requests: [{path: orders}]}", "LOAD_PATH_INVALID", "load.requests[0].path"),
        ("a method", "{rate: 1/s, requests: [{path: /, method: PATCH}]}", "WORD_UNKNOWN", "load.requests[0].method"),
        ("a body", "{rate: 1/s, requests: [{path: /, body: x}]}", "BODY_WITHOUT_POST", "load.requests[0].body"),
        (
            "a header",
            "{rate: 1/s, requests: [{path: /, headers: {host: x}}]}",
            "LOAD_HEADER_INVALID",
            "load.requests[0].headers",
        ),
        (
            "no turn",
            "{rate: 1/s, requests: [{path: /, weight: 0}]}",
            "MIX_WEIGHT_OUT_OF_RANGE",
            "load.requests[0].weight",
        ),
        ("a long ramp", "{rate: 1/s, ramp: 10s, requests: [{path: /}]}", "BAKE_WITHIN_RAMP", "waves[0].steps"),
    ];
    for (id, load, code, field) in loads {
        let field = format!("spec.stages[0].{field}");
        assert_refused(vec![(id, playbook(&format!("load: {load}"), CHECKS), code, &field)]);
    }
    let load = format!("load: {GOOD}");
    assert_refused(vec![
        ("unjudged", playbook(&load, "[]"), "LOAD_UNJUDGED", "spec.stages[0].load"),
        ("no load", playbook("approvals: []", CHECKS), "LOAD_CHECK_WITHOUT_LOAD", "spec.evidence.checks[0].name"),
        ("only a rehearsal", playbook("rehearsal: true", CHECKS), "FIELD_MISSING", "spec.stages[0].load"),
        (
            "elsewhere",
            playbook(&load, CHECKS).replace("kind: staging", "kind: pilot"),
            "LOAD_OUTSIDE_STAGING",
            "spec.stages[0].load",
        ),
        (
            "half a rehearsal",
            playbook(&format!("{load}\n      rehearsal: true"), CHECKS).replace("100%", "50%"),
            "REHEARSAL_NOT_WHOLE",
            "spec.stages[0].waves[0].steps",
        ),
    ]);
}
