//! Members, a store on them, and waiting for what is to come.

use std::time::{Duration, Instant};

use futures::StreamExt;
use meridian_store::etcd::testing::EtcdProcess;
use meridian_store::etcd::{EtcdOptions, EtcdStore};
use meridian_store::{
    CommitError, Expect, Key, Revision, Store, Txn, WatchEnded, WatchItem, WatchStream, commit_known,
};

/// How long recovery from anything here may take.
pub const SOON: Duration = Duration::from_secs(30);
/// How long one call may take, its retries included.
pub const CALL_MAX: Duration = Duration::from_secs(8);

pub fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

/// Three members, with further arguments to each.
pub async fn three(extra: &[&str]) -> (Vec<EtcdProcess>, EtcdStore) {
    let members = EtcdProcess::start_cluster(3, extra).await.unwrap_or_else(|error| panic!("{error}"));
    let store = connect(&members).await;
    (members, store)
}

pub async fn connect(members: &[EtcdProcess]) -> EtcdStore {
    EtcdStore::connect(EtcdOptions::new(EtcdProcess::endpoints(members))).await.unwrap()
}

pub async fn put(store: &dyn Store, name: &str, expect: Expect) -> Result<Revision, CommitError> {
    store.commit(Txn::new().put(key(name), name.to_owned(), expect)).await.map(|done| done.revision)
}

/// A commit whose answer may be lost, and whose fate is found out.
pub async fn put_known(store: &dyn Store, name: &str) -> Result<Revision, CommitError> {
    let txn = Txn::new().put(key(name), name.to_owned(), Expect::Absent);
    commit_known(store, txn, &key(name)).await.map(|done| done.revision)
}

pub async fn next_revision(watch: &mut WatchStream) -> Result<Revision, WatchEnded> {
    loop {
        let item = tokio::time::timeout(SOON, watch.next()).await.expect("a watch yields or ends in time");
        if let WatchItem::Changes { revision, .. } = item.expect("an end is said")? {
            return Ok(revision);
        }
    }
}

/// Does it again and again until it is done.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(50)).await; // tidy: paced
    }
}
