//! Prometheus, and what speaks its HTTP API v1: an instant query that must come to one number. It knows no rules.

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use meridian_core::evidence::{Answers, AskFailure, Asks, Query};
use meridian_outbound::{Letter, Reply};
use serde_json::Value;

use super::{Asker, Subject, Told, json};

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

pub(super) async fn ask(asker: &Asker, query: &Query, subject: &Subject) -> Result<Told, AskFailure> {
    let url = subject.fill_address(&query.url).ok_or(AskFailure::Other)?;
    let url = format!("{}/api/v1/query", url.trim_end_matches('/'));
    let one = async |text: &str| {
        let text = subject.fill(text).ok_or(AskFailure::Other)?;
        // In the body, because addresses have a length that somebody on the way may find too long.
        let body = Bytes::from(format!("query={}", form_encoded(&text)));
        let (method, headers) = (Method::POST, vec![(header::CONTENT_TYPE, FORM)]);
        let Reply { status, body } = asker.answer(&Letter { method, url: url.clone(), headers, body }).await?;
        read(status, &body)
    };
    match &query.asks {
        Asks::Value { of, bound: _ } => Ok(Told::Value(json::amount(one(of).await?))),
        Asks::Counts { errors, total, max: _ } => {
            let (errors, requests) = tokio::try_join!(one(errors), one(total))?;
            let (errors, requests) = (json::count(errors)?, json::count(requests)?);
            Ok(Told::Counts(Answers { requests, errors }))
        }
    }
}

/// The one number of an answer.
fn read(status: StatusCode, body: &[u8]) -> Result<f64, AskFailure> {
    let answer: Result<Value, _> = serde_json::from_slice(body);
    let said = answer.as_ref().ok().and_then(|answer| answer.get("status")).and_then(Value::as_str);
    match (status, said) {
        (StatusCode::OK, Some("success")) => {}
        (_, Some("error")) => return Err(AskFailure::QueryFailed),
        (StatusCode::OK, _) => return Err(AskFailure::Malformed),
        (_, _) => return Err(AskFailure::Status),
    }
    let answer = answer.map_err(|_| AskFailure::Malformed)?;
    let result = answer.pointer("/data/result").ok_or(AskFailure::Malformed)?;
    match answer.pointer("/data/resultType").and_then(Value::as_str) {
        Some("scalar") => json::number(result.get(1).ok_or(AskFailure::Malformed)?),
        Some("vector") => match result.as_array().map(Vec::as_slice) {
            None => Err(AskFailure::Malformed),
            Some([]) => Err(AskFailure::NoData),
            // A native histogram has no `value`.
            Some([one]) => json::number(one.pointer("/value/1").ok_or(AskFailure::NotANumber)?),
            Some([_, _, ..]) => Err(AskFailure::NotOne),
        },
        Some(_) => Err(AskFailure::NotANumber),
        None => Err(AskFailure::Malformed),
    }
}

fn form_encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}
