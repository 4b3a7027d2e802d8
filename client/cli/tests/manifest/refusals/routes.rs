//! Routes that reach nobody, or that would carry a secret.

use super::assert_refused;

const AT: &str = "spec.receivers[0]";

fn route(spec: &str) -> String {
    format!("apiVersion: meridian.dev/v1\nkind: NotificationRoute\nmetadata: {{name: on-call}}\nspec: {spec}\n")
}

#[test]
fn routes_that_cannot_be_taken() {
    let one = |receiver: &str| format!("{{receivers: [{{name: x, {receiver}}}]}}");
    let good = "receivers: [{name: x, slack: {secret: chat}}]";
    let at = |name: &str| format!("{AT}.{name}");
    let table = [
        ("nobody", "{}".to_owned(), "FIELD_MISSING", "spec.receivers".to_owned()),
        ("none", "{receivers: []}".to_owned(), "RECEIVERS_OUT_OF_RANGE", "spec.receivers".to_owned()),
        ("no way", "{receivers: [{name: x}]}".to_owned(), "FIELDS_CONFLICT", AT.to_owned()),
        ("two ways", one("slack: {secret: a}, alertmanager: {url: http://x}"), "FIELDS_CONFLICT", AT.to_owned()),
        ("no secret", one("webhook: {url: http://x}"), "FIELD_MISSING", at("webhook.secret")),
        ("a path", one("webhook: {url: http://x, secret: ../key}"), "NAME_INVALID", at("webhook.secret")),
        (
            "the secret itself",
            one("slack: {secret: chat, url: https://hooks.example/T0/B0}"),
            "UNKNOWN_FIELD",
            at("slack.url"),
        ),
        ("a password", one("alertmanager: {url: \"http://a:b@x\"}"), "URL_INVALID", at("alertmanager.url")),
        (
            "a place",
            format!("{{template: \"{{{{password}}}}\", {good}}}"),
            "PLACEHOLDER_UNKNOWN",
            "spec.template".to_owned(),
        ),
        ("a word", format!("{{match: {{severity: loud}}, {good}}}"), "WORD_UNKNOWN", "spec.match.severity".to_owned()),
        (
            "a name",
            format!("{{match: {{services: [A]}}, {good}}}"),
            "NAME_INVALID",
            "spec.match.services[0]".to_owned(),
        ),
        ("a field", format!("{{matches: {{}}, {good}}}"), "UNKNOWN_FIELD", "spec.matches".to_owned()),
    ];
    for (id, spec, code, field) in table {
        assert_refused(vec![(id, route(&spec), code, &field)]);
    }
}
