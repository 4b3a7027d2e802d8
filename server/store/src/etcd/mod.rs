//! The store in etcd: the one for production, shared by all servers. Needs etcd 3.5.33, 3.6.14 or later there; older ones
//! have bugs in watches and leases that the design survives but an operator should not have to. Knows no leader of its own.

mod codes;
mod leasing;
mod members;
mod names;
mod options;
mod retries;
mod space;
#[cfg(feature = "test-util")]
pub mod testing;
mod txn;
mod watching;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{CompactionResponse, DeleteResponse, GetOptions, GetResponse, KvClient, ResponseHeader, TxnResponse};
use futures::future::BoxFuture;
use futures::stream;
use thiserror::Error;
use tonic::transport::{Channel, Endpoint};

use crate::lease::check_ttl;
use crate::{
    CommitError, Committed, Got, Keeping, Key, LeaseId, Leased, Page, Revision, Store, StoreError, Txn, WatchEnded,
    WatchStream, check_limit,
};
use codes::Failure;
use members::{Member, Members};
use names::Names;
pub use options::{EtcdOptions, TlsFiles};
use retries::Retries;
use watching::Watching;

/// Why a store in etcd could not be set up.
#[derive(Debug, Error)]
pub enum EtcdError {
    /// An option that cannot work, or a file it names that cannot be read.
    #[error("etcd options: {reason}")]
    Options {
        /// Which, and why.
        reason: String,
    },
}

/// Makes the connection to a member; it opens with its first request.
pub type Dial = dyn Fn(&Endpoint) -> Channel + Send + Sync;

/// A store in etcd. Revisions are etcd's own, so commits of others in the same etcd make gaps.
pub struct EtcdStore {
    members: Arc<Members>,
    names: Names,
    options: EtcdOptions,
    retries: Retries,
    making_room: tokio::sync::Mutex<()>,
}

impl EtcdStore {
    /// Reads the certificates and prepares a client for each member. Does not wait for any of them to answer.
    ///
    /// # Errors
    /// [`EtcdError`] if an option cannot work.
    pub async fn connect(options: EtcdOptions) -> Result<Self, EtcdError> {
        Self::connect_by(options, &Endpoint::connect_lazy).await
    }

    /// The same, over a network of one's own.
    ///
    /// # Errors
    /// [`EtcdError`] if an option cannot work.
    pub async fn connect_by(options: EtcdOptions, dial: &Dial) -> Result<Self, EtcdError> {
        options.validate()?;
        let members = Members::prepare(&options, dial).await?;
        Ok(Self {
            members: Arc::new(members),
            names: Names::new(&options.prefix),
            options,
            retries: Retries::new(),
            making_room: Default::default(),
        })
    }

    /// One attempt at the member whose turn it is.
    async fn attempt<T, F>(&self, call: impl FnOnce(&Member) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        let (index, member) = self.members.pick();
        let wait = self.options.request_timeout;
        let answer = match tokio::time::timeout(wait, call(member)).await {
            Ok(answer) => answer.map_err(Failure::from),
            Err(_elapsed) => Err(Failure::timeout(wait)),
        };
        match &answer {
            Err(failure) if failure.transient() => self.members.eject(index, failure),
            Ok(_) | Err(_) => self.members.restore(index),
        }
        answer
    }

    /// One attempt of a call about keys. Tells the head along with the answer.
    async fn once<T, F>(&self, call: impl FnOnce(KvClient) -> F) -> Result<(T, Revision), Failure>
    where
        T: Headed,
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        let floor = self.members.highest();
        let answer = self.attempt(|member| call(member.kv.clone())).await?;
        let revision = self.members.revision(answer.head(), floor)?;
        Ok((answer, revision))
    }

    /// Attempts of a call that may be repeated without harm.
    async fn repeat<T, F>(&self, call: impl Fn(KvClient) -> F) -> Result<(T, Revision), Failure>
    where
        T: Headed,
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        self.retries.of(|| self.once(&call), Failure::transient).await
    }

    async fn read(&self, key: &Key) -> Result<Got, Failure> {
        let name = self.names.outer(key);
        let (mut answer, revision) = self
            .repeat(|mut kv| {
                let name = name.clone();
                async move { kv.get(name, None).await }
            })
            .await?;
        let found = answer.take_kvs().pop();
        Ok(Got { item: found.and_then(|found| self.entry(found)), revision })
    }

    /// An entry of ours. Somebody else's under our prefix is passed over, so that it cannot stop us.
    fn entry(&self, found: etcd_client::KeyValue) -> Option<crate::Versioned> {
        let (modified, created) = (found.mod_revision(), found.create_revision());
        let (name, value) = found.into_key_value();
        let entry = self.names.entry(&name, value, modified, created);
        if entry.is_none() {
            tracing::warn!(name = %String::from_utf8_lossy(&name), "passing over an etcd key that is not ours");
        }
        entry
    }

    async fn read_page(&self, prefix: &Key, after: Option<&Key>, limit: usize) -> Result<Page, Failure> {
        let (start, end) = self.names.range(prefix, after);
        let mut limit = limit;
        let (mut answer, revision) = loop {
            let options = GetOptions::new().with_range(end.clone()).with_limit(limit as i64);
            let answer = self
                .repeat(|mut kv| {
                    let (start, options) = (start.clone(), options.clone());
                    async move { kv.get(start, Some(options)).await }
                })
                .await;
            match answer {
                Err(Failure::AnswerTooLarge(_)) if limit > 1 => limit /= 2,
                answer => break answer?,
            }
        };
        let more = answer.more();
        let items: Vec<_> = answer.take_kvs().into_iter().filter_map(|found| self.entry(found)).collect();
        let next = if more { items.last().map(|last| last.key.clone()) } else { None };
        if more && next.is_none() {
            return Err(Failure::Corrupt("a page full of keys that are not ours".to_owned()));
        }
        Ok(Page { items, revision, next })
    }

    async fn write(&self, txn: &Txn) -> Result<Committed, CommitError> {
        let request = txn::request(&self.names, txn);
        let attempt = || {
            self.once(|mut kv| {
                let request = request.clone();
                async move { kv.txn(request).await }
            })
        };
        // Only what certainly was not done is sent again: a second copy of one that was would report a conflict with it.
        let not_done = |failure: &Failure| matches!(failure, Failure::NotDone(_));
        let (answer, revision) = match self.retries.of(attempt, not_done).await {
            Err(Failure::LeaseGone) => return Err(gone(txn)),
            answer => answer?,
        };
        if answer.succeeded() {
            return Ok(Committed { revision });
        }
        match txn::conflict(txn, &answer) {
            Some(key) => Err(CommitError::Conflict { key }),
            None => Err(CommitError::Unavailable { reason: "etcd refused without a reason".to_owned() }),
        }
    }

    async fn forget(&self, before: Revision) -> Result<(), Failure> {
        let name = format!("{}/", self.options.prefix);
        let options = GetOptions::new().with_count_only();
        let (_, head) = self
            .repeat(|mut kv| {
                let (name, options) = (name.clone(), options.clone());
                async move { kv.get(name, Some(options)).await }
            })
            .await?;
        let before = head.min(before).get();
        // etcd keeps what comes after the revision it is given.
        let Some(last) = before.checked_sub(1).filter(|last| *last > 0).and_then(|last| i64::try_from(last).ok())
        else {
            return Ok(());
        };
        match self.repeat(|mut kv| async move { kv.compact(last, None).await }).await {
            Ok(_) | Err(Failure::Compacted) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Whether the history after `from` is still kept. etcd itself is lenient at the very edge, where some versions miss
    /// a delete; this asks for the state at `from`, which is there exactly if all that came after is.
    async fn keeps(&self, prefix: &Key, from: Revision) -> Result<bool, Failure> {
        let Some(number) = i64::try_from(from.get()).ok().filter(|number| *number > 0) else {
            return Ok(true);
        };
        let (start, end) = self.names.range(prefix, None);
        let options = GetOptions::new().with_range(end).with_limit(1).with_keys_only().with_revision(number);
        let answer = self
            .repeat(|mut kv| {
                let (start, options) = (start.clone(), options.clone());
                async move { kv.get(start, Some(options)).await }
            })
            .await;
        match answer {
            Ok(_) | Err(Failure::Future) => Ok(true),
            Err(Failure::Compacted) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    async fn follow(&self, prefix: &Key, from: Revision) -> Result<WatchStream, Failure> {
        if !self.keeps(prefix, from).await? {
            let oldest = Revision::new(from.get() + 1);
            return Ok(WatchStream::new(stream::iter([Err(WatchEnded::Compacted { oldest })])));
        }
        let open = || Watching::open(&self.members, &self.names, &self.options, prefix, from);
        let watching = self.retries.of(open, Failure::transient).await?;
        Ok(watching.into_stream())
    }
}

/// etcd does not say which lease it misses; nearly always there is but one.
fn gone(txn: &Txn) -> CommitError {
    match txn.leases().next() {
        Some(lease) => CommitError::LeaseGone { lease },
        None => CommitError::Unknown { reason: "etcd misses a lease nobody named".to_owned() },
    }
}

/// An answer that tells the head of the store.
trait Headed {
    fn head(&self) -> Option<&ResponseHeader>;
}

impl Headed for GetResponse {
    fn head(&self) -> Option<&ResponseHeader> {
        self.header()
    }
}

impl Headed for TxnResponse {
    fn head(&self) -> Option<&ResponseHeader> {
        self.header()
    }
}

impl Headed for DeleteResponse {
    fn head(&self) -> Option<&ResponseHeader> {
        self.header()
    }
}

impl Headed for CompactionResponse {
    fn head(&self) -> Option<&ResponseHeader> {
        self.header()
    }
}

impl Store for EtcdStore {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Got, StoreError>> {
        Box::pin(async move { Ok(self.read(key).await?) })
    }

    fn list<'a>(
        &'a self,
        prefix: &'a Key,
        after: Option<&'a Key>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            check_limit(limit)?;
            Ok(self.read_page(prefix, after, limit).await?)
        })
    }

    fn commit(&self, txn: Txn) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(async move {
            txn.validate()?;
            match self.write(&txn).await {
                Err(CommitError::Full { .. }) if txn.is_urgent() => self.write_urgent(&txn).await,
                outcome => outcome,
            }
        })
    }

    fn watch<'a>(&'a self, prefix: &'a Key, from: Revision) -> BoxFuture<'a, Result<WatchStream, StoreError>> {
        Box::pin(async move { Ok(self.follow(prefix, from).await?) })
    }

    fn compact(&self, before: Revision) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.forget(before).await?;
            self.keep_reserve().await;
            Ok(())
        })
    }

    fn lease(&self, ttl: Duration) -> BoxFuture<'_, Result<Leased, StoreError>> {
        Box::pin(async move {
            check_ttl(ttl)?;
            Ok(self.grant(ttl).await?)
        })
    }

    fn keep(&self, lease: LeaseId) -> BoxFuture<'_, Result<Keeping, StoreError>> {
        Box::pin(async move { Ok(self.keep_alive(lease).await?) })
    }

    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { Ok(self.end(lease).await?) })
    }

    fn name(&self) -> &'static str {
        "etcd"
    }
}
