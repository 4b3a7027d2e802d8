//! Checks that ask somebody else's metrics, and cannot.

use super::{assert_refused, playbook};

const ERRORS: &str = "errorRatio: {max: 1%}";
/// Case, measure (`@` is a good address), code, field of the check.
const CASES: [(&str, &str, &str, &str); 19] = [
    ("no url", "prometheus: {query: up, max: 1}", "FIELD_MISSING", "prometheus.url"),
    ("no query", "prometheus: {@, max: 1}", "FIELD_MISSING", "prometheus.query"),
    ("no limit", "prometheus: {@, query: up}", "FIELD_MISSING", "prometheus.max"),
    ("two limits", "prometheus: {@, query: up, max: 1, min: 1}", "FIELDS_CONFLICT", "prometheus"),
    ("both ways", "webhook: {@, pointer: /x, errors: /e, total: /t, max: 1%}", "FIELDS_CONFLICT", "webhook"),
    ("half a share", "webhook: {@, errors: /e, max: 1%}", "FIELD_MISSING", "webhook.total"),
    ("a share of one", "webhook: {@, pointer: /x, max: 1%}", "NUMBER_INVALID", "webhook.max"),
    ("a number of two", "webhook: {@, errors: /e, total: /t, max: 1}", "PERCENT_INVALID", "webhook.max"),
    ("too fine", "webhook: {@, pointer: /x, max: 0.0000001}", "NUMBER_INVALID", "webhook.max"),
    ("below nothing", "webhook: {@, pointer: /x, max: -1}", "NUMBER_INVALID", "webhook.max"),
    ("exponent", "webhook: {@, pointer: /x, max: 1e3}", "NUMBER_INVALID", "webhook.max"),
    ("quoted", "webhook: {@, pointer: /x, max: \"1\"}", "NUMBER_INVALID", "webhook.max"),
    ("nothing lies below", "webhook: {@, pointer: /x, min: 0}", "MIN_ZERO", "webhook.min"),
    ("method", "webhook: {@, method: PUT, pointer: /x, max: 1}", "WORD_UNKNOWN", "webhook.method"),
    ("pointer", "webhook: {@, pointer: x, max: 1}", "POINTER_INVALID", "webhook.pointer"),
    ("password", "prometheus: {url: \"http://a:b@m\", query: up, max: 1}", "URL_INVALID", "prometheus.url"),
    ("place", "prometheus: {@, query: \"x{{zone}}\", max: 1}", "PLACEHOLDER_UNKNOWN", "prometheus.query"),
    ("of one", "prometheus: {@, query: \"x{{slot}}\", max: 1, over: fleet}", "FLEET_QUERY_LOCAL", "prometheus.over"),
    ("field", "prometheus: {@, pointer: /x, query: up, max: 1}", "UNKNOWN_FIELD", "prometheus.pointer"),
];

#[test]
fn questions_that_cannot_be_asked() {
    for (id, measure, code, field) in CASES {
        let measure = measure.replace("{@", "{url: http://m.example");
        let (input, field) = (playbook(ERRORS, &measure), format!("spec.evidence.checks[0].{field}"));
        assert_refused(vec![(id, input, code, &field)]);
    }
}
