//! What a stage is put under while its regions bake: the load and its mix, and whether the way back is rehearsed.

use std::collections::BTreeMap;

use meridian_core::playbook::{Load, LoadRequest, Method, Staging};
use meridian_core::time::Span;

use crate::manifest::report::Report;
use crate::manifest::shape::{Cursor, Fields};
use crate::manifest::values;

/// A request of a mix that says no weight.
pub(in crate::manifest) const WEIGHT_DEFAULT: u32 = 1;

/// The load of a stage; `None` inside if there is none. A rehearsal without load would rehearse nothing.
pub(super) fn read(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Option<Staging>> {
    let rehearsal = fields.value_or(report, "rehearsal", false, values::boolean);
    let given = match (fields.get("load"), rehearsal?) {
        (None, false) => return Some(None),
        (None, true) => fields.need(report, "load", "{rate: 200/s, requests: [{path: /}]}")?,
        (Some(given), _) => given,
    };
    let load = load(&given, report)?;
    Some(Some(Staging { load, rehearsal: rehearsal? }))
}

fn load(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<Load> {
    let fields = given.fields(report, &["rate", "ramp", "requests", "connections", "timeout"])?;
    let rate = fields.need(report, "rate", "200/s").and_then(|it| it.value(report, values::rate));
    let ramp = fields.value_or(report, "ramp", Span::ZERO, values::span);
    let requests = fields.need(report, "requests", "[{path: /}]").and_then(|it| it.each(report, request));
    let connections = fields.value_or(report, "connections", Load::CONNECTIONS, values::small_number);
    let timeout = fields.value_or(report, "timeout", Load::TIMEOUT, values::span);
    Some(Load { rate: rate?, ramp: ramp?, requests: requests?, connections: connections?, timeout: timeout? })
}

fn request(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<LoadRequest> {
    let fields = given.fields(report, &["method", "path", "headers", "body", "weight"])?;
    let methods = Method::ALL.map(|method| (method.as_str(), method));
    let method = fields.value_or(report, "method", Method::default(), values::word(&methods));
    let path = fields.need(report, "path", "/");
    let path = path.and_then(|it| it.value(report, values::text(Load::TEXT_BYTES_MAX)));
    let headers = fields.get("headers").map_or(Some(BTreeMap::new()), |it| headers(&it, report));
    let body = fields.value_or(report, "body", String::new(), values::text(Load::BODY_BYTES_MAX));
    let weight = fields.value_or(report, "weight", WEIGHT_DEFAULT, values::small_number);
    Some(LoadRequest { method: method?, path: path?, headers: headers?, body: body?, weight: weight? })
}

fn headers(given: &Cursor<'_>, report: &mut Report<'_>) -> Option<BTreeMap<String, String>> {
    let entries = given.entries(report)?;
    let names: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
    let fields = given.fields(report, &names)?;
    let value = |name: &&str| {
        let value = fields.get(name)?.value(report, values::text(Load::TEXT_BYTES_MAX))?;
        Some(((*name).to_owned(), value))
    };
    let read: Vec<Option<(String, String)>> = names.iter().map(value).collect();
    read.into_iter().collect()
}
