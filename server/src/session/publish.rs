//! Tells other replicas what they can't hear themselves: what agents that are connected here said of lanes whose
//! owner is another replica. If agent and owner meet here, nothing of a lane is written, and what was is removed.
//!
//! Every write compares the session's key: an older session can't write over a newer one. Everything is under this
//! replica's lease and vanishes with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use meridian_core::id::{Lane, RegionId};
use meridian_core::observation::Observed;
use meridian_store::record::{self, Heard};
use meridian_store::{CommitError, Expect, LeaseId, Revision, Store, Txn, layout};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::registry::Sessions;
use crate::ownership::{Owner, Ownership};

/// What was only measured anew is told at most this often per lane: it is looked at again and again, and a write each time
/// would be most of what the store does.
const EVIDENCE_EVERY: Duration = Duration::from_secs(1);
/// Between two rounds over what was put off.
const ROUND_EVERY: Duration = Duration::from_millis(250);
/// Writes under way at once.
const AT_ONCE: usize = 32;

/// A lane as it was last written from here.
struct Written {
    observed: Observed,
    session: u64,
    lease: LeaseId,
    at: Instant,
}

/// One lane to be written, or removed.
struct Due {
    lane: Lane,
    /// `None`: its owner is here now, and what others could read of it would only grow old.
    heard: Option<Heard>,
    /// How the key of its session is.
    session: Revision,
    expect: Expect,
    lease: LeaseId,
}

/// Writes what others need to know of lanes.
pub(super) struct Publisher {
    pub sessions: Arc<Sessions>,
    pub store: Arc<dyn Store>,
    pub ownership: Ownership,
    written: BTreeMap<Lane, Written>,
}

impl Publisher {
    pub fn new(sessions: Arc<Sessions>, store: Arc<dyn Store>, ownership: Ownership) -> Self {
        Self { sessions, store, ownership, written: BTreeMap::new() }
    }

    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut owners = self.ownership.subscribe();
        let mut later = BTreeSet::new();
        loop {
            let sessions = self.sessions.clone();
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = sessions.newsworthy.notified() => {}
                // Lanes that had their owner here may have one elsewhere now.
                Ok(()) = owners.changed() => later.extend(self.sessions.lanes_here()),
                () = tokio::time::sleep(ROUND_EVERY), if !later.is_empty() => {}
            }
            later.append(&mut self.sessions.take_news());
            later = self.round(later).await;
        }
    }

    /// Writes what is due; what remains is for later.
    async fn round(&mut self, lanes: BTreeSet<Lane>) -> BTreeSet<Lane> {
        let (mut due, mut later) = (Vec::new(), BTreeSet::new());
        let Some(lease) = self.ownership.lease() else { return lanes };
        for lane in lanes {
            match self.ownership.owner(&lane.service) {
                Owner::Me => due.extend(self.out_of_date(&lane, lease)),
                Owner::Nobody => {
                    later.insert(lane);
                }
                Owner::Other => match self.due(&lane, lease) {
                    Some(Timing::Now(write)) => due.push(*write),
                    Some(Timing::Later) => {
                        later.insert(lane);
                    }
                    None => {}
                },
            }
        }
        let store = &self.store;
        let writing = futures::stream::iter(due).map(|due| async move {
            let done = write(store.as_ref(), &due).await;
            (due, done)
        });
        let done: Vec<_> = writing.buffer_unordered(AT_ONCE).collect().await;
        for (Due { lane, heard, lease, .. }, done) in done {
            match (done, heard) {
                (Ok(revision), Some(heard)) => {
                    self.sessions.heard_elsewhere(lane.clone(), heard.clone(), revision);
                    let Heard { session, service: _, observed } = heard;
                    self.written.insert(lane, Written { observed, session, lease, at: Instant::now() });
                }
                (Ok(revision), None) => {
                    self.sessions.heard_gone(&lane, revision);
                    self.written.remove(&lane);
                }
                (Err(error), _) => {
                    if !matches!(error, CommitError::Conflict { .. }) {
                        tracing::warn!(%error, %lane, "what was heard is told to others later");
                    }
                    later.insert(lane);
                }
            }
        }
        later
    }

    /// What there is to write of a lane; `None`: nothing.
    fn due(&self, lane: &Lane, lease: LeaseId) -> Option<Timing> {
        let known = self.sessions.heard_here(lane)?;
        let Some(session) = known.key else { return Some(Timing::Later) };
        let heard = known.heard;
        if let Some(written) = self.written.get(lane).filter(|w| w.session == heard.session && w.lease == lease) {
            if written.observed == heard.observed {
                return None;
            }
            let only_measured = without_evidence(&written.observed) == without_evidence(&heard.observed);
            if only_measured && written.at.elapsed() < EVIDENCE_EVERY {
                return Some(Timing::Later);
            }
        }
        let expect = known.told.map_or(Expect::Absent, Expect::At);
        Some(Timing::Now(Box::new(Due { lane: lane.clone(), heard: Some(heard), session, expect, lease })))
    }

    /// What is to be removed of a lane whose owner is here.
    fn out_of_date(&self, lane: &Lane, lease: LeaseId) -> Option<Due> {
        let known = self.sessions.heard_here(lane)?;
        let (session, told) = (known.key?, known.told?);
        Some(Due { lane: lane.clone(), heard: None, session, expect: Expect::At(told), lease })
    }
}

enum Timing {
    Now(Box<Due>),
    Later,
}

async fn write(store: &dyn Store, due: &Due) -> Result<Revision, CommitError> {
    let Due { lane, heard, session, expect, lease } = due;
    let key = layout::seen(lane);
    let txn = match heard {
        Some(heard) => Txn::new().put_leased(key, record::encode_heard(heard), *expect, *lease),
        None => Txn::new().delete(key, *expect),
    };
    let txn = txn.check(layout::session(&lane.region), Expect::At(*session));
    store.commit(txn).await.map(|committed| committed.revision)
}

fn without_evidence(observed: &Observed) -> Observed {
    Observed { evidence: None, ..observed.clone() }
}

/// A lane as its agent described it here.
struct HeardHere {
    heard: Heard,
    /// The key of the session it was said in, if that is written.
    key: Option<Revision>,
    /// The entry that others read, if there is one.
    told: Option<Revision>,
}

impl Sessions {
    /// Remembers that others may want to know of these lanes.
    pub(super) fn tell_others(&self, lanes: Vec<Lane>) {
        if lanes.is_empty() {
            return;
        }
        self.news.lock().expect("no holder of this lock panics").extend(lanes);
        self.newsworthy.notify_one();
    }

    fn take_news(&self) -> BTreeSet<Lane> {
        std::mem::take(&mut *self.news.lock().expect("no holder of this lock panics"))
    }

    /// All lanes of agents that are connected here.
    fn lanes_here(&self) -> Vec<Lane> {
        let regions = self.regions.lock().expect("no holder of this lock panics");
        let here = regions.iter().filter(|(_, entry)| entry.here().is_some());
        let lane = |region: &RegionId, service: &meridian_core::id::ServiceId| Lane {
            service: service.clone(),
            region: region.clone(),
        };
        here.flat_map(|(region, entry)| entry.lanes.keys().map(move |service| lane(region, service))).collect()
    }

    fn heard_here(&self, lane: &Lane) -> Option<HeardHere> {
        let regions = self.regions.lock().expect("no holder of this lock panics");
        let entry = regions.get(&lane.region)?;
        let live = entry.here()?;
        let observed = entry.lanes.get(&lane.service)?.clone();
        let key = entry.key.filter(|key| key.ours && key.number == live.number).map(|key| key.revision);
        let told = entry.told.get(&lane.service).map(|(_, _, revision)| *revision);
        Some(HeardHere { heard: Heard { session: live.number, service: lane.service.clone(), observed }, key, told })
    }
}
