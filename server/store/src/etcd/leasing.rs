//! Leases in etcd. etcd counts whole seconds, has a least time of its own, and gives every lease its whole time again when
//! its leader changes; so what it grants is what counts, and how late a lease ends is nobody's promise.

use std::time::Duration;

use etcd_client::{Error, LeaseClient};

use super::EtcdStore;
use super::codes::{self, Failure};
use crate::{Keeping, LeaseId, Leased};

impl EtcdStore {
    /// A grant whose answer is lost is made again; the first one runs out unused.
    pub(super) async fn grant(&self, ttl: Duration) -> Result<Leased, Failure> {
        let seconds =
            i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX).saturating_add(i64::from(ttl.subsec_nanos() > 0));
        let ask = || {
            self.attempt(|member| {
                let mut lease = member.lease.clone();
                async move { lease.grant(seconds, None).await }
            })
        };
        let answer = self.retries.of(ask, Failure::transient).await?;
        self.members.same_cluster(answer.header())?;
        match seconds_of(answer.ttl()) {
            Some(ttl) => Ok(Leased { id: LeaseId::new(answer.id()), ttl }),
            None => Err(Failure::Unclear(format!("a lease of {} s was granted", answer.ttl()))),
        }
    }

    pub(super) async fn keep_alive(&self, lease: LeaseId) -> Result<Keeping, Failure> {
        let ask = || self.attempt(|member| renew(member.lease.clone(), lease));
        self.retries.of(ask, Failure::transient).await
    }

    pub(super) async fn end(&self, lease: LeaseId) -> Result<(), Failure> {
        let ask = || {
            self.attempt(|member| {
                let mut client = member.lease.clone();
                async move { client.revoke(lease.get()).await }
            })
        };
        match self.retries.of(ask, Failure::transient).await {
            Ok(_) | Err(Failure::LeaseGone) => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}

/// The client keeps the time in the first answer of a stream to itself, so a second one is asked for. A lease that is gone
/// is no error to etcd: it says that the lease has no time left.
async fn renew(mut client: LeaseClient, lease: LeaseId) -> Result<Keeping, Error> {
    let (mut keeper, mut answers) = match client.keep_alive(lease.get()).await {
        Err(error) if codes::says_lease_gone(&error) => return Ok(Keeping::Gone),
        opened => opened?,
    };
    keeper.keep_alive().await?;
    match answers.message().await? {
        Some(answer) => Ok(seconds_of(answer.ttl()).map_or(Keeping::Gone, Keeping::Alive)),
        None => Err(Error::LeaseKeepAliveError("the stream was closed".to_owned())),
    }
}

/// A time that is still to come.
fn seconds_of(ttl: i64) -> Option<Duration> {
    u64::try_from(ttl).ok().filter(|ttl| *ttl > 0).map(Duration::from_secs)
}
