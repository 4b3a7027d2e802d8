//! The proxy driver against the real `meridian-proxy`.

use std::time::Duration;

use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::slot::{Slot, Slots};
use meridian_core::weight::Split;

use super::*;
use crate::conformance::backend::Backend;
use crate::conformance::clients::{Answer, EntranceClient};
use crate::conformance::traffic::{TrafficBed, suite};
use crate::conformance::{Sweep, eventually, free_address, kill_hard, marked_process, program as built};
use crate::traffic::Origin;

struct Bed {
    // Before the folder: it reads the marks there.
    _sweep: Sweep,
    folder: tempfile::TempDir,
    entrance: SocketAddr,
    client: EntranceClient,
}

impl Bed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let entrance = free_address();
        let sweep = Sweep(vec![folder.path().join("process.json")]);
        Self { folder, entrance, client: EntranceClient::new(entrance), _sweep: sweep }
    }

    async fn proxy(&self) -> ProxyTraffic {
        let mut config = ProxyConfig::new(self.folder.path(), self.entrance);
        config.binary = Some(built("meridian-proxy"));
        ProxyTraffic::open(config).await.unwrap()
    }
}

impl TrafficBed for Bed {
    fn open(&self) -> BoxFuture<'_, Box<dyn TrafficDriver>> {
        Box::pin(async { Box::new(self.proxy().await) as Box<dyn TrafficDriver> })
    }

    fn process(&self) -> Option<Identity> {
        marked_process(&self.folder.path().join("process.json"))
    }

    fn ask<'a>(&'a self, headers: &'a [(&'a str, &'a str)]) -> BoxFuture<'a, Option<Answer>> {
        Box::pin(async { Some(self.client.ask(headers).await.unwrap()) })
    }

    fn ask_plain(&self) -> BoxFuture<'_, Slot> {
        Box::pin(async {
            let answer = self.client.ask(&[]).await.unwrap();
            answer.slot.unwrap_or_else(|| panic!("made on the way: {answer:?}"))
        })
    }

    fn takes_new_targets(&self) -> bool {
        true
    }

    fn slack(&self) -> Duration {
        Duration::ZERO
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_the_promises_of_a_traffic_driver() {
    suite(&Bed::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_ends_comes_back_with_the_last_route() {
    let (bed, blue) = (Bed::new(), Backend::start(Slot::Blue).await);
    let driver = bed.proxy().await;
    let route = Route {
        epoch: Epoch::new(1, 1),
        origin: Origin::Goal,
        hash: Digest::of(b"goal"),
        split: Split::all(Slot::Blue),
        cohort: None,
        sticky: None,
        targets: Slots { blue: Some(blue.address), green: None },
    };
    driver.route(&route).await.unwrap();
    let (process, counters) = (bed.process().unwrap(), driver.counters().await.unwrap());
    kill_hard(&process);
    eventually("the proxy serves again", async || bed.client.ask(&[]).await.ok()?.slot).await;
    assert_ne!(bed.process(), Some(process));
    assert_eq!(driver.look().await.unwrap(), Some(RouteSeen::of(&route)));
    assert_ne!(driver.counters().await.unwrap().start_id, counters.start_id);
    driver.retire().await.unwrap();
}

#[tokio::test]
async fn a_proxy_that_is_not_there_to_start_is_a_permanent_trouble() {
    let bed = Bed::new();
    let mut config = ProxyConfig::new(bed.folder.path(), bed.entrance);
    config.binary = Some(bed.folder.path().join("nothing"));
    let error = ProxyTraffic::open(config).await.unwrap_err();
    assert_eq!((error.code(), error.is_permanent()), (code::TRAFFIC_UNREACHABLE, true), "{error}");
}
