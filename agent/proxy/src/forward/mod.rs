//! One request, from its head to the last byte of its answer. It knows the order of things (choose, connect, start,
//! send, answer) and what may be tried again; the parts know how.

mod answer;
mod exchange;
mod headers;
mod pending;
mod tunnel;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tracing::debug;

pub(crate) use self::answer::AnswerBody;
use self::exchange::{Answered, Failed};
use self::pending::Pending;
use crate::routing::{Table, sticky_cookie};
use crate::stats::{Counters, Reason};
use crate::tasks::Tasks;

/// Who sends the request.
pub(crate) struct Client {
    /// Where from.
    pub(crate) address: SocketAddr,
    /// The place among the served connections; a tunnel keeps it after its connection has become the tunnel.
    pub(crate) place: Arc<OwnedSemaphorePermit>,
}

/// Answers requests by asking the slot that the routing chooses.
pub(crate) struct Forwarder {
    table: Arc<Table>,
    counters: Arc<Counters>,
    timeout: Duration,
    tunnels: Tasks,
}

impl Forwarder {
    /// Waits at most `timeout` for a connection, and as long again for a response head; tunnels run in `tunnels`.
    pub(crate) const fn new(table: Arc<Table>, counters: Arc<Counters>, timeout: Duration, tunnels: Tasks) -> Self {
        Self { table, counters, timeout, tunnels }
    }

    /// Answers a request. It never fails: what cannot be had from a slot is answered by the proxy.
    pub(crate) async fn forward(&self, request: Request<Incoming>, client: &Client) -> Response<AnswerBody> {
        let began = Instant::now();
        let mut pending = match Pending::new(request, client.address.ip()) {
            Ok(pending) => pending,
            Err(unfit) => return answer::refused(unfit.status(), unfit.as_str()),
        };
        match self.exchange(&mut pending).await {
            Ok(answered) if answered.is_unasked_switch(&pending) => {
                self.counters.failed(Some(answered.chosen.slot), Reason::Reset);
                answer::refused(Reason::Reset.status(), Reason::Reset.as_str())
            }
            Ok(answered) => {
                let status = answered.response.status();
                self.counters.answered(answered.chosen.slot, status, began.elapsed());
                self.finish(answered, pending, client)
            }
            Err(Failed::Slot { slot, reason, why }) => {
                debug!(?slot, reason = reason.as_str(), why, "answering for a slot");
                self.counters.failed(slot, reason);
                answer::refused(reason.status(), reason.as_str())
            }
            // Most likely nobody reads this any more.
            Err(Failed::Client) => answer::refused(StatusCode::BAD_REQUEST, "client_body"),
        }
    }

    fn finish(&self, answered: Answered, pending: Pending, client: &Client) -> Response<AnswerBody> {
        let Answered { mut response, connection, snapshot, chosen, flight } = answered;
        let switching = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let upgrade = pending.upgrade.filter(|_| switching);
        headers::answer(&mut response, chosen.slot, upgrade.is_some());
        if let Some(sticky) = snapshot.routing.sticky.as_ref().filter(|_| chosen.remember)
            && let Some(cookie) = sticky_cookie(sticky, chosen.slot)
        {
            response.headers_mut().append(http::header::SET_COOKIE, cookie);
        }
        if let Some(upgrade) = upgrade {
            let upstream = hyper::upgrade::on(&mut response);
            let place = Arc::clone(&client.place);
            self.tunnels.spawn(tunnel::run(upgrade.client, upstream, (flight, place, connection)));
            return response.map(|_| AnswerBody::empty());
        }
        response.map(|body| AnswerBody::slot(body, connection, flight))
    }
}
