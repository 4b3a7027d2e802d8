//! Every provider through the suite, and what is peculiar to each.

use std::collections::BTreeMap;

use axum::http::StatusCode as Status;
use axum::response::IntoResponse;
use meridian_core::evidence::{Amount, AskFailure, Source};

use super::Told;
use super::conformance::{self, Dialect, Provider, asker, subject, value};

/// The query is the number's name.
#[derive(Clone)]
struct Prometheus;

impl Dialect for Prometheus {
    fn source(&self) -> Source {
        Source::Prometheus
    }

    fn name(&self, number: &str) -> String {
        number.to_owned()
    }

    fn answer(&self, body: &str, numbers: &BTreeMap<&str, &str>) -> String {
        let name = body.strip_prefix("query=").expect("one query");
        let result = numbers.get(name).map(|number| format!(r#"{{"metric":{{}},"value":[1.5,{number}]}}"#));
        let result = result.unwrap_or_default();
        format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{result}]}}}}"#)
    }
}

#[derive(Clone)]
struct Webhook(Source);

impl Dialect for Webhook {
    fn source(&self) -> Source {
        self.0
    }

    fn name(&self, number: &str) -> String {
        format!("/of/{number}")
    }

    fn answer(&self, _: &str, numbers: &BTreeMap<&str, &str>) -> String {
        let fields: Vec<String> = numbers.iter().map(|(name, number)| format!(r#""{name}":{number}"#)).collect();
        format!(r#"{{"of":{{{}}}}}"#, fields.join(","))
    }
}

#[tokio::test]
async fn prometheus_conforms() {
    conformance::run(Prometheus).await;
}

#[tokio::test]
async fn webhooks_conform() {
    conformance::run(Webhook(Source::WebhookGet)).await;
    conformance::run(Webhook(Source::WebhookPost)).await;
}

#[tokio::test]
async fn prometheus_must_answer_with_one_number() {
    let data = |kind: &str, result: &str| {
        format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}}}"#)
    };
    let series = r#"{"metric":{},"value":[1,"2"]}"#;
    let error = r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#.to_owned();
    let table = [
        (Status::OK, data("scalar", r#"[1.5,"2.5"]"#), Ok(2_500_000)),
        (Status::OK, data("vector", &format!("[{series}]")), Ok(2_000_000)),
        (Status::OK, data("vector", &format!("[{series},{series}]")), Err(AskFailure::NotOne)),
        (Status::OK, data("vector", "[]"), Err(AskFailure::NoData)),
        (Status::OK, data("vector", r#"[{"metric":{},"histogram":[1,{}]}]"#), Err(AskFailure::NotANumber)),
        (Status::OK, data("matrix", r#"[{"metric":{},"values":[[1,"2"]]}]"#), Err(AskFailure::NotANumber)),
        (Status::OK, data("string", r#"[1,"2"]"#), Err(AskFailure::NotANumber)),
        (Status::OK, data("scalar", "[1.5]"), Err(AskFailure::Malformed)),
        (Status::OK, data("vector", "{}"), Err(AskFailure::Malformed)),
        (Status::OK, r#"{"status":"success"}"#.to_owned(), Err(AskFailure::Malformed)),
        (Status::OK, r#"{"value":1}"#.to_owned(), Err(AskFailure::Malformed)),
        (Status::OK, error.clone(), Err(AskFailure::QueryFailed)),
        (Status::BAD_REQUEST, error.clone(), Err(AskFailure::QueryFailed)),
        (Status::UNPROCESSABLE_ENTITY, error, Err(AskFailure::QueryFailed)),
        (Status::BAD_REQUEST, data("scalar", r#"[1.5,"2.5"]"#), Err(AskFailure::Status)),
    ];
    for (status, body, expect) in table {
        let said = body.clone();
        let provider = Provider::start(move |_| (status, said.clone()).into_response()).await;
        let query = value(Source::Prometheus, &provider.url, "x".to_owned());
        let expect = expect.map(|millionths| Told::Value(Amount::from_millionths(millionths)));
        assert_eq!(asker().ask("kpi", &query, &subject()).await, expect, "{status} {body}");
    }
}

#[tokio::test]
async fn places_are_filled_in_for_each_part_of_a_question() {
    let provider = Provider::start(|_| r#"{"eu-west":{"a/b":[7]}}"#.into_response()).await;
    let url = format!("{}/kpi/{{{{service}}}}?v={{{{version}}}}", provider.url);
    let query = value(Source::WebhookPost, &url, "/{{region}}/a~1b/0".to_owned());
    let told = asker().ask("orders", &query, &subject()).await;
    assert_eq!(told, Ok(Told::Value(Amount::from_millionths(7_000_000))));
    let heard = &provider.heard()[0];
    assert_eq!((heard.method.as_str(), heard.path.as_str()), ("POST", "/kpi/shop?v=2.0.0%2Bb1"));
    let about: serde_json::Value = serde_json::from_str(&heard.body).unwrap();
    let expect = serde_json::json!({
        "check": "orders", "service": "shop", "region": "eu-west", "slot": "green", "version": "2.0.0+b1",
    });
    assert_eq!(about, expect);

    let query =
        value(Source::Prometheus, &format!("{}/{{{{region}}}}/", provider.url), r#"up{slot="{{slot}}"}"#.to_owned());
    assert_eq!(asker().ask("up", &query, &subject()).await, Err(AskFailure::Malformed));
    let heard = &provider.heard()[1];
    assert_eq!((heard.method.as_str(), heard.path.as_str()), ("POST", "/eu-west/api/v1/query"));
    assert_eq!(heard.body, "query=up%7Bslot%3D%22green%22%7D");

    let query = value(Source::WebhookGet, &provider.url, "/eu-west/none".to_owned());
    assert_eq!(asker().ask("orders", &query, &subject()).await, Err(AskFailure::NoData));
    assert_eq!(provider.heard()[2].method, "GET");
}
