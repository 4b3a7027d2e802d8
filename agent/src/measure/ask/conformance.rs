//! What every provider must do alike: the same stories, told in the words of each.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode as Status, header};
use axum::response::{IntoResponse, Response};
use meridian_core::evidence::{Amount, Answers, AskFailure, Asks, Bound, Query, Reach, Source};
use meridian_core::slot::Slot;
use meridian_core::weight::Weight;
use meridian_outbound::{Limits, Outbound, Trust};
use tokio::net::TcpListener;

use super::{Asker, Subject, Told};

/// How a provider says things.
pub trait Dialect {
    /// Who is asked.
    fn source(&self) -> Source;
    /// The name of a number in a question.
    fn name(&self, number: &str) -> String;
    /// The answer to a request with this body, if these are the numbers (as JSON) by name.
    fn answer(&self, body: &str, numbers: &BTreeMap<&str, &str>) -> String;
    /// How a number is written that JSON has none for.
    fn odd(&self, number: &str) -> String {
        format!("\"{number}\"")
    }
}

/// Quicker than in production, where nobody waits for a test.
const LIMITS: Limits = Limits { time: Duration::from_millis(300), body_bytes: 64 * 1024, tries: 3 };

pub fn asker() -> Asker {
    Asker { outbound: Outbound::new(Trust::System), limits: LIMITS }
}

pub fn subject() -> Subject {
    let (service, region) = ("shop".to_owned(), "eu-west".to_owned());
    Subject { service, region, slot: Slot::Green, version: "2.0.0+b1".to_owned() }
}

pub fn value(source: Source, url: &str, of: String) -> Query {
    let asks = Asks::Value { of, bound: Bound::Most(Amount::ZERO) };
    Query { source, url: url.to_owned(), asks, reach: Reach::Region }
}

fn counts(source: Source, url: &str, errors: String, total: String) -> Query {
    let asks = Asks::Counts { errors, total, max: Weight::NONE };
    Query { source, url: url.to_owned(), asks, reach: Reach::Region }
}

/// One request as it came in.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    pub method: String,
    pub path: String,
    pub body: String,
}

type Answering = dyn Fn(&Heard) -> Response + Send + Sync;
type Listening = (Arc<Mutex<Vec<Heard>>>, Arc<Answering>);
/// A story: answers in turn before the good one, what comes of it, and how often was asked.
type Story = (&'static str, Vec<Response>, Result<Told, AskFailure>, usize);

/// Answers every request with what a story says, and remembers what it heard.
pub struct Provider {
    pub url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Provider {
    pub async fn start(answering: impl Fn(&Heard) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        let answering: Arc<Answering> = Arc::new(answering);
        let routes = axum::Router::new().fallback(answer).with_state((Arc::clone(&heard), answering));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, heard }
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

async fn answer(State((heard, answering)): State<Listening>, request: axum::extract::Request) -> Response {
    let (method, path) = (request.method().to_string(), request.uri().to_string());
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let one = Heard { method, path, body: String::from_utf8(body.to_vec()).unwrap() };
    heard.lock().unwrap().push(one.clone());
    if one.path.contains("hangs") {
        std::future::pending::<()>().await;
    }
    answering(&one)
}

/// The whole suite.
pub async fn run<D: Dialect + Clone + Send + Sync + 'static>(dialect: D) {
    numbers(dialect.clone()).await;
    troubles(dialect.clone()).await;
    silence(dialect).await;
}

async fn numbers<D: Dialect + Clone + Send + Sync + 'static>(dialect: D) {
    let odd = |number: &str| dialect.odd(number);
    let amount = |millionths| Ok(Told::Value(Amount::from_millionths(millionths)));
    let table = [
        ("12.5".to_owned(), amount(12_500_000)),
        (odd("12.5"), amount(12_500_000)),
        ("0".to_owned(), amount(0)),
        ("-3".to_owned(), amount(0)),
        ("1e300".to_owned(), amount(u64::MAX)),
        (odd("NaN"), Err(AskFailure::NotFinite)),
        (odd("+Inf"), Err(AskFailure::NotFinite)),
        (odd("-Inf"), Err(AskFailure::NotFinite)),
        (odd("many"), Err(AskFailure::NotANumber)),
        ("true".to_owned(), Err(AskFailure::NotANumber)),
        ("[1]".to_owned(), Err(AskFailure::NotANumber)),
        ("null".to_owned(), Err(AskFailure::NoData)),
        (String::new(), Err(AskFailure::NoData)),
    ];
    for (number, expect) in table {
        let (speaks, said) = (dialect.clone(), number.clone());
        let provider = Provider::start(move |heard| {
            let numbers = [("value", said.as_str())].into_iter().filter(|(_, number)| !number.is_empty()).collect();
            speaks.answer(&heard.body, &numbers).into_response()
        });
        let query = value(dialect.source(), &provider.await.url, dialect.name("value"));
        assert_eq!(asker().ask("kpi", &query, &subject()).await, expect, "{number}");
    }
    let table = [
        (("3", "100"), Ok(Told::Counts(Answers { requests: 100, errors: 3 }))),
        (("3.7", "100.2"), Ok(Told::Counts(Answers { requests: 100, errors: 3 }))),
        (("-1", "100"), Err(AskFailure::Negative)),
        (("1", "null"), Err(AskFailure::NoData)),
    ];
    for ((errors, total), expect) in table {
        let speaks = dialect.clone();
        let provider = Provider::start(move |heard| {
            speaks.answer(&heard.body, &BTreeMap::from([("errors", errors), ("total", total)])).into_response()
        });
        let query = counts(dialect.source(), &provider.await.url, dialect.name("errors"), dialect.name("total"));
        assert_eq!(asker().ask("kpi", &query, &subject()).await, expect, "{errors} of {total}");
    }
}

async fn troubles<D: Dialect + Clone + Send + Sync + 'static>(dialect: D) {
    let good = {
        let dialect = dialect.clone();
        move |heard: &Heard| dialect.answer(&heard.body, &BTreeMap::from([("value", "1")])).into_response()
    };
    let one = Ok(Told::Value(Amount::from_millionths(1_000_000)));
    let busy = || Status::SERVICE_UNAVAILABLE.into_response();
    let moved = || (Status::FOUND, [(header::LOCATION, "/elsewhere")]).into_response();
    let table: Vec<Story> = vec![
        ("good", vec![], one, 1),
        ("busy once", vec![busy()], one, 2),
        ("busy", vec![busy(), busy(), busy()], Err(AskFailure::Status), 3),
        ("not there", vec![Status::NOT_FOUND.into_response()], Err(AskFailure::Status), 1),
        ("not allowed", vec![Status::UNAUTHORIZED.into_response()], Err(AskFailure::Status), 1),
        ("elsewhere", vec![moved()], Err(AskFailure::Status), 1),
        ("no content", vec![Status::NO_CONTENT.into_response()], Err(AskFailure::Status), 1),
        ("empty", vec!["".into_response()], Err(AskFailure::Malformed), 1),
        ("a page", vec!["<html>".into_response()], Err(AskFailure::Malformed), 1),
        ("deep", vec!["[".repeat(10_000).into_response()], Err(AskFailure::Malformed), 1),
        ("not text", vec![vec![0xff_u8, 0xfe].into_response()], Err(AskFailure::Malformed), 1),
        ("long", vec!["1".repeat(65 * 1024).into_response()], Err(AskFailure::TooLarge), 1),
    ];
    for (story, answers, expect, asked) in table {
        let (answers, good) = (Mutex::new(VecDeque::from(answers)), good.clone());
        let provider = Provider::start(move |heard| {
            let next = answers.lock().unwrap().pop_front();
            next.unwrap_or_else(|| good(heard))
        });
        let provider = provider.await;
        let query = value(dialect.source(), &provider.url, dialect.name("value"));
        assert_eq!(asker().ask("kpi", &query, &subject()).await, expect, "{story}");
        assert_eq!(provider.heard().len(), asked, "{story}");
    }
}

async fn silence<D: Dialect + Clone + Send + Sync + 'static>(dialect: D) {
    let provider = Provider::start(|_| Status::OK.into_response()).await;
    let query = value(dialect.source(), &format!("{}/hangs", provider.url), dialect.name("value"));
    assert_eq!(asker().ask("kpi", &query, &subject()).await, Err(AskFailure::Timeout));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let query = value(dialect.source(), &nobody, dialect.name("value"));
    assert_eq!(asker().ask("kpi", &query, &subject()).await, Err(AskFailure::Unreachable));
}
