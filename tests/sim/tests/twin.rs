//! The simulated etcd held to a real one: the store's own suite on it, and random requests to both, whose answers have to
//! be the same to the last revision.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it shows")]

#[allow(dead_code, reason = "misbehaving is for the simulation")]
#[path = "../seed/etcd/mod.rs"]
mod etcd;
#[allow(dead_code, reason = "so is telling")]
#[path = "../seed/story.rs"]
mod story;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use etcd_server::{
    Client, Compare, CompareOp, DeleteOptions, Error, GetOptions, LeaseGrantOptions, PutOptions, Txn, TxnOp,
    WatchOptions,
};
use meridian_store::conformance::{self, Fixture};
use meridian_store::etcd::testing::EtcdProcess;
use meridian_store::etcd::{EtcdOptions, EtcdStore};
use meridian_store::{Revision, Store as _};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;

/// Requests in one history.
const REQUESTS: usize = 250;
/// Histories.
const HISTORIES: u64 = 4;
/// Between two moments of the simulated etcd.
const PULSE: Duration = Duration::from_millis(20);
/// What comes, comes in this time.
const SOON: Duration = Duration::from_secs(2);

/// An etcd in memory on a real socket; ends with the runtime.
async fn fake() -> String {
    let story = story::Story::new(false);
    let etcd = etcd::Etcd::new(0, story.clone(), Box::new(|_| {}));
    let (began, leases) = (Instant::now(), etcd.clone());
    tokio::spawn(async move {
        let time = async {
            loop {
                story.tick(began.elapsed());
                tokio::time::sleep(PULSE).await; // tidy: paced
            }
        };
        tokio::join!(time, leases.end_expired())
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tonic::transport::Server::builder().add_routes(etcd.routes());
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_keeps_its_promises_on_it() {
    let endpoint = fake().await;
    let made = AtomicUsize::new(0);
    conformance::run_all(|| {
        let mut options = EtcdOptions::new([endpoint.clone()]);
        options.prefix = format!("/case{}", made.fetch_add(1, Ordering::Relaxed));
        Box::pin(async move {
            let store = EtcdStore::connect(options).await.unwrap();
            // Forgets nothing, but puts the reserve in its place: from here on only the case itself moves the head.
            store.compact(Revision::ZERO).await.unwrap();
            Fixture::new(store)
        })
    })
    .await;
    assert_eq!(made.into_inner(), conformance::CASES.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_answers_like_a_real_one() {
    for history in 0..HISTORIES {
        let real = EtcdProcess::start().await.unwrap_or_else(|error| panic!("{error}"));
        let mut real_client = Client::connect([real.endpoint()], None).await.unwrap();
        let mut fake_client = Client::connect([fake().await], None).await.unwrap();
        let mut rng = StdRng::seed_from_u64(history);
        for number in 0..REQUESTS {
            let request = Request::draw(&mut rng);
            let wanted = request.send(&mut real_client).await;
            let got = request.send(&mut fake_client).await;
            assert_eq!(got, wanted, "history {history}, request {number}: {request:?}");
        }
        let from = rng.random_range(1..40);
        let wanted = watched(&mut real_client, from).await;
        assert_eq!(watched(&mut fake_client, from).await, wanted, "history {history}, from {from}");
    }
}

/// One request.
#[derive(Clone, Debug)]
enum Request {
    Get { key: u8, to: Option<u8>, limit: i64, at: i64, keys_only: bool },
    Txn { compares: Vec<Condition>, puts: Vec<(u8, i64)>, deletes: Vec<(u8, u8)>, reads: Vec<u8> },
    Compact(i64),
    Grant { id: i64, ttl: i64 },
    Revoke(i64),
}

/// One compare: on what, how, and with which number.
#[derive(Clone, Copy, Debug)]
struct Condition {
    key: u8,
    target: u8,
    op: CompareOp,
    number: i64,
}

impl Request {
    fn draw(rng: &mut StdRng) -> Self {
        let key = |rng: &mut StdRng| rng.random_range(b'a'..b'g');
        match rng.random_range(0..20) {
            0..=4 => {
                let from = key(rng);
                let to = (rng.random_range(0..2) == 0).then(|| rng.random_range(from..b'h'));
                let at = if rng.random_range(0..3) == 0 { rng.random_range(0..60) } else { 0 };
                Self::Get { key: from, to, limit: rng.random_range(0..4), at, keys_only: rng.random_range(0..3) == 0 }
            }
            5 => Self::Compact(rng.random_range(0..30)),
            6 => Self::Grant { id: rng.random_range(1..4), ttl: rng.random_range(100..200) },
            7 => Self::Revoke(rng.random_range(1..4)),
            _ => {
                let ops = [CompareOp::Equal, CompareOp::Greater, CompareOp::Less, CompareOp::NotEqual];
                let condition = |rng: &mut StdRng| Condition {
                    key: rng.random_range(b'a'..b'g'),
                    target: rng.random_range(0..4),
                    op: ops[rng.random_range(0..ops.len())],
                    number: rng.random_range(0..30),
                };
                let compares = (0..rng.random_range(0..3)).map(|_| condition(rng)).collect();
                // The same key may be drawn twice: that is refused.
                let lease = |rng: &mut StdRng| if rng.random_range(0..4) == 0 { rng.random_range(1..4) } else { 0 };
                let puts = (0..rng.random_range(0..4)).map(|_| (rng.random_range(b'a'..b'd'), lease(rng))).collect();
                let ranges = (0..rng.random_range(0..2)).map(|_| (b'd', rng.random_range(b'd'..b'h'))).collect();
                let reads = (0..rng.random_range(0..3)).map(|_| key(rng)).collect();
                Self::Txn { compares, puts, deletes: ranges, reads }
            }
        }
    }

    /// Sends it and tells the answer in full.
    async fn send(&self, client: &mut Client) -> Result<String, String> {
        match self {
            Self::Get { key, to, limit, at, keys_only } => {
                let mut options = GetOptions::new().with_limit(*limit).with_revision(*at);
                if let Some(to) = to {
                    options = options.with_range(vec![*to]);
                }
                if *keys_only {
                    options = options.with_keys_only();
                }
                client.get(vec![*key], Some(options)).await.map(|answer| told(&answer.0)).map_err(words)
            }
            Self::Txn { compares, puts, deletes, reads } => {
                let txn = transaction(compares, puts, deletes, reads);
                client.txn(txn).await.map(|answer| told(&answer.0)).map_err(words)
            }
            Self::Compact(at) => client.compact(*at, None).await.map(|answer| told(&answer.0)).map_err(words),
            Self::Grant { id, ttl } => {
                let options = LeaseGrantOptions::new().with_id(*id);
                let answer = client.lease_grant(*ttl, Some(options)).await.map_err(words)?;
                Ok(format!("{} {}", answer.id(), answer.ttl()))
            }
            Self::Revoke(id) => client.lease_revoke(*id).await.map(|_| String::new()).map_err(words),
        }
    }
}

fn transaction(compares: &[Condition], puts: &[(u8, i64)], deletes: &[(u8, u8)], reads: &[u8]) -> Txn {
    let compare = |one: &Condition| {
        let key = vec![one.key];
        match one.target {
            0 => Compare::version(key, one.op, one.number),
            1 => Compare::create_revision(key, one.op, one.number),
            2 => Compare::mod_revision(key, one.op, one.number),
            _ => Compare::value(key, one.op, format!("{}", one.number)),
        }
    };
    let mut writes = Vec::new();
    for (position, (key, lease)) in puts.iter().enumerate() {
        let options = PutOptions::new().with_lease(*lease);
        writes.push(TxnOp::put(vec![*key], format!("{position}"), Some(options)));
    }
    for (key, end) in deletes {
        writes.push(TxnOp::delete(vec![*key], Some(DeleteOptions::new().with_range(vec![*end]))));
    }
    let reads: Vec<TxnOp> = reads.iter().map(|key| TxnOp::get(vec![*key], None)).collect();
    writes.extend(reads.clone());
    Txn::new().when(compares.iter().map(compare).collect::<Vec<_>>()).and_then(writes).or_else(reads)
}

/// An answer in full, but for what names the cluster.
fn told(answer: &impl std::fmt::Debug) -> String {
    let text = format!("{answer:?}");
    let mut parts = text.split("cluster_id: ");
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // Of the header only the revision is the same everywhere.
        let revision = part.split("revision: ").nth(1).and_then(|rest| rest.split(',').next()).unwrap_or_default();
        let rest = part.split_once('}').map_or("", |(_, rest)| rest);
        told.push_str(&format!("revision {revision} }}{rest}"));
    }
    told
}

fn words(error: Error) -> String {
    match error {
        Error::GRpcStatus(status) => format!("{:?}: {}", status.code(), status.message()),
        other => other.to_string(),
    }
}

/// Everything that a watch of all keys yields from a revision on, up to the head.
async fn watched(client: &mut Client, from: i64) -> Vec<String> {
    let head = client.get("a", None).await.unwrap().header().unwrap().revision();
    let options = WatchOptions::new().with_range("z").with_start_revision(from);
    let mut stream = client.watch("a", Some(options)).await.unwrap();
    let mut seen = Vec::new();
    let mut last = 0;
    // The newest change of these keys may be older than the head.
    client.put("z-not-watched", "", None).await.unwrap();
    while last < head {
        let Ok(message) = tokio::time::timeout(SOON, stream.message()).await else {
            break;
        };
        let response = message.unwrap().unwrap();
        if response.canceled() {
            seen.push(format!("compacted at {}", response.compact_revision()));
            break;
        }
        for event in response.events() {
            let kv = event.kv().unwrap();
            last = kv.mod_revision();
            seen.push(format!("{:?} {kv:?}", event.event_type()));
        }
    }
    seen
}
