//! Measuring: how soon a verdict is told, what evidence is about, and what is never made up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::evidence::{Check, StepRef};
use meridian_core::id::RolloutId;
use meridian_core::observation::DoneMark;
use meridian_core::playbook::{Load, LoadRequest, Method};
use meridian_core::time::Span;
use meridian_core::weight::Weight;
use meridian_drivers::fake::{Call, FakeWorld, Fault};
use meridian_drivers::{DriverError, code};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::*;

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(20);
/// Quicker than in production, where nobody waits for a test.
const QUICK: Cadence =
    Cadence { sample: Duration::from_millis(10), probe: Duration::from_millis(20), ask: Duration::from_millis(20) };

struct Bench {
    world: FakeWorld,
    board: Arc<Board>,
    orders: watch::Sender<Option<Order>>,
    breached: watch::Receiver<Option<Breach>>,
    service: ServiceId,
    measurer: JoinHandle<()>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.measurer.abort();
    }
}

impl Bench {
    fn new() -> Self {
        let (world, board, service) = (FakeWorld::new(), Arc::new(Board::default()), ServiceId::new("shop").unwrap());
        let (orders, ordered) = watch::channel(None);
        let (breaches, breached) = watch::channel(None);
        let measurer = Measurer {
            service: service.clone(),
            workload: Arc::new(world.workload()),
            traffic: Arc::new(world.traffic()),
            asker: Arc::new(Asker::new(meridian_outbound::Trust::System)),
            orders: ordered,
            cadence: QUICK,
            board: Arc::clone(&board),
            breaches,
            metrics: Arc::new(Metrics::default()),
        };
        let measurer = tokio::spawn(measurer.run());
        Self { world, board, orders, breached, service, measurer }
    }

    /// The step of an epoch takes effect now.
    fn order(&self, counter: u64) -> Pin {
        self.order_under(counter, None)
    }

    /// The same under load.
    fn order_under(&self, counter: u64, load: Option<LoadOrder>) -> Pin {
        let max = Weight::from_basis_points(500).unwrap();
        let check = Check { name: "errors".to_owned(), measure: Measure::ErrorRatio { max }, sample_min: 50 };
        let policy =
            EvidencePolicy { checks: vec![check], window: Span::from_millis(500), extend_max: Span::from_secs(60) };
        let pin = Pin {
            rollout: RolloutId::new("r").unwrap(),
            step: StepRef { wave: 0, step: 0 },
            digest: Digest::of(b"x"),
            epoch: Epoch::new(1, counter),
        };
        self.confirm(counter);
        let order = Order {
            pin: pin.clone(),
            slot: Slot::Green,
            policy,
            subject: None,
            load,
            cohort: None,
            since: Instant::now(),
        };
        self.orders.send_replace(Some(order));
        pin
    }

    fn confirm(&self, counter: u64) {
        let (epoch, hash) = (Epoch::new(1, counter), Digest::of(b"goal"));
        self.board.post(&self.service, Urgency::Regular, |observed| observed.done = Some(DoneMark { epoch, hash }));
    }

    fn evidence(&self) -> Option<Evidence> {
        self.board.take_all().remove(&self.service)?.evidence
    }

    async fn until(&self, what: &str, holds: impl Fn(&Evidence) -> bool) -> Evidence {
        let found = async {
            loop {
                if let Some(evidence) = self.evidence().filter(|evidence| holds(evidence)) {
                    return evidence;
                }
                sleep(Duration::from_millis(1)).await; // tidy: paced
            }
        };
        timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("never: {what}; last: {:?}", self.evidence()))
    }

    async fn news(&self) -> Evidence {
        timeout(PATIENCE, self.board.news()).await.expect("never told");
        self.evidence().unwrap()
    }

    fn is_news(&self) -> bool {
        futures::FutureExt::now_or_never(self.board.news()).is_some()
    }
}

#[test]
fn a_breach_is_told_within_a_quarter_of_a_second() {
    // Told with the sample that shows it; see the test below.
    assert!(Cadence::default().sample <= Duration::from_millis(250));
}

#[tokio::test]
async fn a_verdict_is_told_with_the_sample_that_turns_it_and_not_again() {
    let bench = Bench::new();
    let pin = bench.order(1);
    let first = bench.until("evidence", |_| true).await;
    assert_eq!((&first.pin, first.requests, first.errors), (&pin, 0, 0));
    assert!(!bench.is_news(), "undecided is no news");

    bench.world.count(Slot::Green, 100, 0);
    let good = bench.news().await;
    assert_eq!((good.requests, good.errors), (100, 0));
    bench.world.count(Slot::Green, 10, 0);
    bench.until("more", |evidence| evidence.requests == 110).await;
    assert!(!bench.is_news(), "a pass that stays is no news");
    bench.world.count(Slot::Green, 10, 100);
    let bad = bench.news().await;
    assert_eq!(bad.errors, 100);
    let breach = bench.breached.borrow().clone().expect("a fail is told to the lane");
    assert_eq!((breach.epoch, breach.verdict.outcome), (pin.epoch, Outcome::Fail));
    // The breach slides out of the window, and with it everything that was counted.
    let after = bench.news().await;
    assert!(after.errors == 0 && after.from > bad.from, "{after:?}");
    assert_eq!(*bench.breached.borrow(), None, "a breach ends with the first verdict that is none");
    assert!(after.to.millis() - after.from.millis() <= 500, "{after:?}");
}

#[tokio::test]
async fn nothing_is_made_up_when_the_data_plane_is_silent_or_new() {
    let bench = Bench::new();
    bench.order(1);
    bench.until("evidence", |_| true).await;
    bench.world.count(Slot::Green, 100, 0);
    bench.until("requests", |evidence| evidence.requests == 100).await;
    bench.world.fail_next(Call::Counters, Fault::Hang);
    for _ in 0..5 {
        let silent = DriverError::passing(code::TRAFFIC_UNREACHABLE, "silent");
        bench.world.fail_next(Call::Counters, Fault::Fail(silent));
    }
    let old = bench.evidence().unwrap().to;
    bench.world.count(Slot::Green, 1, 0);
    let after = bench.until("an answer", |evidence| evidence.to > old.plus(Span::from_millis(60))).await;
    assert!(after.to > old.plus(Span::from_secs(1)), "what was silent for a second is a second older: {after:?}");

    bench.world.restart_data_plane();
    bench.world.count(Slot::Green, 7, 0);
    let anew = bench.until("a new life", |evidence| evidence.from > after.to).await;
    assert!(anew.requests <= 7, "{anew:?}");
}

#[tokio::test]
async fn evidence_ends_with_its_step() {
    let bench = Bench::new();
    bench.order(1);
    let old = bench.until("evidence", |_| true).await;
    assert_eq!(old.pin.epoch, Epoch::new(1, 1));
    // The next goal is confirmed before the measurer hears of it: what it still measures is not told.
    bench.confirm(2);
    bench.board.post(&bench.service, Urgency::Regular, |observed| observed.evidence = None);
    let pin = bench.order(2);
    let new = bench.until("evidence", |_| true).await;
    assert_eq!(new.pin, pin);
}

/// Answers every request well, and tells how many connections are open.
async fn entrance(open: Arc<AtomicUsize>) -> std::net::SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            open.fetch_add(1, Ordering::SeqCst);
            let open = Arc::clone(&open);
            tokio::spawn(async move {
                let mut request = [0; 1024];
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                    if stream.write_all(answer).await.is_err() {
                        break;
                    }
                }
                open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    address
}

#[tokio::test]
async fn a_load_is_driven_for_as_long_as_its_order_stands() {
    let (bench, open) = (Bench::new(), Arc::new(AtomicUsize::new(0)));
    bench.world.enter_at(entrance(Arc::clone(&open)).await);
    let request = LoadRequest {
        method: Method::Get,
        path: "/".to_owned(),
        headers: BTreeMap::new(),
        body: String::new(),
        weight: 1,
    };
    let (ramp, timeout) = (Span::ZERO, Span::from_secs(10));
    let load = Load { rate: 500, ramp, requests: vec![request], connections: 4, timeout };
    bench.order_under(1, Some(LoadOrder { load, lasts: Span::from_secs(600) }));
    let answered = |evidence: &Evidence| evidence.load.as_ref().is_some_and(|load| load.answered >= 50);
    let load = bench.until("answers to the load", answered).await.load.unwrap();
    assert_eq!((load.failed(), load.not_sent), (0, 0), "{load:?}");
    assert!(load.latency.count() >= 50 && load.slowest > 0, "{load:?}");
    assert!(open.load(Ordering::SeqCst) > 0);
    // The step was left: another one is measured, without load.
    bench.order(2);
    let without = bench.until("the other step", |evidence| evidence.pin.epoch == Epoch::new(1, 2)).await;
    assert_eq!(without.load, None);
    let ended = async {
        while open.load(Ordering::SeqCst) > 0 {
            sleep(Duration::from_millis(1)).await; // tidy: paced
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("its connections are closed");
}

#[tokio::test]
async fn probes_tell_an_answer_from_silence() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = axum::Router::new()
        .route("/good", axum::routing::get(async || "fine"))
        .route("/bad", axum::routing::get(async || axum::http::StatusCode::INTERNAL_SERVER_ERROR));
    let serving = tokio::spawn(async move { axum::serve(listener, routes).await });
    let table = [("/good", true), ("/bad", false), ("/none", false), ("not a path", false)];
    for (path, answered) in table {
        assert_eq!(probe::is_answered(address, path).await, answered, "{path}");
    }
    serving.abort();
    let _ = serving.await;
    assert!(!probe::is_answered(address, "/good").await, "nobody is there");
}
