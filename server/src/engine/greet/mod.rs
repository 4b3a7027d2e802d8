//! Greeting an agent: the session's number by compare-and-swap, its key under this replica's lease in the same transaction,
//! the goals of its lanes and the vetoes of its services.

mod vet;

use meridian_core::id::{Lane, RegionId};
use meridian_core::rollout::goals::goal;
use meridian_store::record::{self, Region, SessionHeld};
use meridian_store::{CommitError, Expect, Revision, Txn, Versioned, commit_known, layout};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::session::{AgentFacts, SessionTicket};

/// Lanes are recalled for the first so many services that an agent names: this bounds what one agent can make the
/// server read. Goals of lanes beyond it arrive with their rollout's next decision.
const SERVICES_RECALLED_MAX: usize = 256;
/// How often the number is drawn again after somebody else changed the region.
const CONFLICTS_MAX: u32 = 10;

/// How a region stood in the store when its agent's hello came.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Which region.
    pub region: RegionId,
    /// Its record. `None`: it is not registered yet.
    record: Option<(Region, Revision)>,
}

impl Standing {
    fn number(&self) -> u64 {
        self.record.as_ref().map_or(0, |(record, _)| record.session_number)
    }
}

impl Engine {
    /// How a region stands, to be asked when its agent's hello has come.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn standing(&self, region: &RegionId) -> Result<Standing, EngineError> {
        let key = layout::region(region);
        let item = self.shared.books.store.get(&key).await?.item;
        let read =
            |item: Versioned| Ok::<_, EngineError>((record::decode_region(&key, &item.value)?, item.mod_revision));
        Ok(Standing { region: region.clone(), record: item.map(read).transpose()? })
    }

    /// Opens a session for a region's agent. A region that is not registered yet is registered by it.
    ///
    /// # Errors
    /// If the store fails, or another session of the region began after the hello had come: what the hello says may be
    /// older than what was said in that one.
    pub async fn greet(&self, standing: Standing, facts: AgentFacts) -> Result<SessionTicket, EngineError> {
        let region = standing.region.clone();
        for service in facts.services.iter().take(SERVICES_RECALLED_MAX) {
            self.recall_goal(&Lane { service: service.clone(), region: region.clone() }).await?;
            if !self.shared.sessions.knows_vetoes(service) {
                self.read_vetoes(service).await?;
            }
        }
        let drawn = self.draw_number(standing, &facts).await?;
        let now = self.shared.clock.now();
        let contended = || EngineError::Contended { key: region.to_string() };
        self.shared.sessions.open(&region, drawn, facts, now).ok_or_else(contended)
    }

    /// The number of a new session, and the revision of its key. Any older session of the region is over with this commit,
    /// on whichever replica it is.
    async fn draw_number(&self, mut standing: Standing, facts: &AgentFacts) -> Result<(u64, Revision), EngineError> {
        let (region, came) = (standing.region.clone(), standing.number());
        let (key, session) = (layout::region(&region), layout::session(&region));
        let store = self.shared.books.store.as_ref();
        // As the watch has shown it; read only after that has turned out to be old.
        let mut before = self.shared.sessions.key_of(&region);
        for attempt in 0..CONFLICTS_MAX {
            if standing.number() != came {
                break;
            }
            let lease = self.shared.ownership.leased().await?;
            let now = self.shared.clock.now();
            let (mut record, expect) = match standing.record {
                None => (Region { created: now, updated: now, ..Region::default() }, Expect::Absent),
                Some((record, revision)) => (record, Expect::At(revision)),
            };
            record.session_number += 1;
            record.agent_version.clone_from(&facts.version);
            record.capabilities.clone_from(&facts.capabilities);
            let number = record.session_number;
            let held = SessionHeld { number, replica: self.shared.ownership.me().clone(), since: now };
            let replaced = before.map_or(Expect::Absent, Expect::At);
            let txn = Txn::new().put(key.clone(), record::encode_region(&record), expect).put_leased(
                session.clone(),
                record::encode_session(&held),
                replaced,
                lease,
            );
            // The session's entry is its replica's and its number's alone.
            match commit_known(store, txn, &session).await {
                Ok(committed) => return Ok((number, committed.revision)),
                Err(CommitError::Conflict { .. } | CommitError::LeaseGone { .. }) => {
                    tokio::time::sleep(crate::backoff::jittered(attempt)).await;
                }
                Err(error) => return Err(error.into()),
            }
            before = store.get(&session).await?.item.map(|item| item.mod_revision);
            standing = self.standing(&region).await?;
        }
        Err(EngineError::Contended { key: key.as_str().to_owned() })
    }

    /// Derives the goal of a lane whose rollout may have ended long ago.
    async fn recall_goal(&self, lane: &Lane) -> Result<(), EngineError> {
        if self.shared.sessions.knows_goal(lane) { Ok(()) } else { self.read_goal(lane).await }
    }

    /// Reads the goal of a lane anew: another replica may have issued one that is not known here yet.
    ///
    /// # Errors
    /// If the store can't be read.
    pub async fn read_goal(&self, lane: &Lane) -> Result<(), EngineError> {
        let lanes = self.shared.books.lanes(&lane.service).await?;
        let Some(id) = lanes.value.get(&lane.region).and_then(|state| state.rollout.as_ref()) else {
            return Ok(());
        };
        let (record, _) = self.shared.books.rollout(id).await?;
        if let Some(goal) = goal(&record, &lane.region) {
            self.shared.sessions.push(goal);
        }
        Ok(())
    }
}
