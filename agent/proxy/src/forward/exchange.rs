//! Choosing, connecting, starting and sending, again where that is safe. It knows the promises about switches: a request
//! that has not started moves with the routing, one that has started ends where it is, and none is lost to a connection
//! that was closed before it could carry it.

use std::sync::Arc;
use std::time::Duration;

use http::{Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::time::{Instant, sleep};

use super::Forwarder;
use super::pending::Pending;
use crate::control::Slot;
use crate::routing::{Chosen, Snapshot, Start};
use crate::stats::{Flight, Reason};
use crate::upstream::{ConnectError, Connection, HandOff, UpstreamBody};

/// A slot's answer.
pub(super) struct Answered {
    pub(super) response: Response<Incoming>,
    pub(super) connection: Connection,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) chosen: Chosen,
    pub(super) flight: Flight,
}

/// No answer from a slot.
pub(super) enum Failed {
    /// Because of the slot, or because there is none.
    Slot { slot: Option<Slot>, reason: Reason, why: String },
    /// Because the client's body broke off.
    Client,
}

/// What one attempt on a connection came to, when not to an answer.
enum Lost {
    TimedOut,
    Broken(Box<TrySendError<http::Request<UpstreamBody>>>),
}

type Route = (Arc<Snapshot>, Chosen);

impl Answered {
    /// A slot that changes the protocol without being asked: what follows is no HTTP, and nobody's to read.
    pub(super) fn is_unasked_switch(&self, pending: &Pending) -> bool {
        self.response.status() == StatusCode::SWITCHING_PROTOCOLS && pending.upgrade.is_none()
    }
}

impl Failed {
    fn of(slot: Slot, reason: Reason, why: impl ToString) -> Self {
        Self::Slot { slot: Some(slot), reason, why: why.to_string() }
    }
}

impl Forwarder {
    pub(super) async fn exchange(&self, pending: &mut Pending) -> Result<Answered, Failed> {
        let (mut kept, mut retry) = (None, false);
        // Each turn but one takes a newer routing, and those come one at a time from one teller.
        loop {
            let (snapshot, chosen) = self.route(kept.take(), pending)?;
            let Some((mut connection, start)) = self.connect(&snapshot, chosen.slot, retry).await? else {
                continue;
            };
            let flight = self.counters.set_off(chosen.slot);
            let may_be_stale = connection.is_reused() && !retry;
            let may_repeat = may_be_stale && pending.is_repeatable();
            match self.send(&mut connection, pending, &snapshot, chosen.slot, start).await {
                Ok(response) => {
                    return Ok(Answered { response, connection, snapshot, chosen, flight });
                }
                Err(Lost::TimedOut) => {
                    return Err(Failed::of(chosen.slot, Reason::Timeout, "no response head in time"));
                }
                Err(Lost::Broken(mut error)) => {
                    let unsent = error.take_message();
                    let was_sent = unsent.is_none();
                    pending.body = unsent.and_then(|request| request.into_body().into_incoming());
                    let error = error.into_error();
                    if may_be_stale && (!was_sent || may_repeat) {
                        (kept, retry) = (Some((snapshot, chosen)), true);
                    } else if error.is_user() {
                        return Err(Failed::Client);
                    } else {
                        return Err(Failed::of(chosen.slot, Reason::Reset, error));
                    }
                }
            }
        }
    }

    /// The kept route while it is in effect, else a new choice.
    fn route(&self, kept: Option<Route>, pending: &Pending) -> Result<Route, Failed> {
        if let Some(route) = kept.filter(|(snapshot, _)| self.table.is_current(snapshot)) {
            return Ok(route);
        }
        let Some(snapshot) = self.table.current() else {
            let why = "no routing was told yet".to_owned();
            return Err(Failed::Slot { slot: None, reason: Reason::NoTarget, why });
        };
        let chosen = self.table.choose(&snapshot, &pending.headers);
        Ok((snapshot, chosen))
    }

    /// A connection, and the right to start on it; `None` when the routing was replaced while waiting for it.
    async fn connect(
        &self,
        snapshot: &Snapshot,
        slot: Slot,
        fresh: bool,
    ) -> Result<Option<(Connection, Start)>, Failed> {
        let Some(upstream) = snapshot.upstreams.get(slot) else {
            return Err(Failed::of(slot, Reason::NoTarget, "the slot has no target"));
        };
        let connection = tokio::select! {
            biased;
            connection = upstream.connection(fresh) => connection,
            // A request that hangs on a dead slot is saved by the switch away from it.
            () = self.table.replaced(snapshot) => return Ok(None),
        };
        match connection {
            Ok(connection) => match self.table.start(snapshot) {
                Some(start) => Ok(Some((connection, start))),
                None => {
                    connection.give_back();
                    Ok(None)
                }
            },
            // The slot may have been stopped because the routing has left it.
            Err(_) if !self.table.is_current(snapshot) => Ok(None),
            Err(error @ ConnectError::TimedOut(_)) => Err(Failed::of(slot, Reason::Timeout, error)),
            Err(error @ (ConnectError::Io(_) | ConnectError::Handshake(_))) => {
                Err(Failed::of(slot, Reason::Connect, error))
            }
        }
    }

    /// Sends on one connection. The right to start ends when the head is out; patience ends when for a whole timeout
    /// there was neither a response head nor any progress of the upload.
    async fn send(
        &self,
        connection: &mut Connection,
        pending: &mut Pending,
        snapshot: &Snapshot,
        slot: Slot,
        start: Start,
    ) -> Result<Response<Incoming>, Lost> {
        let hand_off: Arc<HandOff> = connection.hand_off();
        let address = snapshot.upstreams.get(slot).as_ref().map_or("", |up| up.target().address.as_str());
        let request = pending.request(connection.protocol(), address, &hand_off);
        let (head_is_out, sent) = (hand_off.head_is_out(), connection.send(request));
        let patience: Duration = self.timeout;
        let patience_ends = sleep(patience);
        tokio::pin!(head_is_out, sent, patience_ends);
        let (mut start, mut frames) = (Some(start), 0);
        loop {
            tokio::select! {
                biased;
                answer = &mut sent => return answer.map_err(|error| Lost::Broken(Box::new(error))),
                () = &mut head_is_out, if start.is_some() => start = None,
                () = &mut patience_ends => {
                    let now = hand_off.frames();
                    if now == frames {
                        return Err(Lost::TimedOut);
                    }
                    frames = now;
                    patience_ends.as_mut().reset(Instant::now() + patience);
                }
            }
        }
    }
}
