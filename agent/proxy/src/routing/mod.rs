//! Which slot a request goes to: one immutable snapshot, replaced as a whole. It knows requests by their headers only,
//! and nothing of connections beyond handing out a slot's upstream.

mod choice;
mod cookie;
mod gate;
mod validate;
mod weyl;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::HeaderMap;

use self::choice::Chooser;
pub(crate) use self::choice::{Chosen, sticky_cookie};
use self::gate::Gate;
pub(crate) use self::gate::{Start, Starters};
pub(crate) use self::validate::{Fence, fence, validate};
use self::weyl::Weyl;
use crate::control::{Routing, Slots};
use crate::upstream::{Upstream, Upstreams};

/// One routing, ready to be asked.
pub(crate) struct Snapshot {
    /// As told.
    pub(crate) routing: Routing,
    /// The connections to each slot that has a target.
    pub(crate) upstreams: Slots<Option<Arc<Upstream>>>,
    chooser: Chooser,
    starters: Arc<Starters>,
}

/// The snapshot in effect, and the order of its replacements.
pub(crate) struct Table {
    current: ArcSwapOption<Snapshot>,
    gate: Gate,
    weyl: Weyl,
}

impl Table {
    /// Without any routing: every request is refused.
    pub(crate) fn new() -> Self {
        Self { current: ArcSwapOption::empty(), gate: Gate::new(), weyl: Weyl::new() }
    }

    /// What routes requests now.
    pub(crate) fn current(&self) -> Option<Arc<Snapshot>> {
        self.current.load_full()
    }

    /// Whether a snapshot still is the one in effect.
    pub(crate) fn is_current(&self, snapshot: &Snapshot) -> bool {
        self.gate.is_current(&snapshot.starters)
    }

    /// Done when a snapshot is not in effect any more.
    pub(crate) async fn replaced(&self, snapshot: &Snapshot) {
        self.gate.replaced(&snapshot.starters).await;
    }

    /// Puts a routing into effect; the caller holds the lock that orders such calls. Connections to targets that stay
    /// are kept.
    pub(crate) fn replace(&self, routing: Routing, upstreams: &Upstreams) {
        let before = self.current();
        let targets = Slots::from_fn(|slot| {
            let target = routing.slots.get(slot).as_ref()?;
            let kept = before.as_ref().and_then(|snapshot| snapshot.upstreams.get(slot).clone());
            Some(kept.filter(|upstream| upstream.target() == target).unwrap_or_else(|| upstreams.open(target)))
        });
        let chooser = Chooser::new(&routing);
        let starters = self.gate.next();
        let snapshot = Snapshot { routing, upstreams: targets, chooser, starters: Arc::clone(&starters) };
        self.current.store(Some(Arc::new(snapshot)));
        self.gate.turn(&starters);
    }

    /// Chooses the slot of a request.
    pub(crate) fn choose(&self, snapshot: &Snapshot, headers: &HeaderMap) -> Chosen {
        snapshot.chooser.choose(headers, &self.weyl)
    }

    /// Enters the stretch between the last look at the routing and the head's arrival at the slot's connection.
    /// `None` when the routing was replaced meanwhile: the request has to be chosen again.
    pub(crate) fn start(&self, snapshot: &Snapshot) -> Option<Start> {
        self.gate.start(&snapshot.starters)
    }

    /// Waits until nothing chosen by an older routing can start any more; false when `bound` passed first.
    pub(crate) async fn settle(&self, bound: Duration) -> bool {
        self.gate.settle(bound).await
    }
}

#[cfg(test)]
mod tests;
