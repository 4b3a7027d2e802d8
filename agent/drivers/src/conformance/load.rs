//! Switches while clients never stop asking: nobody fails, and after an acknowledgement nobody starts on the old slot.
//! It measures and judges; it does not know how a data plane switches.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use meridian_core::slot::Slot;
use meridian_core::weight::Split;

use super::traffic::{Told, TrafficBed};
use crate::traffic::TrafficDriver;

const CLIENTS: usize = 4;
const SWITCHES: usize = 40;
/// Each route is in effect at least this long, so that every client meets it.
const STAY: Duration = Duration::from_millis(15);

/// One request: when it started, when it was answered, and by which slot.
struct Asked {
    start: Instant,
    end: Instant,
    slot: Slot,
}

/// A slot was the only one from its acknowledgement to the next order.
struct Reign {
    slot: Slot,
    from: Instant,
    to: Instant,
}

/// Runs the load and the switches, then compares.
pub(super) async fn switches_under_load(bed: &dyn TrafficBed, driver: &dyn TrafficDriver, told: &mut Told) {
    let (is_over, asked) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let client = async || {
        while !is_over.load(Ordering::Relaxed) {
            let start = Instant::now();
            // Panics unless a slot answered with 200.
            let slot = bed.ask_plain().await;
            let end = Instant::now();
            asked.lock().expect("nobody panics while holding it").push(Asked { start, end, slot });
            tokio::task::yield_now().await;
        }
    };
    let switching = async {
        let reigns = switch(driver, told).await;
        is_over.store(true, Ordering::Relaxed);
        reigns
    };
    let (reigns, _) = tokio::join!(switching, join_all((0..CLIENTS).map(|_| client())));
    let asked = asked.into_inner().expect("nobody panics while holding it");
    let mut judged = 0;
    for Reign { slot, from, to } in &reigns {
        // Answered before the next order too: what is under way then may meet either.
        let settled = *from + bed.slack();
        for request in asked.iter().filter(|request| request.start > settled && request.end < *to) {
            let late = request.start - *from;
            assert_eq!(request.slot, *slot, "a request started on the old slot {late:?} after the acknowledgement");
            judged += 1;
        }
    }
    assert!(judged > SWITCHES, "{judged} requests in {SWITCHES} switches prove nothing");
}

async fn switch(driver: &dyn TrafficDriver, told: &mut Told) -> Vec<Reign> {
    let mut reigns = Vec::new();
    let mut slot = Slot::Green;
    for _ in 0..SWITCHES {
        let route = told.next(Split::all(slot));
        driver.route(&route).await.expect("a switch is taken");
        let from = Instant::now();
        tokio::time::sleep(STAY).await; // tidy: paced
        reigns.push(Reign { slot, from, to: Instant::now() });
        slot = slot.other();
    }
    reigns
}
