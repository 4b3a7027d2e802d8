//! The members of the cluster, one client each, and which of them to ask. A balanced channel would keep sending a share of
//! the requests to a dead member; here a member that failed is left alone for a while.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use etcd_client::{
    Channel, Client, ConnectOptions, KvClient, LeaseClient, MaintenanceClient, ResponseHeader, WatchClient,
};

use super::codes::Failure;
use super::{Dial, EtcdError, EtcdOptions};
use crate::Revision;

/// Above every page, watch fragment and transaction; the default of 4 MiB is below.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// One member. Keys, watches and leases have a connection each, so that a flood of events cannot hold up a commit, nor
/// either of them a lease.
pub(super) struct Member {
    pub address: String,
    pub kv: KvClient,
    pub watch: WatchClient,
    pub lease: LeaseClient,
    pub maintenance: MaintenanceClient,
}

/// All members, and what is known about them.
pub(super) struct Members {
    members: Vec<Member>,
    turn: Mutex<Turn>,
    ejection: Duration,
    /// The id every answer has to carry; zero until the first one.
    cluster: AtomicU64,
    highest: AtomicU64,
}

struct Turn {
    current: usize,
    /// Until when each member is left alone.
    ejected: Vec<Option<Instant>>,
}

impl Members {
    /// Prepares the clients. Nothing is dialled before the first request.
    pub(super) async fn prepare(options: &EtcdOptions, dial: &Dial) -> Result<Self, EtcdError> {
        let tls = match &options.tls {
            Some(files) => Some(files.load().await?),
            None => None,
        };
        let mut members = Vec::with_capacity(options.endpoints.len());
        for address in &options.endpoints {
            let endpoint = options.dial(address, tls.as_ref())?;
            let kv = client(dial(&endpoint)).await?;
            let watch = client(dial(&endpoint)).await?;
            let lease = client(dial(&endpoint)).await?;
            members.push(Member {
                address: address.clone(),
                kv: kv.kv_client().max_decoding_message_size(LARGEST_ANSWER),
                watch: watch.watch_client().max_decoding_message_size(LARGEST_ANSWER),
                maintenance: lease.maintenance_client(),
                lease: lease.lease_client(),
            });
        }
        let turn = Turn { current: rand::random_range(0..members.len()), ejected: vec![None; members.len()] };
        Ok(Self {
            members,
            turn: Mutex::new(turn),
            ejection: options.ejection,
            cluster: AtomicU64::new(0),
            highest: AtomicU64::new(0),
        })
    }

    /// Every member, whatever is known about it.
    pub(super) fn all(&self) -> &[Member] {
        &self.members
    }

    /// The member to ask: the one asked last, unless it failed. If all did, the one left alone for the longest time.
    pub(super) fn pick(&self) -> (usize, &Member) {
        let now = Instant::now();
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let count = self.members.len();
        let from_current = (0..count).map(|step| (turn.current + step) % count);
        let free = |index: &usize| turn.ejected[*index].is_none_or(|until| until <= now);
        let pick = from_current
            .clone()
            .find(free)
            .or_else(|| from_current.min_by_key(|index| turn.ejected[*index]))
            .unwrap_or(turn.current);
        turn.current = pick;
        (pick, &self.members[pick])
    }

    /// Leaves a member alone for a while, and passes the turn on.
    pub(super) fn eject(&self, index: usize, why: &Failure) {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = turn.ejected[index].is_none();
        turn.ejected[index] = Some(Instant::now() + self.ejection);
        if turn.current == index {
            turn.current = (index + 1) % self.members.len();
        }
        if fresh {
            tracing::warn!(member = %self.members[index].address, ?why, "an etcd member failed and is left alone");
        }
    }

    /// Notes that a member answered.
    pub(super) fn restore(&self, index: usize) {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if turn.ejected[index].take().is_some() {
            tracing::info!(member = %self.members[index].address, "an etcd member answers again");
        }
    }

    /// The highest revision any answer carried. A later request has to be answered with this one at least.
    pub(super) fn highest(&self) -> u64 {
        self.highest.load(Ordering::Acquire)
    }

    /// Takes the revision of an answer to a request made when [`Self::highest`] was `floor`. One that fell is a restored
    /// cluster, a wrong address, or a stale read; none of them may be acted on.
    pub(super) fn revision(&self, header: Option<&ResponseHeader>, floor: u64) -> Result<Revision, Failure> {
        let header = self.same_cluster(header)?;
        let found = u64::try_from(header.revision()).unwrap_or(0);
        if found < floor {
            return Err(Failure::Corrupt(format!("the head is revision {found}, after {floor} had been seen")));
        }
        self.highest.fetch_max(found, Ordering::AcqRel);
        Ok(Revision::new(found))
    }

    /// Makes sure that an answer comes from the cluster all earlier ones came from.
    pub(super) fn same_cluster<'a>(&self, header: Option<&'a ResponseHeader>) -> Result<&'a ResponseHeader, Failure> {
        let header = header.ok_or_else(|| Failure::Unclear("an answer without header".to_owned()))?;
        let found = header.cluster_id();
        match self.cluster.compare_exchange(0, found, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(header),
            Err(known) if known == found => Ok(header),
            Err(known) => {
                let reason = format!("cluster {found:x} answers in place of {known:x}: restored, or a wrong address");
                Err(Failure::Corrupt(reason))
            }
        }
    }
}

async fn client(channel: tonic::transport::Channel) -> Result<Client, EtcdError> {
    let options = ConnectOptions::new().with_require_leader(true);
    Client::from_channel(Channel::Tonic(channel), Some(options))
        .await
        .map_err(|error| EtcdError::Options { reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use tonic::transport::Endpoint;

    use super::*;

    async fn three() -> Members {
        let addresses = ["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"];
        Members::prepare(&EtcdOptions::new(addresses), &Endpoint::connect_lazy).await.unwrap()
    }

    #[tokio::test]
    async fn the_turn_stays_until_a_failure_and_skips_the_failed() {
        let members = three().await;
        let why = Failure::NotDone("test".to_owned());
        let (first, _) = members.pick();
        assert_eq!(members.pick().0, first);
        members.eject(first, &why);
        let (second, _) = members.pick();
        assert_ne!(second, first);
        members.eject(second, &why);
        let (third, _) = members.pick();
        assert!(third != first && third != second);
        members.eject(third, &why);
        assert_eq!(members.pick().0, first, "with all of them failed, the one that failed first");
        members.restore(third);
        assert_eq!(members.pick().0, third);
    }
}
