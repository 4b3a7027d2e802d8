//! One session with one server: hello first, then goals in and reports out, until one side ends. It does not know how
//! the connection was made, nor what a lane does with a goal.

use std::time::Duration;

use meridian_proto::convert::{Hello, report_to_wire, span_from_wire};
use meridian_proto::r#gen::agent::v1::agent_service_client::AgentServiceClient;
use meridian_proto::r#gen::agent::v1::session_request::Message as Request;
use meridian_proto::r#gen::agent::v1::session_response::Message as Response;
use meridian_proto::r#gen::agent::v1::{self as wire, SessionRequest, SessionResponse};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};
use tracing::{debug, info, warn};

use super::goals::Goals;
use crate::board::Board;
use crate::contact::ContactClock;
use crate::metrics::{LinkIs, Metrics};

/// For a server's first words; it has nothing to do but to say them.
const WELCOME_MAX: Duration = Duration::from_secs(5);
/// A report that a server does not take within this is one too many: it is connected, but does not read.
const SEND_MAX: Duration = Duration::from_secs(10);
/// Reports on their way: one that travels, and one that is ready. More would only be older.
const OUTBOX: usize = 1;
/// Regular reports come at least this often, whatever the server allows.
const REPORT_MAX: Duration = Duration::from_secs(1);
/// And not more often than this.
const REPORT_MIN: Duration = Duration::from_millis(100);
/// The longest that a server may keep us away.
const AWAY_MAX: Duration = Duration::from_secs(60);

/// How a session ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The server goes away and says when to come back.
    Drained(Duration),
    /// The server ended the stream.
    Closed,
}

/// Why a session broke.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    /// The server said so, or the connection is gone.
    #[error("the session broke: {} ({})", .0.message(), .0.code())]
    Broke(#[source] Box<Status>),
    /// No first words.
    #[error("the server did not welcome us within {WELCOME_MAX:?}")]
    NotWelcomed,
    /// First words that are none.
    #[error("the server spoke before it welcomed us")]
    OutOfOrder,
    /// It does not read.
    #[error("the server took no report for {SEND_MAX:?}")]
    NotReading,
}

impl From<Status> for SessionError {
    fn from(status: Status) -> Self {
        Self::Broke(Box::new(status))
    }
}

/// Holds a session until it ends. Dropping it ends it.
pub(super) async fn hold(
    channel: Channel,
    hello: Hello,
    goals: &Goals,
    board: &Board,
    contact: &ContactClock,
    metrics: &Metrics,
) -> Result<Ended, SessionError> {
    let (outbox, outgoing) = mpsc::channel(OUTBOX);
    let hello = SessionRequest { message: Some(Request::Hello(wire::Hello::from(&hello))) };
    // Queued before the call: the server's answer waits for it.
    outbox.try_send(hello).map_err(|_| SessionError::NotReading)?;
    let mut client = AgentServiceClient::new(channel);
    let welcomed = async {
        let mut incoming = client.session(ReceiverStream::new(outgoing)).await?.into_inner();
        let welcome = next(&mut incoming).await?;
        Ok::<_, SessionError>((incoming, welcome))
    };
    let (incoming, welcome) = timeout(WELCOME_MAX, welcomed).await.map_err(|_| SessionError::NotWelcomed)??;
    let Some(Response::Welcome(welcome)) = welcome else {
        return Err(SessionError::OutOfOrder);
    };
    let wire::Welcome { session_number, server_version, report_interval } = welcome;
    info!(session_number, server_version, "welcomed");
    contact.opened();
    metrics.link_is(LinkIs::Open);
    let ended = talk(incoming, &outbox, report_every(report_interval), goals, board).await;
    metrics.link_is(LinkIs::Closed);
    ended
}

async fn talk(
    mut incoming: Streaming<SessionResponse>,
    outbox: &mpsc::Sender<SessionRequest>,
    every: Duration,
    goals: &Goals,
    board: &Board,
) -> Result<Ended, SessionError> {
    let mut regular = interval(every);
    regular.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut due: Option<Instant> = None;
    loop {
        let stalled = due.map_or_else(Instant::now, |since| since + SEND_MAX);
        tokio::select! {
            // In this order: goals before reports, because a report may already be the answer to the goal.
            biased;
            message = incoming.message() => match message? {
                None => return Ok(Ended::Closed),
                Some(SessionResponse { message }) => {
                    if let Some(ended) = hear(message, goals) {
                        return Ok(ended);
                    }
                }
            },
            permit = outbox.reserve(), if due.is_some() => {
                let Ok(permit) = permit else { return Ok(Ended::Closed) };
                // Looked at only now that it can travel: the latest wins.
                let report = report_to_wire(&board.take_untold());
                permit.send(SessionRequest { message: Some(Request::Report(report)) });
                due = None;
                regular.reset();
            },
            () = board.news(), if due.is_none() => due = Some(Instant::now()),
            _ = regular.tick(), if due.is_none() => due = Some(Instant::now()),
            () = sleep_until(stalled), if due.is_some() => return Err(SessionError::NotReading),
        }
    }
}

fn hear(message: Option<Response>, goals: &Goals) -> Option<Ended> {
    match message {
        Some(Response::Goals(wire::Goals { goals: all, vetoes })) => {
            debug!(count = all.len(), vetoes = vetoes.len(), "goals came");
            // First, so that a lane that takes both obeys no goal without the vetoes that came with it.
            vetoes.into_iter().for_each(|list| goals.deliver_vetoes(list));
            all.into_iter().for_each(|goal| goals.deliver(goal));
            None
        }
        Some(Response::Drain(wire::Drain { reconnect_after })) => {
            Some(Ended::Drained(duration(reconnect_after).min(AWAY_MAX)))
        }
        Some(Response::Welcome(_)) => {
            warn!("the server welcomed us twice");
            None
        }
        // A newer server may say what we do not know; it does not count on it.
        None => None,
    }
}

async fn next(incoming: &mut Streaming<SessionResponse>) -> Result<Option<Response>, SessionError> {
    Ok(incoming.message().await?.and_then(|response| response.message))
}

/// A third of the silence that the server takes for life: two reports may get lost or late.
fn report_every(interval: Option<prost_types::Duration>) -> Duration {
    match duration(interval) {
        Duration::ZERO => REPORT_MAX,
        interval => (interval / 3).clamp(REPORT_MIN, REPORT_MAX),
    }
}

/// What a server says in time; nothing if it says nothing that makes sense.
fn duration(wire: Option<prost_types::Duration>) -> Duration {
    let span = wire.and_then(|wire| span_from_wire(wire).ok());
    span.map_or(Duration::ZERO, |span| Duration::from_millis(span.millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_come_three_times_as_often_as_asked_within_bounds() {
        let wire = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
        let table = [
            (None, REPORT_MAX),
            (wire(-1, 0), REPORT_MAX),
            (wire(3600, 0), REPORT_MAX),
            (wire(1, 500_000_000), Duration::from_millis(500)),
            (wire(0, 1_000_000), REPORT_MIN),
        ];
        for (interval, expected) in table {
            assert_eq!(report_every(interval), expected, "{interval:?}");
        }
    }
}
