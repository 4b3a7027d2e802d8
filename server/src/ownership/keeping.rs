//! One lease after the other: granted, kept, and when it is gone a new one. The deadline by which this replica stops is
//! counted from when a keepalive was *sent*, on its own monotonic clock: an answer that comes late proves nothing about
//! the time since.

use std::time::Duration;

use meridian_store::{Keeping, LeaseId, Leased};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{MARGIN, Ownership, TTL, round};

/// Keepalives in the time of a lease: two may be lost.
const KEEPALIVES: u32 = 3;
/// Between two tries to get a lease, at most.
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// How long the end of a lease may take; it ends by itself otherwise.
const REVOKE_MAX: Duration = Duration::from_millis(500);

/// Holds leases until `shutdown`.
pub(super) async fn run(ownership: &Ownership, shutdown: &CancellationToken) {
    loop {
        let life = async {
            match begin(ownership).await {
                Some(leased) => live(ownership, leased).await,
                None => sleep(rand::random_range(PAUSE_MAX / 10..=PAUSE_MAX)).await,
            }
        };
        tokio::select! {
            () = life => ownership.ended(),
            () = shutdown.cancelled() => break,
        }
    }
    let lease = ownership.lease();
    ownership.ended();
    if let Some(lease) = lease {
        match timeout(REVOKE_MAX, ownership.shared.store.revoke(lease)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the lease was not given back; it ends by itself"),
            Err(_) => tracing::warn!("the lease was not given back in time; it ends by itself"),
        }
    }
}

async fn begin(ownership: &Ownership) -> Option<Leased> {
    let sent = Instant::now();
    match ownership.shared.store.lease(TTL).await {
        Ok(leased) => {
            ownership.believe(sent, leased.ttl);
            ownership.shared.lease.send_replace(Some(leased.id));
            tracing::info!(replica = %ownership.me(), ttl = ?leased.ttl, "there, under a new lease");
            Some(leased)
        }
        Err(error) => {
            tracing::warn!(%error, "no lease; this server moves nothing forward");
            None
        }
    }
}

/// The life of one lease.
async fn live(ownership: &Ownership, leased: Leased) {
    tokio::select! {
        () = keep(ownership, leased) => {}
        () = round::run(ownership, leased.id) => {}
    }
}

/// Returns when the lease is gone.
async fn keep(ownership: &Ownership, Leased { id, ttl }: Leased) {
    let every = ttl / KEEPALIVES;
    loop {
        sleep(every).await;
        while !kept(ownership, id, every).await {
            // Spent or not, the lease may still be there: that is for the store to say.
            sleep(rand::random_range(every / 20..=every / 5)).await;
        }
        if ownership.lease().is_none() {
            return;
        }
    }
}

/// One keepalive; whether it was answered.
async fn kept(ownership: &Ownership, id: LeaseId, patience: Duration) -> bool {
    let sent = Instant::now();
    match timeout(patience, ownership.shared.store.keep(id)).await {
        Ok(Ok(Keeping::Alive(ttl))) => {
            ownership.believe(sent, ttl);
            return true;
        }
        Ok(Ok(Keeping::Gone)) => {
            tracing::warn!("the lease is gone; everything under it is free for others");
            ownership.ended();
            return true;
        }
        Ok(Err(error)) => tracing::warn!(%error, "a keepalive came to nothing"),
        Err(_) => tracing::warn!("a keepalive was not answered in time"),
    }
    ownership.shared.metrics.keepalives_failed.inc();
    false
}

impl Ownership {
    /// A keepalive that was sent then was answered.
    fn believe(&self, sent: Instant, ttl: Duration) {
        let until = sent + ttl.saturating_sub(MARGIN);
        let was_spent = {
            let mut state = self.shared.state.lock().expect("no holder of this lock panics");
            let was_spent = state.until <= Instant::now();
            state.until = state.until.max(until);
            was_spent
        };
        if was_spent {
            self.changed();
        }
    }

    /// The lease is gone, and with it everything held.
    fn ended(&self) {
        self.shared.lease.send_replace(None);
        {
            let mut state = self.shared.state.lock().expect("no holder of this lock panics");
            state.until = Instant::now();
            state.held.clear();
            self.shared.metrics.shards.set(0);
        }
        self.changed();
    }
}
