//! Callbacks against a real endpoint: a wave begins on its yes alone, a no holds, and what is broken is asked again.

use std::sync::{Arc, Mutex};

use meridian_core::id::CallbackId;
use meridian_core::playbook::Callback;
use meridian_core::rollout::event::{Event, Order};
use meridian_core::rollout::state::{LaneAt, Phase};
use meridian_core::time::Span;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::stage::Stage;

/// Answers with each reply in turn, and keeps what it was asked.
struct Endpoint {
    url: String,
    asked: Arc<Mutex<Vec<serde_json::Value>>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Endpoint {
    async fn start(replies: &'static [(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/gate", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<serde_json::Value>>> = Arc::default();
        let kept = asked.clone();
        let serving = tokio::spawn(async move {
            for (status, body) in replies {
                let (mut stream, _) = listener.accept().await.unwrap();
                let question = question(&mut stream).await;
                kept.lock().unwrap().push(question);
                let length = body.len();
                let reply = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
                stream.write_all(reply.as_bytes()).await.unwrap();
            }
        });
        Self { url, asked, serving }
    }
}

/// The body of a request that says how long it is.
async fn question(stream: &mut TcpStream) -> serde_json::Value {
    let mut read = Vec::new();
    loop {
        let mut part = [0; 4096];
        let count = stream.read(&mut part).await.unwrap();
        assert!(count > 0, "the request breaks off");
        read.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((_, body)) = text.split_once("\r\n\r\n")
            && let Ok(body) = serde_json::from_str(body)
        {
            return body;
        }
    }
}

#[tokio::test]
async fn a_wave_begins_on_a_yes_and_a_no_holds_until_somebody_has_looked() {
    let replies: &[(&str, &str)] = &[
        ("503 Service Unavailable", ""),
        ("200 OK", "yes, go on"),
        ("200 OK", r#"{"verdict":"fail","reason":"the index is missing"}"#),
        ("200 OK", r#"{"verdict":"pass"}"#),
    ];
    let endpoint = Endpoint::start(replies).await;
    let mut stage = Stage::set(&["eu", "us"]).await;
    let (id, timeout) = (CallbackId::new("db-check").unwrap(), Span::from_secs(600));
    stage.callbacks = vec![Callback { id, url: endpoint.url.clone(), timeout, secret: None }];
    let engine = stage.engine();
    let _agents = stage.agents(&engine).await;
    let rollout = stage.open(&engine, "1.0.0").await;
    // What is broken, or says no clear word, is no answer; the no is.
    let held = stage.until(&engine, &rollout, |phase| phase.as_str() == "held").await;
    let cause = held.record.phase.cause().unwrap();
    assert_eq!((cause.code(), cause.to_string().contains("the index is missing")), ("CALLBACK", true), "{cause}");
    assert!(held.record.lanes.values().all(|lane| lane.at == LaneAt::Waiting), "nothing has begun");
    let order = Order { actor: "anna".to_owned(), reason: "built".to_owned() };
    engine.order(&rollout, Event::Resume(order), None, None).await.unwrap();
    let ended = stage.until(&engine, &rollout, Phase::is_terminal).await;
    assert!(matches!(ended.record.phase, Phase::Stable { .. }), "{:?}", ended.record.phase);
    endpoint.serving.await.unwrap();
    let asked = endpoint.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), replies.len());
    let plan = &ended.record.plan;
    for question in asked {
        let said = |field: &str| question[field].as_str().unwrap().to_owned();
        assert_eq!(
            (said("gate"), said("on"), said("wave")),
            ("db-check".into(), "wave-begin".into(), "wave-eu".into())
        );
        assert_eq!((said("rollout"), said("service")), (rollout.to_string(), plan.service.to_string()));
        assert_eq!((said("plan"), said("digest")), (plan.hash().to_string(), plan.release.digest.to_string()));
    }
    stage.check_audit().await;
    stage.shut(engine).await;
}
