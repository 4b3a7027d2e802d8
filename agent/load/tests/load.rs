//! The generator against real servers, good ones and bad ones. It knows only the public interface.
#![allow(clippy::unwrap_used)]

mod origin;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use meridian_load::{FailureReason, Load, MadeBySlot, Options, Snapshot};
use origin::{GOOD, Origin, good, request, write};

const PATIENCE: Duration = Duration::from_secs(20);

fn options(origin: &Origin) -> Options {
    Options { rate_per_second: 200.0, connections: 4, ..Options::new(origin.address) }
}

fn settled(totals: &Snapshot) {
    let unanswered = totals.failed_by_switch - totals.failed(FailureReason::NotMadeBySlot);
    assert_eq!(totals.due, totals.answered + unanswered, "{totals}");
    assert!(totals.answered <= totals.sent && totals.sent <= totals.due, "{totals}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn two_thousand_a_second_are_made_and_counted() {
    let count = AtomicU64::new(0);
    let origin = Origin::http(move |_| {
        let green = count.fetch_add(1, Ordering::Relaxed).is_multiple_of(4);
        async move { if green { good("1.1.0", "green") } else { good("1.0.0", "blue") } }
    })
    .await;
    let base = Instant::now();
    let load = Load::start(Options {
        rate_per_second: 2_000.0,
        connections: 32,
        record: true,
        base,
        ..Options::new(origin.address)
    })
    .unwrap();
    load.wait_until(|seen| seen.answered >= 3_000, PATIENCE).await.unwrap();
    let report = load.stop().await;
    let totals = &report.totals;
    settled(totals);
    assert_eq!(totals.failed_by_switch, 0, "{totals}");
    // Open loop: what is due depends on the clock alone.
    let by_the_clock = totals.elapsed.as_secs_f64() * 2_000.0;
    let due = totals.due as f64;
    assert!(due <= by_the_clock + 1.0 && due >= by_the_clock * 0.5, "{totals}");
    assert_eq!(totals.version("1.0.0") + totals.version("1.1.0"), totals.answered);
    assert_eq!(totals.slot("green"), totals.answered.div_ceil(4));
    assert_eq!((totals.class(2), totals.class(5)), (totals.answered, 0));
    assert_eq!((totals.latency.count(), totals.service_time.count()), (totals.answered, totals.answered));
    assert!(totals.connects <= 32, "{totals}");

    assert_eq!(report.recording.len() as u64, totals.due);
    let end = base.elapsed().as_micros() as u64;
    for sample in report.recording.iter() {
        assert!(sample.start_micros <= sample.end_micros && sample.end_micros <= end);
        assert_eq!(sample.version == Some("1.1.0"), sample.slot == Some("green"));
        assert_eq!(sample.status, Some(200));
    }
}

#[tokio::test]
async fn an_error_made_by_a_slot_is_an_answer() {
    let origin = Origin::http(|_| async {
        let mut answer = good("1.2.0", "green");
        *answer.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
        answer
    })
    .await;
    let load = Load::start(options(&origin)).unwrap();
    load.wait_until(|seen| seen.class(5) >= 20, PATIENCE).await.unwrap();
    let totals = load.stop().await.totals;
    settled(&totals);
    assert_eq!((totals.failed_by_switch, totals.by_status[&500]), (0, totals.answered));
}

#[tokio::test]
async fn an_answer_of_the_proxy_is_a_failure() {
    let bad_gateway = || {
        let answer = Response::builder().status(502).header("x-meridian-proxy-error", "no_target");
        answer.body(Full::<Bytes>::default()).unwrap()
    };
    let origin = Origin::http(move |_| async move { bad_gateway() }).await;
    let load = Load::start(options(&origin)).unwrap();
    load.wait_until(|seen| seen.failed_by_switch >= 20, PATIENCE).await.unwrap();
    let totals = load.stop().await.totals;
    settled(&totals);
    assert_eq!(totals.failed(FailureReason::NotMadeBySlot), totals.answered);
    let failures = &totals.failures[&FailureReason::NotMadeBySlot];
    assert_eq!(failures.examples.len(), 5);
    assert_eq!(failures.examples[0].detail, "status 502, x-meridian-proxy-error: no_target");
    assert!(totals.to_string().contains("not-made-by-slot"), "{totals}");

    let anything = MadeBySlot::Judge(Arc::new(|head| head.status == 502));
    let load = Load::start(Options { made_by_slot: anything, ..options(&origin) }).unwrap();
    load.wait_until(|seen| seen.answered >= 20, PATIENCE).await.unwrap();
    assert_eq!(load.stop().await.totals.failed_by_switch, 0);
}

#[tokio::test]
async fn a_refused_connection_is_a_failure_each_time() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let load = Load::start(Options::new(closed)).unwrap();
    load.wait_until(|seen| seen.failed(FailureReason::Refused) >= 10, PATIENCE).await.unwrap();
    let totals = load.stop().await.totals;
    settled(&totals);
    assert_eq!((totals.failed_by_switch, totals.sent, totals.connects), (totals.due, 0, 0));
}

#[tokio::test]
async fn an_idle_connection_may_be_closed() {
    // Each connection answers once, promises to stay, and goes.
    let origin = Origin::raw(|mut stream| async move {
        if request(&mut stream).await {
            write(&mut stream, GOOD).await;
        }
    })
    .await;
    let load = Load::start(options(&origin)).unwrap();
    load.wait_until(|seen| seen.answered >= 100, PATIENCE).await.unwrap();
    let totals = load.stop().await.totals;
    settled(&totals);
    assert_eq!(totals.failed_by_switch, 0, "{totals}");
    assert_eq!(totals.connects, totals.answered);
}

#[tokio::test]
async fn a_close_in_place_of_an_answer_is_a_failure() {
    // The first request of a connection is answered; the second is read and the connection closed.
    let origin = Origin::raw(|mut stream| async move {
        if request(&mut stream).await {
            write(&mut stream, GOOD).await;
            request(&mut stream).await;
        }
    })
    .await;
    let load = Load::start(Options { connections: 1, ..options(&origin) }).unwrap();
    load.wait_until(|seen| seen.failed(FailureReason::Closed) >= 10, PATIENCE).await.unwrap();
    let totals = load.stop().await.totals;
    settled(&totals);
    assert_eq!(totals.failed(FailureReason::Closed), totals.failed_by_switch, "{totals}");
    assert!(totals.answered.abs_diff(totals.failed_by_switch) <= 1, "{totals}");
    assert_eq!(totals.sent, totals.due);
}

#[tokio::test]
async fn a_broken_answer_is_a_failure() {
    for (text, reason) in [
        ("HTTP/1.1 200 OK\r\nx-skyoptima-version: 1\r\ncontent-length: 9\r\n\r\nfine", FailureReason::Reset),
        ("220 mail.example ESMTP\r\n\r\n", FailureReason::Malformed),
    ] {
        let origin = Origin::raw(move |mut stream| async move {
            if request(&mut stream).await {
                write(&mut stream, text).await;
            }
        })
        .await;
        let load = Load::start(options(&origin)).unwrap();
        load.wait_until(|seen| seen.failed(reason) >= 5, PATIENCE).await.unwrap();
        let totals = load.stop().await.totals;
        settled(&totals);
        assert_eq!((totals.answered, totals.failed(reason)), (0, totals.failed_by_switch), "{totals}");
    }
}

#[tokio::test]
async fn a_hanging_server_times_every_request_out() {
    let origin = Origin::http(|_| std::future::pending()).await;
    let timeout = Duration::from_millis(150);
    let load = Load::start(Options { timeout, connections: 1, rate_per_second: 2_000.0, ..options(&origin) }).unwrap();
    load.wait_until(|seen| seen.failed(FailureReason::TimedOut) >= 4, PATIENCE).await.unwrap();
    let stopping = Instant::now();
    let totals = load.stop().await.totals;
    assert!(stopping.elapsed() < PATIENCE);
    settled(&totals);
    assert_eq!(totals.answered, 0);
    // One connection cannot take 2 000 requests a second that hang: some never leave, and that shows.
    assert!(totals.failed(FailureReason::NotSent) > 0, "{totals}");
    assert_eq!(totals.failed(FailureReason::TimedOut), totals.sent);
    let example = &totals.failures[&FailureReason::TimedOut].examples[0];
    assert!(example.end_micros > example.start_micros);
}

#[tokio::test]
async fn a_stall_is_felt_by_the_requests_that_waited_for_it() {
    // One connection; its 20th answer takes 400 ms. At 200 requests a second 80 become due meanwhile: a closed loop
    // would report one slow request, this must report many.
    let count = AtomicU64::new(0);
    let origin = Origin::http(move |_| {
        let stalls = count.fetch_add(1, Ordering::Relaxed) == 20;
        async move {
            if stalls {
                tokio::time::sleep(Duration::from_millis(400)).await; // tidy: paced
            }
            good("1.0.0", "blue")
        }
    })
    .await;
    let load = Load::start(Options { connections: 1, ..options(&origin) }).unwrap();
    load.wait_until(|seen| seen.answered >= 130, PATIENCE).await.unwrap();
    let totals = load.stop().await.totals;
    settled(&totals);
    assert_eq!(totals.failed_by_switch, 0);
    assert!(totals.latency.quantile(0.75) >= Duration::from_millis(50), "{totals}");
    assert!(totals.service_time.quantile(0.75) < totals.latency.quantile(0.75), "{totals}");
    assert!(totals.latency.max() >= Duration::from_millis(399));
}

#[tokio::test]
async fn a_stop_waits_for_what_is_in_flight() {
    let origin = Origin::http(|_| async {
        tokio::time::sleep(Duration::from_millis(300)).await; // tidy: paced
        good("1.0.0", "blue")
    })
    .await;
    let load = Load::start(Options { connections: 64, ..options(&origin) }).unwrap();
    let seen = load.wait_until(|seen| seen.sent >= 10, PATIENCE).await.unwrap();
    let totals = load.stop().await.totals;
    settled(&totals);
    assert!(totals.due >= seen.sent);
    assert_eq!((totals.answered, totals.failed_by_switch), (totals.due, 0));
}

#[tokio::test]
async fn waiting_has_an_end_and_says_what_it_saw() {
    let origin = Origin::http(|_| async { good("1.0.0", "blue") }).await;
    let load = Load::start(options(&origin)).unwrap();
    load.wait_until(|seen| seen.answered > 0, PATIENCE).await.unwrap();
    let error = load.wait_until(|seen| seen.slot("green") > 0, Duration::from_millis(50)).await.unwrap_err();
    assert!(error.last.slot("blue") > 0);
    assert!(error.to_string().contains("slot blue"), "{error}");
    drop(load);
    assert!(Load::start(Options { rate_per_second: 0.0, ..options(&origin) }).is_err());
}

#[tokio::test]
#[should_panic(expected = "the judge's own")]
async fn a_panicking_judge_is_heard() {
    let origin = Origin::http(|_| async { good("1.0.0", "blue") }).await;
    let judge = MadeBySlot::Judge(Arc::new(|_| panic!("the judge's own")));
    let load = Load::start(Options { made_by_slot: judge, ..options(&origin) }).unwrap();
    load.wait_until(|seen| seen.sent > 0, PATIENCE).await.unwrap();
    load.stop().await;
}
