//! When which decision became durable, as somebody beside the server sees it: a watch on the audit in etcd, on a thread
//! of its own. etcd sends the event while it answers the commit, so this is the moment of the commit within the
//! machine's scheduling.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use futures::StreamExt;
use meridian_core::epoch::Epoch;
use meridian_core::id::ServiceId;
use meridian_harness::fleet::SERVICE;
use meridian_harness::wait_until;
use meridian_store::etcd::{EtcdOptions, EtcdStore};
use meridian_store::{Change, Revision, Store, WatchItem, WatchStream, layout, record};
use tokio::sync::oneshot;

use crate::clock;

/// An event that is later than this was lost.
const EVENT_MAX: Duration = Duration::from_secs(10);

type Times = Arc<Mutex<BTreeMap<Epoch, u64>>>;

/// A watch that notes times.
pub struct Commits {
    times: Times,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Commits {
    /// Follows the decisions of the service from now on.
    pub async fn follow(etcd: &[String]) -> anyhow::Result<Self> {
        let (times, service) = (Times::default(), ServiceId::new(SERVICE)?);
        let (stop, stopped) = oneshot::channel();
        let (open, opened) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (noted, options) = (times.clone(), EtcdOptions::new(etcd));
        let watching = async move {
            let watch = watch(options, &service).await;
            let (result, stream) = match watch {
                Ok((store, stream)) => (Ok(()), Some((store, stream))),
                Err(error) => (Err(error), None),
            };
            let _gone = open.send(result);
            if let Some((_store, stream)) = stream {
                tokio::select! {
                    () = note(stream, &service, &noted) => {}
                    _ = stopped => {}
                }
            }
        };
        let thread =
            std::thread::Builder::new().name("commits".to_owned()).spawn(move || runtime.block_on(watching))?;
        opened.await.context("the watch has ended")??;
        Ok(Self { times, stop: Some(stop), thread: Some(thread) })
    }

    /// When the decision of an epoch was committed, in microseconds of the machine's clock.
    pub async fn at(&self, epoch: Epoch) -> anyhow::Result<u64> {
        let known = || async { self.times.lock().unwrap_or_else(PoisonError::into_inner).get(&epoch).copied() };
        wait_until("a commit to be seen", EVENT_MAX, known).await
    }

    /// Ends the watch.
    pub fn stop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // Its panic was printed; there is nothing to hand on.
            let _ended = thread.join();
        }
    }
}

impl Drop for Commits {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn watch(options: EtcdOptions, service: &ServiceId) -> anyhow::Result<(EtcdStore, WatchStream)> {
    let store = EtcdStore::connect(options).await?;
    let stream = store.watch(&layout::audits(service), Revision::ZERO).await?;
    Ok((store, stream))
}

async fn note(mut stream: WatchStream, service: &ServiceId, times: &Times) {
    while let Some(Ok(item)) = stream.next().await {
        let at = clock::micros();
        let WatchItem::Changes { revision: _, changes } = item else {
            continue;
        };
        for change in changes {
            let Change::Put(put) = change else { continue };
            if let Ok(entry) = record::decode_audit(&put.key, &put.value, service) {
                times.lock().unwrap_or_else(PoisonError::into_inner).insert(entry.epoch, at);
            }
        }
    }
}
