//! Alerts from the decision to the receiver: signed, told again until they are taken, not lost with a server, and routed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use meridian_core::time::Span;
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::alert_service_client::AlertServiceClient;
use meridian_proto::r#gen::v1::notification_route::{Match, Receiver, Slack, Webhook, receiver::Target};
use meridian_server::{Config, StoreChoice};
use meridian_store::Store;
use meridian_store::memory::{MemoryLimits, MemoryStore};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic::Code;
use tonic::transport::Channel;

use crate::rollouts::{baking, switched};
use crate::support::{Server, config, until, why};

const KEY: &str = "correct horse";

/// What came in: the headers by lower-case name, and the body.
#[derive(Clone, Debug)]
struct Letter {
    headers: Vec<(String, String)>,
    body: String,
}

impl Letter {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap()
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Takes letters, or refuses them.
#[derive(Clone)]
struct Hook {
    url: String,
    status: Arc<Mutex<&'static str>>,
    letters: Arc<Mutex<Vec<Letter>>>,
}

impl Hook {
    async fn start(status: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let hook = Self { url, status: Arc::new(Mutex::new(status)), letters: Arc::default() };
        let serving = hook.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let letter = serving.take(stream).await;
                serving.letters.lock().unwrap().extend(letter);
            }
        });
        hook
    }

    fn answer(&self, status: &'static str) {
        *self.status.lock().unwrap() = status;
    }

    fn letters(&self) -> Vec<Letter> {
        self.letters.lock().unwrap().clone()
    }

    async fn take(&self, mut stream: TcpStream) -> Option<Letter> {
        let mut bytes = Vec::new();
        let (head, mut body) = loop {
            stream.read_buf(&mut bytes).await.ok().filter(|read| *read > 0)?;
            let text = String::from_utf8(bytes.clone()).ok()?;
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                break (head.to_owned(), body.to_owned());
            }
        };
        let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let headers: Vec<_> = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
        while body.len() < length {
            let mut more = vec![0; length - body.len()];
            let read = stream.read(&mut more).await.ok().filter(|read| *read > 0)?;
            body.push_str(std::str::from_utf8(&more[..read]).ok()?);
        }
        let status = *self.status.lock().unwrap();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.ok()?;
        Some(Letter { headers, body })
    }
}

/// A folder with one secret, and a configuration that knows it.
fn keyed(store: StoreChoice) -> (TempDir, Config) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hook-key"), format!("{KEY}\n")).unwrap();
    let mut config = Config { store, ..config() };
    config.alerts.secrets = Some(PathBuf::from(folder.path()));
    (folder, config)
}

fn alerts(server: &Server) -> AlertServiceClient<Channel> {
    AlertServiceClient::new(server.channel.clone())
}

fn hook_receiver(name: &str, url: &str, secret: &str) -> Receiver {
    let target = Target::Webhook(Webhook { url: url.to_owned(), secret: secret.to_owned() });
    Receiver { name: name.to_owned(), target: Some(target) }
}

async fn put_route(server: &Server, name: &str, matches: Match, receivers: Vec<Receiver>) {
    let route = v1::NotificationRoute {
        name: format!("routes/{name}"),
        r#match: Some(matches),
        template: "{{service}} {{turn}}: {{summary}}".to_owned(),
        receivers,
        ..Default::default()
    };
    let request = v1::UpdateNotificationRouteRequest {
        notification_route: Some(route),
        allow_missing: true,
        ..Default::default()
    };
    alerts(server).update_notification_route(request).await.unwrap();
}

async fn pending(server: &Server) -> usize {
    alerts(server).list_alerts(v1::ListAlertsRequest {}).await.unwrap().into_inner().pending.len()
}

async fn pause(server: &Server, name: &str) {
    let request = v1::PauseRolloutRequest { name: name.to_owned(), actor: "ann".to_owned(), ..Default::default() };
    server.rollouts().pause_rollout(request).await.unwrap();
}

/// HMAC-SHA256 as RFC 2104 says it, for a key that is shorter than a block.
fn signed(key: &str, timestamp: &str, body: &str) -> String {
    let padded = |pad: u8| (0..64).map(|at| key.as_bytes().get(at).copied().unwrap_or(0) ^ pad).collect::<Vec<u8>>();
    let inner = Sha256::digest([padded(0x36), format!("{timestamp}.{body}").into_bytes()].concat());
    let outer = Sha256::digest([padded(0x5c), inner.to_vec()].concat());
    format!("v1={}", outer.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

#[tokio::test]
async fn a_decision_is_told_signed_and_taken_back_when_it_is_over() {
    let (_folder, config) = keyed(StoreChoice::Memory);
    let server = Server::with(config).await;
    let (hook, other) = (Hook::start("200 OK").await, Hook::start("200 OK").await);
    put_route(&server, "people", Match::default(), vec![hook_receiver("hook", &hook.url, "hook-key")]).await;
    let elsewhere = Match { services: vec!["another".to_owned()], ..Match::default() };
    put_route(&server, "others", elsewhere, vec![hook_receiver("hook", &other.url, "hook-key")]).await;
    let (_agents, _) = switched(&server, Span::ZERO).await;
    let rollout = baking(&server, "1.1.0").await;
    pause(&server, &rollout.name).await;
    until("the letter", || async { (!hook.letters().is_empty()).then_some(()) }).await;
    let letter = hook.letters()[0].clone();
    assert_eq!(letter.header("meridian-signature"), signed(KEY, letter.header("meridian-timestamp"), &letter.body));
    let said = letter.json();
    assert_eq!((&said["turn"], &said["alert"]["kind"]), (&"raised".into(), &"held".into()));
    assert!(said["text"].as_str().unwrap().starts_with("checkout raised: ann"), "{said}");
    let standing = alerts(&server).list_alerts(v1::ListAlertsRequest {}).await.unwrap().into_inner().standing;
    assert_eq!(
        standing.iter().map(|alert| alert.key.as_str()).collect::<Vec<_>>(),
        [said["alert"]["key"].as_str().unwrap()]
    );

    let resume = v1::ResumeRolloutRequest { name: rollout.name.clone(), actor: "ann".to_owned(), ..Default::default() };
    server.rollouts().resume_rollout(resume).await.unwrap();
    until("the end of it", || async { (hook.letters().len() == 2).then_some(()) }).await;
    let over = hook.letters()[1].json();
    assert_eq!((&over["turn"], &over["alert"]["key"]), (&"resolved".into(), &said["alert"]["key"]));
    until("an empty outbox", || async { (pending(&server).await == 0).then_some(()) }).await;
    assert_eq!((hook.letters().len(), other.letters().len()), (2, 0), "each once, and nobody else");
}

#[tokio::test]
async fn what_was_not_taken_is_told_by_the_next_server_under_the_same_name() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(MemoryLimits::default()));
    let (_folder, config) = keyed(StoreChoice::Given(store.clone()));
    let server = Server::with(config.clone()).await;
    let (down, up) = (Hook::start("503 Service Unavailable").await, Hook::start("200 OK").await);
    let receivers = vec![hook_receiver("down", &down.url, "hook-key"), hook_receiver("up", &up.url, "hook-key")];
    put_route(&server, "people", Match::default(), receivers).await;
    let (_agents, _) = switched(&server, Span::ZERO).await;
    let rollout = baking(&server, "1.1.0").await;
    pause(&server, &rollout.name).await;
    until("a second try", || async { (down.letters().len() > 1).then_some(()) }).await;
    assert_eq!(up.letters().len(), 1, "one that is down holds up nobody else");
    assert_eq!(pending(&server).await, 1);
    server.running.shutdown().await;

    down.answer("204 No Content");
    let tried = down.letters().len();
    let next = Server::with(config).await;
    until("an empty outbox", || async { (pending(&next).await == 0).then_some(()) }).await;
    let letters = down.letters();
    assert_eq!(letters.len(), tried + 1, "taken once");
    let names: std::collections::BTreeSet<&str> = letters.iter().map(|it| it.header("meridian-delivery")).collect();
    assert_eq!(names.len(), 1, "by which a receiver knows that it is the same: {names:?}");
    assert_eq!(up.letters().len(), 2, "at least once: the next server does not know that it was taken");
    assert_eq!(up.letters()[0].header("meridian-delivery"), up.letters()[1].header("meridian-delivery"));
}

#[tokio::test]
async fn a_test_tells_each_receiver_and_what_stands_in_the_way() {
    let (folder, config) = keyed(StoreChoice::Memory);
    let server = Server::with(config).await;
    let (good, bad) = (Hook::start("200 OK").await, Hook::start("403 Forbidden").await);
    std::fs::write(folder.path().join("chat"), &good.url).unwrap();
    let chat = Receiver { name: "chat".to_owned(), target: Some(Target::Slack(Slack { secret: "chat".to_owned() })) };
    let receivers = vec![
        hook_receiver("good", &good.url, "hook-key"),
        hook_receiver("bad", &bad.url, "hook-key"),
        hook_receiver("keyless", &good.url, "no-such-key"),
        chat,
    ];
    put_route(&server, "people", Match { severity: 2, ..Match::default() }, receivers).await;
    let request = v1::TestNotificationRouteRequest { name: "routes/people".to_owned() };
    let told = alerts(&server).test_notification_route(request).await.unwrap().into_inner().told;
    let told: Vec<(&str, &str)> = told.iter().map(|it| (it.receiver.as_str(), it.failure.as_str())).collect();
    let [("good", ""), ("bad", refused), ("keyless", keyless), ("chat", "")] = told[..] else { panic!("{told:?}") };
    assert!(refused.contains("403") && keyless.contains("no-such-key"), "{told:?}");
    assert!(!format!("{told:?}").contains(KEY));
    assert_eq!(good.letters().len(), 2);
    let turns: Vec<_> = good.letters().iter().map(|letter| letter.json()["turn"].clone()).collect();
    assert!(turns.contains(&"resolved".into()) && !turns.contains(&"raised".into()), "a test opens nothing");
    let missing = v1::TestNotificationRouteRequest { name: "routes/none".to_owned() };
    assert_eq!(alerts(&server).test_notification_route(missing).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn routes_are_kept_like_everything_else_and_checked_before() {
    let server = Server::plain().await;
    put_route(&server, "people", Match::default(), vec![hook_receiver("hook", "https://h/x", "key")]).await;
    let get = || v1::GetNotificationRouteRequest { name: "routes/people".to_owned() };
    let kept = alerts(&server).get_notification_route(get()).await.unwrap().into_inner().notification_route.unwrap();
    let mut stale = kept.clone();
    stale.template = "{{kind}}".to_owned();
    stale.etag = "1234567".to_owned();
    let update = |route: v1::NotificationRoute| v1::UpdateNotificationRouteRequest {
        notification_route: Some(route),
        ..Default::default()
    };
    let refused = alerts(&server).update_notification_route(update(stale)).await.unwrap_err();
    assert_eq!(why(&refused), (Code::Aborted, "STALE_ETAG".to_owned()));
    let mut wrong = kept.clone();
    wrong.template = "{{password}}".to_owned();
    let refused = alerts(&server).update_notification_route(update(wrong)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let list = v1::ListNotificationRoutesRequest::default();
    let listed = alerts(&server).list_notification_routes(list).await.unwrap().into_inner().notification_routes;
    assert_eq!(listed, std::slice::from_ref(&kept));
    let delete = v1::DeleteNotificationRouteRequest { name: kept.name, etag: kept.etag, request_id: String::new() };
    alerts(&server).delete_notification_route(delete).await.unwrap();
    assert_eq!(alerts(&server).get_notification_route(get()).await.unwrap_err().code(), Code::NotFound);
}
