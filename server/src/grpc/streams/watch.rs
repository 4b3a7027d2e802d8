//! `WatchRollouts`: a snapshot, `synced`, then what changes, and bookmarks in between. The store's watch says that a
//! record has changed, the engine that something else is seen of it; both only wake, and the view is made anew.

use std::time::Duration;

use futures::StreamExt as _;
use meridian_core::digest::Digest;
use meridian_core::id::{RolloutId, ServiceId};
use meridian_proto::r#gen::v1::rollout::State;
use meridian_proto::r#gen::v1::watch_rollouts_response::{Bookmark, Item, Synced};
use meridian_proto::r#gen::v1::{Rollout, WatchRolloutsResponse};
use meridian_store::{Change, Key, Revision, StoreError, WatchEnded, WatchItem, WatchStream, layout, record};
use prost::Message as _;
use tokio::sync::{OwnedSemaphorePermit, broadcast};
use tokio::time::{Instant, sleep_until};
use tonic::{Code, Status};

use super::pending::Pending;
use super::{Cut, Outgoing, OutgoingStream, outgoing, too_slow};
use crate::engine::Changed;
use crate::error::EngineError;
use crate::grpc::front::code_name;
use crate::grpc::{Shared, status, view};

/// Items on their way to a reader. A screen's worth of rollouts; more are made anew when there is room.
const ROOM: usize = 64;
/// A bookmark comes at least this often; callers give up after three times the promised 30 s.
const BOOKMARK_EVERY: Duration = Duration::from_secs(15);
/// Records read at once for the snapshot.
const PAGE: usize = 200;

/// What is watched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::grpc) enum Target {
    /// One rollout.
    Rollout(RolloutId),
    /// All of a service.
    Service(ServiceId),
    /// All.
    All,
}

struct Watching {
    shared: Shared,
    target: Target,
    out: Outgoing<WatchRolloutsResponse>,
    pending: Pending,
    /// Everything up to here was read from the store.
    read: Revision,
    bookmark_at: Instant,
}

/// How a watch ends.
enum End {
    /// Its reader has gone.
    Gone,
    /// With a last word.
    Word(Status),
}

impl From<Cut> for End {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::Gone => Self::Gone,
            Cut::Slow => Self::Word(too_slow()),
        }
    }
}

impl From<EngineError> for End {
    fn from(error: EngineError) -> Self {
        Self::Word(status::refused(&error))
    }
}

/// Opens a watch. `start` 0 begins with a snapshot.
pub(in crate::grpc) async fn open(
    shared: &Shared,
    target: Target,
    start: u64,
) -> Result<OutgoingStream<WatchRolloutsResponse>, Status> {
    let permit = shared.streams.watch_permit().ok_or_else(|| {
        let message = "this server has as many watches as it takes; end one, or ask another server";
        status::reasoned(Code::ResourceExhausted, "TOO_MANY_WATCHES", message)
    })?;
    let changes = shared.engine.subscribe();
    let (prefix, start) = (layout::rollouts(), Revision::new(start));
    let from = if start == Revision::ZERO { None } else { Some(resumable(shared, start).await?) };
    let watch = match from {
        Some(from) => Some(shared.store.watch(&prefix, from).await.map_err(|error| refused(&error))?),
        None => None,
    };
    let (out, stream) = outgoing(ROOM);
    let bookmark_at = Instant::now() + BOOKMARK_EVERY;
    let watching =
        Watching { shared: shared.clone(), target, out, pending: Pending::default(), read: start, bookmark_at };
    shared.streams.spawn(watching.run(watch, changes, permit));
    Ok(stream)
}

/// A revision ahead of the store is of another life of it: what it stood for is gone.
async fn resumable(shared: &Shared, start: Revision) -> Result<Revision, Status> {
    let head = shared.store.list(&layout::rollouts(), None, 1).await.map_err(|error| refused(&error))?.revision;
    if start <= head { Ok(start) } else { Err(compacted()) }
}

fn compacted() -> Status {
    let message = "the history after this revision is no longer kept; begin again with start_revision 0";
    status::reasoned(Code::OutOfRange, "COMPACTED", message)
}

fn refused(error: &StoreError) -> Status {
    status::refused(&EngineError::from(error.clone()))
}

impl Watching {
    async fn run(
        mut self,
        watch: Option<WatchStream>,
        mut changes: broadcast::Receiver<Changed>,
        _permit: OwnedSemaphorePermit,
    ) {
        self.shared.metrics.links.watches.inc();
        let end = match self.follow(watch, &mut changes).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        self.shared.metrics.links.watches.dec();
        let Self { shared, out, .. } = self;
        match end {
            End::Gone => out.finish(None),
            End::Word(word) => {
                shared.metrics.links.cut(code_name(word.code()));
                out.finish(Some(word));
            }
        }
    }

    async fn follow(
        &mut self,
        watch: Option<WatchStream>,
        changes: &mut broadcast::Receiver<Changed>,
    ) -> Result<std::convert::Infallible, End> {
        let mut watch = match watch {
            Some(watch) => {
                // The reader learns at once that it has been taken up again.
                self.bookmark().await?;
                watch
            }
            None => self.snapshot().await?,
        };
        loop {
            let next = self.pending.next();
            let next = next.map_or(self.bookmark_at, |due| due.min(self.bookmark_at));
            tokio::select! {
                () = self.out.gone() => return Err(End::Gone),
                () = self.shared.streams.draining() => {
                    return Err(End::from(EngineError::Draining));
                }
                item = watch.next() => self.noted(item)?,
                changed = changes.recv() => self.seen(changed).await?,
                () = sleep_until(next) => self.tell().await?,
            }
        }
    }

    /// Sends all that is there, and begins to watch where the first page was read.
    async fn snapshot(&mut self) -> Result<WatchStream, End> {
        let prefix = layout::rollouts();
        let (mut after, mut from) = (None::<Key>, None);
        loop {
            let page = self.shared.catalog.entries(&prefix, after.as_ref(), PAGE).await?;
            from = from.or(Some(page.revision));
            for item in &page.items {
                let Ok(outline) = record::decode_outline(&item.key, &item.value) else {
                    continue;
                };
                if self.wants(&outline.id, &outline.service)
                    && let Some((rollout, _)) = self.view(&outline.id).await?
                {
                    self.send(Item::Snapshot(rollout)).await?;
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        self.read = from.unwrap_or(Revision::ZERO);
        let watch = self.shared.store.watch(&prefix, self.read).await.map_err(EngineError::from)?;
        self.send(Item::Synced(Synced { revision: self.read.get() })).await?;
        Ok(watch)
    }

    fn wants(&self, id: &RolloutId, service: &ServiceId) -> bool {
        match &self.target {
            Target::Rollout(wanted) => wanted == id,
            Target::Service(wanted) => wanted == service,
            Target::All => true,
        }
    }

    /// Whether a rollout may be one of those watched, as far as its name tells.
    fn may_want(&self, id: &RolloutId) -> bool {
        match &self.target {
            Target::Rollout(wanted) => wanted == id,
            Target::Service(_) | Target::All => !self.pending.is_stranger(id),
        }
    }

    fn noted(&mut self, item: Option<Result<WatchItem, WatchEnded>>) -> Result<(), End> {
        match item {
            Some(Ok(WatchItem::Changes { revision, changes })) => {
                self.read = self.read.max(revision);
                for change in changes {
                    let Change::Put(item) = change else { continue };
                    let Ok(outline) = record::decode_outline(&item.key, &item.value) else {
                        continue;
                    };
                    if self.wants(&outline.id, &outline.service) {
                        self.pending.note(outline.id, item.mod_revision, Instant::now());
                    }
                }
                Ok(())
            }
            Some(Ok(WatchItem::Progress { revision })) => {
                self.read = self.read.max(revision);
                Ok(())
            }
            Some(Err(WatchEnded::Compacted { .. })) => Err(End::Word(compacted())),
            Some(Err(WatchEnded::TooSlow)) => Err(End::Word(too_slow())),
            Some(Err(ended @ (WatchEnded::Cancelled | WatchEnded::Unavailable { .. }))) => {
                Err(End::from(EngineError::Unavailable(ended.to_string())))
            }
            None => Err(End::from(EngineError::Unavailable("the store ended the watch".to_owned()))),
        }
    }

    async fn seen(&mut self, changed: Result<Changed, broadcast::error::RecvError>) -> Result<(), End> {
        match changed {
            Ok(Changed { id }) => {
                if self.may_want(&id) {
                    self.pending.note(id, Revision::ZERO, Instant::now());
                }
                Ok(())
            }
            // What was missed is among those told so far, or in the store's watch.
            Err(broadcast::error::RecvError::Lagged(_)) => {
                self.pending.note_all(Instant::now());
                Ok(())
            }
            Err(broadcast::error::RecvError::Closed) => Err(End::from(EngineError::Draining)),
        }
    }

    /// Tells what is due.
    async fn tell(&mut self) -> Result<(), End> {
        let now = Instant::now();
        for (id, due) in self.pending.take(now) {
            let Some((rollout, service)) = self.view(&id).await? else {
                continue;
            };
            if !self.wants(&id, &service) {
                self.pending.estrange(id);
                continue;
            }
            if rollout.revision < due.revision.get() && self.pending.put_back(&id, due, now) {
                continue;
            }
            if !self.pending.is_news(&id, digest(&rollout), now) {
                continue;
            }
            // One that is over changes no more, and must not be remembered for ever.
            if is_over(&rollout) {
                self.pending.forget(&id);
            }
            self.send(Item::Delta(rollout)).await?;
        }
        if now >= self.bookmark_at {
            self.bookmark().await?;
        }
        Ok(())
    }

    /// Everything up to the bookmark was told: what is due lies after it.
    async fn bookmark(&mut self) -> Result<(), End> {
        let pending = self.pending.earliest();
        let whole = pending.map_or(self.read.get(), |pending| self.read.get().min(pending.get() - 1));
        self.bookmark_at = Instant::now() + BOOKMARK_EVERY;
        self.send(Item::Bookmark(Bookmark { revision: whole })).await
    }

    async fn view(&self, id: &RolloutId) -> Result<Option<(Rollout, ServiceId)>, End> {
        match self.shared.engine.status(id).await {
            Ok(status) => Ok(Some((view::rollout(&status), status.record.plan.service.clone()))),
            // One that can't be read must not end the watch of all others; the engine tells of it.
            Err(EngineError::NotFound { .. } | EngineError::Corrupt(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn send(&self, item: Item) -> Result<(), End> {
        Ok(self.out.send(WatchRolloutsResponse { item: Some(item) }).await?)
    }
}

fn is_over(rollout: &Rollout) -> bool {
    rollout.actions.is_empty() && rollout.state != i32::from(State::RollingBack)
}

/// Of the view without its times: the same again is no news.
fn digest(rollout: &Rollout) -> Digest {
    let timeless = Rollout { view_time: None, known_time: None, ..rollout.clone() };
    Digest::of(&timeless.encode_to_vec())
}
