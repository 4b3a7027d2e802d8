//! What Envoy should have, kind by kind, and what it said to it. It knows versions and acknowledgements; it does not know
//! what the resources mean nor how they travel.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::pb::Any;

/// The kinds of resources that we serve, in the order in which a new Envoy asks for them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub(super) enum Kind {
    /// Clusters with their endpoints: the slots.
    Cluster,
    /// The listener: the entrance.
    Listener,
    /// The route configuration: who goes where.
    Route,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Cluster, Self::Listener, Self::Route];

    pub(super) const fn type_url(self) -> &'static str {
        match self {
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Route => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        }
    }

    pub(super) fn of(type_url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.type_url() == type_url)
    }
}

/// All resources of one kind.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Publication {
    /// For people: Envoy shows it.
    pub(super) version: String,
    /// The resources.
    pub(super) resources: Vec<Any>,
}

/// Names a publication whose acknowledgement can be waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    kind: Kind,
    serial: u64,
}

/// Why a publication is not in effect.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Unsettled {
    /// Envoy refused it; its words.
    Refused(String),
    /// Envoy said nothing in time.
    Silent,
}

#[derive(Clone, Debug)]
struct Topic {
    /// Grows with each publication.
    serial: u64,
    current: Arc<Publication>,
    /// The last one that Envoy accepted: what it falls back to.
    good: Option<Arc<Publication>>,
    /// The highest serial accepted on the live stream; 0: none.
    accepted: u64,
    refused: Option<(u64, String)>,
}

#[derive(Clone, Debug)]
struct State {
    /// The newest stream; older ones are of a past connection and what they say is not counted.
    live: u64,
    topics: BTreeMap<Kind, Topic>,
}

/// The shared state between the driver, which publishes, and the streams, which deliver.
#[derive(Debug)]
pub(super) struct Feed {
    state: watch::Sender<State>,
}

impl Feed {
    /// Starts with a publication per kind, and what is known to be good from before.
    pub(super) fn new(first: impl Fn(Kind) -> Publication, good: impl Fn(Kind) -> Option<Publication>) -> Self {
        let topic = |kind| Topic {
            serial: 1,
            current: Arc::new(first(kind)),
            good: good(kind).map(Arc::new),
            accepted: 0,
            refused: None,
        };
        let topics = Kind::ALL.into_iter().map(|kind| (kind, topic(kind))).collect();
        Self { state: watch::Sender::new(State { live: 0, topics }) }
    }

    /// Replaces what Envoy should have. Equal to what it should have already: nothing is sent again.
    pub(super) fn publish(&self, kind: Kind, publication: Publication) -> Ticket {
        let mut serial = 0;
        self.state.send_if_modified(|state| {
            let Some(topic) = state.topics.get_mut(&kind) else {
                return false;
            };
            let is_new = *topic.current != publication;
            if is_new {
                topic.serial += 1;
                topic.current = Arc::new(publication);
            }
            serial = topic.serial;
            is_new
        });
        Ticket { kind, serial }
    }

    /// Waits until Envoy has said yes or no.
    pub(super) async fn settled(&self, ticket: Ticket, within: Duration) -> Result<(), Unsettled> {
        let mut states = self.state.subscribe();
        let answer = |state: &State| {
            let topic = state.topics.get(&ticket.kind)?;
            match &topic.refused {
                Some((serial, words)) if *serial == ticket.serial => Some(Err(Unsettled::Refused(words.clone()))),
                Some(_) | None => (topic.accepted >= ticket.serial).then_some(Ok(())),
            }
        };
        let Ok(Ok(state)) = timeout(within, states.wait_for(|state| answer(state).is_some())).await else {
            return Err(Unsettled::Silent);
        };
        answer(&state).unwrap_or(Err(Unsettled::Silent))
    }

    /// A stream begins: it is the live one, and Envoy has accepted nothing on it yet.
    pub(super) fn opened(&self) -> u64 {
        let mut live = 0;
        self.state.send_modify(|state| {
            state.live += 1;
            live = state.live;
            state.forget_answers();
        });
        live
    }

    /// A stream has ended. If it was the live one, nobody is there.
    pub(super) fn closed(&self, stream: u64) {
        self.state.send_if_modified(|state| {
            let was_live = state.live == stream;
            if was_live {
                state.forget_answers();
            }
            was_live
        });
    }

    /// Envoy accepted what was sent.
    pub(super) fn accepted(&self, stream: u64, kind: Kind, serial: u64) {
        self.state.send_if_modified(|state| {
            let live = state.live;
            let Some(topic) = state.topics.get_mut(&kind).filter(|_| live == stream) else {
                return false;
            };
            topic.accepted = topic.accepted.max(serial);
            if topic.serial == serial {
                topic.good = Some(Arc::clone(&topic.current));
            }
            true
        });
    }

    /// Envoy refused what was sent. It should have the last good one again, which is sent.
    pub(super) fn refused(&self, stream: u64, kind: Kind, serial: u64, words: String) {
        self.state.send_if_modified(|state| {
            let live = state.live;
            let Some(topic) = state.topics.get_mut(&kind).filter(|_| live == stream) else {
                return false;
            };
            topic.refused = Some((serial, words));
            let fallback = topic.good.clone().filter(|good| *good != topic.current);
            if let Some(good) = fallback.filter(|_| topic.serial == serial) {
                topic.serial += 1;
                topic.current = good;
            }
            true
        });
    }

    /// A view for a stream: tells when something has changed.
    pub(super) fn changes(&self) -> Changes {
        Changes(self.state.subscribe())
    }
}

impl State {
    fn forget_answers(&mut self) {
        for topic in self.topics.values_mut() {
            topic.accepted = 0;
            topic.refused = None;
        }
    }
}

/// A stream's view of the feed.
#[derive(Debug)]
pub(super) struct Changes(watch::Receiver<State>);

impl Changes {
    /// Waits for a change; `false` once the feed is gone.
    pub(super) async fn next(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }

    /// What Envoy should have of a kind.
    pub(super) fn current(&mut self, kind: Kind) -> Option<(u64, Arc<Publication>)> {
        let state = self.0.borrow_and_update();
        state.topics.get(&kind).map(|topic| (topic.serial, Arc::clone(&topic.current)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    fn version(text: &str) -> Publication {
        Publication { version: text.to_owned(), resources: Vec::new() }
    }

    fn current(feed: &Feed) -> (u64, String) {
        let (serial, publication) = feed.changes().current(Kind::Route).unwrap();
        (serial, publication.version.clone())
    }

    #[tokio::test]
    async fn a_refusal_brings_the_last_good_one_back() {
        let feed = Feed::new(|_| version("a"), |_| None);
        let stream = feed.opened();
        feed.accepted(stream, Kind::Route, 1);
        let bad = feed.publish(Kind::Route, version("bad"));
        assert_eq!(current(&feed), (2, "bad".to_owned()));
        assert_eq!(feed.settled(bad, SOON).await, Err(Unsettled::Silent));
        feed.refused(stream, Kind::Route, 2, "no".to_owned());
        assert_eq!(feed.settled(bad, SOON).await, Err(Unsettled::Refused("no".to_owned())));
        assert_eq!(current(&feed), (3, "a".to_owned()));
        feed.accepted(stream, Kind::Route, 3);
        let again = feed.publish(Kind::Route, version("a"));
        assert_eq!(feed.settled(again, SOON).await, Ok(()), "equal, so nothing was sent");
    }

    #[tokio::test]
    async fn only_the_live_stream_counts() {
        let feed = Feed::new(|_| version("a"), |_| None);
        let (old, new) = (feed.opened(), feed.opened());
        let ticket = feed.publish(Kind::Route, version("b"));
        feed.accepted(old, Kind::Route, 2);
        assert_eq!(feed.settled(ticket, SOON).await, Err(Unsettled::Silent));
        feed.accepted(new, Kind::Route, 2);
        feed.closed(old);
        assert_eq!(feed.settled(ticket, SOON).await, Ok(()));
        feed.closed(new);
        assert_eq!(feed.settled(ticket, SOON).await, Err(Unsettled::Silent), "nobody is there");
    }
}
