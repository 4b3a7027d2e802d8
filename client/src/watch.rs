//! Watching rollouts: a snapshot, then changes, over as many connections as it takes. It reconnects where it left off and
//! says when it has lost the server, so that nobody takes an old view for a new one.

use std::time::Duration;

use backon::ExponentialBackoff;
use meridian_core::id::ServiceId;
use meridian_proto::convert::name;
use meridian_proto::r#gen::v1;
use meridian_proto::r#gen::v1::rollout_service_client::RolloutServiceClient as Calls;
use meridian_proto::r#gen::v1::watch_rollouts_response::{Bookmark, Item, Synced};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::connect::{Client, Stream};
use crate::error::{ClientError, RefusalKind};
use crate::name::RolloutName;
use crate::retry;
use crate::rollouts::RolloutView;
use crate::wire;

const CALL: &str = "watch rollouts";
/// Three bookmarks: a server that has said nothing for that long has forgotten this watch.
const SILENCE_MAX: Duration = Duration::from_secs(90);
/// A watch gives up after this long without a server; by then somebody has to look after the servers themselves.
const LOST_MAX: Duration = Duration::from_secs(900);
/// Tries of the first connection per address: whoever starts a watch wants to know soon that there is no server.
const FIRST_TRIES_MAX: usize = 3;

/// What to watch.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum WatchTarget {
    /// One rollout.
    Rollout(RolloutName),
    /// All rollouts of a service.
    Service(ServiceId),
    /// All rollouts.
    All,
}

/// What a watch tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum WatchItem {
    /// What was known is void: a new snapshot follows.
    Reset,
    /// Part of the snapshot.
    Snapshot(Box<RolloutView>),
    /// The snapshot is whole up to this revision.
    Synced(u64),
    /// A rollout after a change.
    Delta(Box<RolloutView>),
    /// Everything up to this revision has been sent.
    Bookmark(u64),
    /// The server is lost; what was told is as old as it is. The watch looks for a server on its own.
    Lost(String),
}

/// A watch. Dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    client: Client,
    target: WatchTarget,
    /// Everything up to here has been told; 0: begin with a snapshot.
    revision: u64,
    link: Link,
    /// Since when there is no server; `None` until the first loss.
    lost: Option<Instant>,
    /// Connections tried since a server last spoke.
    tries: usize,
    pauses: ExponentialBackoff,
}

#[derive(Debug)]
enum Link {
    /// Open, heard of last at that time; whether it has told anything yet.
    Open { stream: Box<Stream<v1::WatchRolloutsResponse>>, heard: Instant, told: bool },
    /// None. The next try is due then.
    Closed { due: Instant },
}

impl Client {
    /// Begins a watch; the first connection opens with the first [`Watch::next`]. `revision` 0 begins with a snapshot,
    /// another one with everything after it.
    #[must_use]
    pub fn watch(&self, target: WatchTarget, revision: u64) -> Watch {
        let link = Link::Closed { due: Instant::now() };
        Watch { client: self.clone(), target, revision, link, lost: None, tries: 0, pauses: retry::pauses() }
    }
}

impl Watch {
    /// The next thing to tell. Waiting for it may be abandoned at any time without losing anything.
    ///
    /// # Errors
    /// No server from the start, none for a quarter of an hour, or one that refuses. After an error the watch may be
    /// asked again.
    pub async fn next(&mut self) -> Result<WatchItem, ClientError> {
        loop {
            let Link::Open { stream, heard, told } = &mut self.link else {
                if let Some(item) = self.reconnect().await? {
                    return Ok(item);
                }
                continue;
            };
            let answer = timeout_at(*heard + SILENCE_MAX, stream.next()).await;
            let why = match answer {
                Ok(Ok(Some(message))) => {
                    (*heard, *told) = (Instant::now(), true);
                    (self.lost, self.tries, self.pauses) = (None, 0, retry::pauses());
                    match self.take(message)? {
                        Some(item) => return Ok(item),
                        None => continue,
                    }
                }
                Ok(Ok(None)) => "the server has ended the watch".to_owned(),
                Ok(Err(error)) => match self.refused(error)? {
                    Ok(item) => return Ok(item),
                    Err(why) => why,
                },
                Err(_) => format!("nothing came for {} s", SILENCE_MAX.as_secs()),
            };
            self.close();
            return Ok(WatchItem::Lost(why));
        }
    }

    /// The revision to begin after, should somebody watch on later.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    fn take(&mut self, message: v1::WatchRolloutsResponse) -> Result<Option<WatchItem>, ClientError> {
        let view = |rollout: v1::Rollout| wire::answer(CALL, RolloutView::try_from(rollout)).map(Box::new);
        Ok(match message.item {
            Some(Item::Snapshot(rollout)) => Some(WatchItem::Snapshot(view(rollout)?)),
            Some(Item::Delta(rollout)) => {
                let view = view(rollout)?;
                self.revision = self.revision.max(view.revision);
                Some(WatchItem::Delta(view))
            }
            Some(Item::Synced(Synced { revision })) => {
                self.revision = revision;
                Some(WatchItem::Synced(revision))
            }
            Some(Item::Bookmark(Bookmark { revision })) => {
                self.revision = self.revision.max(revision);
                Some(WatchItem::Bookmark(revision))
            }
            // An item of a newer server: nothing that this client could tell.
            None => None,
        })
    }

    /// What an error on the stream means: a new beginning, a lost server (and why), or the end.
    fn refused(&mut self, error: ClientError) -> Result<Result<WatchItem, String>, ClientError> {
        let compacted = error.refusal().is_some_and(|refusal| refusal.kind == RefusalKind::OutOfRange);
        if compacted && self.revision != 0 {
            self.revision = 0;
            self.close();
            return Ok(Ok(WatchItem::Reset));
        }
        if error.retryable() || matches!(error, ClientError::Timeout { .. }) {
            return Ok(Err(error.to_string()));
        }
        self.close();
        Err(error)
    }

    /// A server that spoke and is gone was most often restarted, and another one is there: look at once. One that never
    /// spoke is given time.
    fn close(&mut self) {
        let now = Instant::now();
        let told = matches!(self.link, Link::Open { told: true, .. });
        let pause = if told { Duration::ZERO } else { self.pauses.next().unwrap_or_default() };
        self.link = Link::Closed { due: now + pause };
        self.lost.get_or_insert(now);
    }

    async fn reconnect(&mut self) -> Result<Option<WatchItem>, ClientError> {
        let Link::Closed { due } = &self.link else {
            return Ok(None);
        };
        sleep_until(*due).await;
        let target = match &self.target {
            WatchTarget::Rollout(name) => name.to_string(),
            WatchTarget::Service(service) => name::service(service),
            WatchTarget::All => "services/-".to_owned(),
        };
        let message = v1::WatchRolloutsRequest { target, start_revision: self.revision };
        let opened = self.client.open(CALL, message, |link, m| async move { Calls::new(link).watch_rollouts(m).await });
        match opened.await {
            Ok(stream) => {
                self.link = Link::Open { stream: Box::new(stream), heard: Instant::now(), told: false };
                Ok(None)
            }
            Err(error) => self.failed(error),
        }
    }

    /// A connection that did not open.
    fn failed(&mut self, error: ClientError) -> Result<Option<WatchItem>, ClientError> {
        let addresses = self.client.addresses();
        self.tries += 1;
        let now = Instant::now();
        // A round over all addresses costs no pause.
        let round_over = self.tries.is_multiple_of(addresses);
        let pause = if round_over { self.pauses.next().unwrap_or_default() } else { Duration::ZERO };
        self.link = Link::Closed { due: now + pause };
        let give_up = match self.lost {
            None => self.tries >= FIRST_TRIES_MAX * addresses,
            Some(lost) => now.duration_since(lost) > LOST_MAX,
        };
        if give_up && error.retryable() {
            return Err(error);
        }
        match self.refused(error)? {
            Ok(reset) => Ok(Some(reset)),
            Err(_) => Ok(None),
        }
    }
}
