//! Agents connected now: who they are, what they last saw, and what is to be told to them. Of several replicas each knows
//! the sessions of all: its own first-hand, the others' through the store. Nothing here is durable, all of it is under
//! leases, and nothing here decides.

mod attend;
mod elsewhere;
mod entry;
pub mod outbox;
mod pace;
mod publish;
mod quarantine;
pub mod registry;
mod vetoes;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use meridian_store::{Store, layout};
use tokio_util::sync::CancellationToken;

pub use entry::SILENCE_MAX;
pub use outbox::{Outbox, Waiting};
pub use pace::Pace;
pub use registry::{AgentFacts, RegionStatus, SessionTicket, Sessions};

use crate::clock::Clock;
use crate::mirror;
use crate::ownership::Ownership;
use elsewhere::{HeardElsewhere, NewestSessions};
use publish::Publisher;

/// Between two listings of sessions and of what was heard; in between the watches tell.
const LISTED_EVERY: Duration = Duration::from_secs(30);

/// What the tasks of sessions need.
pub(crate) struct Parts {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub ownership: Ownership,
}

/// The tasks that keep this replica and the others in the picture; each runs until `shutdown`.
pub(crate) fn tasks(
    sessions: &Arc<Sessions>,
    parts: &Parts,
    shutdown: &CancellationToken,
) -> Vec<BoxFuture<'static, ()>> {
    let Parts { store, clock, ownership } = parts;
    let own = || (sessions.clone(), store.clone(), shutdown.clone());
    let newest = {
        let (sessions, store, shutdown) = own();
        let sink = NewestSessions { sessions, clock: clock.clone(), me: ownership.me().clone() };
        mirror::follow(store, layout::sessions(), LISTED_EVERY, sink, shutdown)
    };
    let heard = {
        let (sessions, store, shutdown) = own();
        mirror::follow(store, layout::all_seen(), LISTED_EVERY, HeardElsewhere { sessions }, shutdown)
    };
    let publishing = {
        let (sessions, store, shutdown) = own();
        Publisher::new(sessions, store, ownership.clone()).run(shutdown)
    };
    let attending = {
        let (sessions, store, shutdown) = own();
        attend::run(sessions, store, clock.clone(), ownership.clone(), shutdown)
    };
    vec![newest.boxed(), heard.boxed(), publishing.boxed(), attending.boxed()]
}
