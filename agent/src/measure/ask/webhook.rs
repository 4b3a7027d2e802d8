//! Anything that answers JSON: a GET or a POST, and pointers into the answer. It does not know what the fields mean.

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use meridian_core::evidence::{Answers, AskFailure, Asks, Query, Source};
use meridian_outbound::{Letter, Reply};
use serde_json::Value;

use super::{Asker, Subject, Told, json};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(super) async fn ask(asker: &Asker, check: &str, query: &Query, subject: &Subject) -> Result<Told, AskFailure> {
    let url = subject.fill_address(&query.url).ok_or(AskFailure::Other)?;
    let letter = match query.source {
        Source::WebhookPost => {
            let Subject { service, region, slot, version } = subject;
            let about = serde_json::json!({
                "check": check, "service": service, "region": region, "slot": slot.to_string(), "version": version,
            });
            let (headers, body) = (vec![(header::CONTENT_TYPE, JSON)], Bytes::from(about.to_string()));
            Letter { method: Method::POST, url, headers, body }
        }
        Source::WebhookGet | Source::Prometheus => {
            Letter { method: Method::GET, url, headers: Vec::new(), body: Bytes::new() }
        }
    };
    let Reply { status, body } = asker.answer(&letter).await?;
    if status != StatusCode::OK {
        return Err(AskFailure::Status);
    }
    let answer: Value = serde_json::from_slice(&body).map_err(|_| AskFailure::Malformed)?;
    let one = |pointer: &str| {
        let pointer = subject.fill(pointer).ok_or(AskFailure::Other)?;
        json::number(answer.pointer(&pointer).ok_or(AskFailure::NoData)?)
    };
    match &query.asks {
        Asks::Value { of, bound: _ } => Ok(Told::Value(json::amount(one(of)?))),
        Asks::Counts { errors, total, max: _ } => {
            let (errors, requests) = (json::count(one(errors)?)?, json::count(one(total)?)?);
            Ok(Told::Counts(Answers { requests, errors }))
        }
    }
}
