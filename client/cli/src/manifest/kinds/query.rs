//! Checks that ask somebody else's metrics: where, for what, and what it must keep to.

use meridian_core::evidence::{Asks, Bound, Query, Reach, Source};
use meridian_core::playbook::validate::TEXT_BYTES_MAX;

use crate::manifest::report::Report;
use crate::manifest::shape::{Cursor, Fields, Refused};
use crate::manifest::values;

pub(super) fn prometheus(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Query> {
    let fields = given.fields(report, &["url", "query", "max", "min", "errors", "total", "over"])?;
    let (url, asks) = (url(&fields, report), asks(&fields, report, "query", "sum(up)"));
    let reach = reach(&fields, report);
    Some(Query { source: Source::Prometheus, url: url?, asks: asks?, reach: reach? })
}

pub(super) fn webhook(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Query> {
    let fields = given.fields(report, &["url", "method", "pointer", "max", "min", "errors", "total", "over"])?;
    let methods = [("GET", Source::WebhookGet), ("POST", Source::WebhookPost)];
    let source = fields.value_or(report, "method", Source::WebhookGet, values::word(&methods));
    let (url, asks) = (url(&fields, report), asks(&fields, report, "pointer", "/value"));
    let reach = reach(&fields, report);
    Some(Query { source: source?, url: url?, asks: asks?, reach: reach? })
}

fn url(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<String> {
    let url = fields.need(report, "url", "http://metrics.example:9090")?;
    url.value(report, values::text(TEXT_BYTES_MAX))
}

fn reach(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Reach> {
    let reaches = [("region", Reach::Region), ("fleet", Reach::Fleet)];
    fields.value_or(report, "over", Reach::default(), values::word(&reaches))
}

/// One value with a limit on one side, or errors of a total with a share of at most so many.
fn asks(fields: &Fields<'_>, report: &mut Report<'_>, of: &str, example: &str) -> Option<Asks> {
    let text = |name: &str, example: &str, report: &mut Report<'_>| {
        fields.need(report, name, example)?.value(report, values::text(TEXT_BYTES_MAX))
    };
    let counts = fields.get("errors").is_some() || fields.get("total").is_some();
    let conflict = |name: &str, message: &str, report: &mut Report<'_>| {
        let fix = format!("write `{of}` with `max` or `min`, or `errors` and `total` with `max: 1%`");
        fields.refuse(report, name, Refused::new("FIELDS_CONFLICT", message, fix));
    };
    if counts && (fields.get(of).is_some() || fields.get("min").is_some()) {
        conflict("", "a check asks for one value or for two counts", report);
        return None;
    }
    if counts {
        let (errors, total) = (text("errors", example, report), text("total", example, report));
        let max = fields.need(report, "max", "1%").and_then(|it| it.value(report, values::percent));
        return Some(Asks::Counts { errors: errors?, total: total?, max: max? });
    }
    let of = text(of, example, report);
    let bound = match (fields.get("max"), fields.get("min")) {
        (Some(max), None) => max.value(report, values::amount).map(Bound::Most),
        (None, Some(min)) => min.value(report, values::amount).map(Bound::Least),
        (None, None) => fields.need(report, "max", "0.5").and(None),
        (Some(_), Some(_)) => {
            conflict("", "a value has a limit on one side", report);
            None
        }
    };
    Some(Asks::Value { of: of?, bound: bound? })
}
