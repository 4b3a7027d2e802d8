//! `meridian.agent.v1.AgentService`: the link to one region's agent. The first message is a hello, and only the first;
//! what an agent says counts for the region of its certificate and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use meridian_core::agent::version::{Unsupported, speaks_with};
use meridian_core::id::{Lane, RegionId, ServiceId};
use meridian_core::observation::Observed;
use meridian_core::time::Span;
use meridian_proto::convert::{Hello, LANES_MAX, lane_from_wire, span_to_wire, vetoes_to_wire};
use meridian_proto::r#gen::agent::v1 as wire;
use meridian_proto::r#gen::agent::v1::agent_service_server::AgentService;
use meridian_proto::r#gen::agent::v1::session_request::Message as Said;
use meridian_proto::r#gen::agent::v1::session_response::Message as Told;
use semver::Version;
use tokio::time::timeout;
use tonic::{Code, Request, Response, Status, Streaming};

use super::front::{code_name, translated};
use super::streams::{Cut, Outgoing, OutgoingStream, outgoing, too_slow};
use super::{Shared, status, trust::claims};
use crate::engine::Standing;
use crate::session::{AgentFacts, SILENCE_MAX, SessionTicket, Waiting};
use crate::tls::{Caller, Identity, IdentityRefused};

/// This server's own version.
static VERSION: LazyLock<Version> =
    LazyLock::new(|| env!("CARGO_PKG_VERSION").parse().expect("a package has a version that is one"));
/// An agent that has connected has its hello at hand.
const HELLO_MAX: Duration = Duration::from_secs(5);
/// Messages on their way to one agent. Goals are gathered before that, the latest per lane.
const ROOM: usize = 4;
/// Goals in one message: the largest is below 16 KiB, so that a message stays below what receivers take.
const GOALS_MAX: usize = 200;
/// Lists of vetoes in one message, which may come with as many goals: the largest is below 36 KiB.
const LISTS_MAX: usize = 16;
/// Agents that are told to connect again do so spread over this time, not all at once.
const RECONNECT_SPREAD_MILLIS: u64 = 1000;
/// Services that one agent may name; each is one read when it connects.
const SERVICES_MAX: usize = 256;
/// Lanes of one message for which the store is asked what it has issued: a replica is behind in a few at a time.
const UNKNOWN_READ_MAX: usize = 16;

/// Answers agents.
pub struct Agents {
    pub(super) shared: Shared,
}

#[tonic::async_trait]
impl AgentService for Agents {
    type SessionStream = OutgoingStream<wire::SessionResponse>;

    async fn session(
        &self,
        request: Request<Streaming<wire::SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let caller =
            request.extensions().get::<Caller>().cloned().unwrap_or(Caller::Refused(IdentityRefused::NoCertificate));
        // Answered before anything is read: the agent waits for this before it may speak.
        let (out, stream) = outgoing(ROOM);
        let link = Link { shared: self.shared.clone(), caller };
        self.shared.streams.spawn(link.run(request.into_inner(), out));
        Ok(Response::new(stream))
    }
}

pub(super) struct Link {
    pub(super) shared: Shared,
    caller: Caller,
}

type Inbound = Streaming<wire::SessionRequest>;
type Out = Outgoing<wire::SessionResponse>;

impl Link {
    async fn run(self, mut inbound: Inbound, out: Out) {
        let end = self.speak(&mut inbound, &out).await;
        if let Err(Some(word)) = &end {
            self.shared.metrics.links.cut(code_name(word.code()));
            tracing::info!(code = ?word.code(), message = word.message(), "an agent's stream is cut");
        }
        out.finish(end.err().flatten());
    }

    /// From hello to end. `Err(None)`: the agent has gone.
    async fn speak(&self, inbound: &mut Inbound, out: &Out) -> Result<(), Option<Status>> {
        let hello = tokio::select! {
            hello = timeout(HELLO_MAX, inbound.message()) => hello,
            () = out.gone() => return Err(None),
            () = self.shared.streams.draining() => return self.send_away(out).await,
        };
        let cut = |message: &str| status::reasoned(Code::InvalidArgument, "HELLO_EXPECTED", message);
        let hello = match hello {
            Ok(Ok(Some(wire::SessionRequest { message: Some(Said::Hello(hello)) }))) => hello,
            Ok(Ok(Some(_))) => return Err(Some(cut("the first message of a session is a hello"))),
            Ok(Ok(None)) => return Err(None),
            Ok(Err(word)) => return Err(Some(word)),
            Err(_) => return Err(Some(cut("no hello came within 5 s"))),
        };
        let (region, facts, lanes) = self.introduced(hello)?;
        let standing = self.shared.engine.standing(&region).await.map_err(|error| Some(status::refused(&error)))?;
        tokio::select! {
            () = self.turn(&region) => {}
            () = out.gone() => return Err(None),
            () = self.shared.streams.draining() => return self.send_away(out).await,
        }
        if let Err(unsupported) = speaks_with(&VERSION, &facts.version) {
            return Err(Some(self.turn_away(standing, facts, unsupported, out).await?));
        }
        let greeted = self.shared.engine.greet(standing, facts).await;
        let ticket = greeted.map_err(|error| Some(status::refused(&error)))?;
        self.shared.metrics.links.sessions.inc();
        tracing::info!(%region, session = ticket.number, "an agent is connected");
        let end = self.attend(&ticket, lanes, inbound, out).await;
        self.shared.engine.sessions().close(&ticket);
        self.shared.metrics.links.sessions.dec();
        tracing::info!(%region, session = ticket.number, "an agent's session is over");
        end
    }

    /// Waits until the region may begin another session.
    async fn turn(&self, region: &RegionId) {
        let mut waited = false;
        while let Err(rest) = self.shared.pace.take(region, self.shared.clock.now()) {
            if !waited {
                self.shared.metrics.links.hellos_paced.inc();
                waited = true;
            }
            tokio::time::sleep(Duration::from_millis(rest.millis())).await;
        }
    }

    /// Who speaks, what it says of itself, and what it says of its lanes.
    fn introduced(&self, mut hello: wire::Hello) -> Result<(RegionId, AgentFacts, Vec<Seen>), Status> {
        // Taken out, so that one lane that can't be read does not keep the agent away from the others.
        let lanes = std::mem::take(&mut hello.lanes);
        let hello = Hello::try_from(hello).map_err(|invalid| status::invalid(&invalid.within("hello")))?;
        let Hello { region, agent_version, capabilities, lanes: _, services } = hello;
        self.check_identity(&region)?;
        if services.len() > SERVICES_MAX {
            let message = format!("an agent names at most {SERVICES_MAX} services");
            return Err(status::reasoned(Code::InvalidArgument, "TOO_MANY", message));
        }
        let lanes = self.readable(&region, lanes);
        Ok((region, AgentFacts { version: agent_version, capabilities, services }, lanes))
    }

    fn check_identity(&self, region: &RegionId) -> Result<(), Status> {
        let proven = match &self.caller {
            Caller::Plaintext => return Ok(()),
            Caller::Known(Identity::Region(proven)) if proven == region => return Ok(()),
            Caller::Known(Identity::Region(proven)) => format!("region {proven}"),
            Caller::Known(Identity::Operator(_) | Identity::Server(_)) => "somebody who is no agent".to_owned(),
            Caller::Refused(_) => "nobody".to_owned(),
        };
        tracing::error!(claimed = %region, %proven, "an agent speaks for a region that is not its own");
        let message = format!("the certificate is of {proven}, which may not speak for region {region}");
        Err(status::reasoned(Code::PermissionDenied, "REGION_NOT_YOURS", message))
    }

    /// Both directions at once, until one of them ends.
    async fn attend(
        &self,
        ticket: &SessionTicket,
        lanes: Vec<Seen>,
        inbound: &mut Inbound,
        out: &Out,
    ) -> Result<(), Option<Status>> {
        // Who has gone has nothing more to say, and its words may be older than those of the session that follows.
        tokio::select! {
            () = self.admit(ticket, &lanes) => {}
            () = out.gone() => return Err(None),
        }
        self.take(ticket, lanes).await?;
        send(out, Told::Welcome(self.welcome(ticket))).await?;
        tokio::select! {
            end = self.listen(ticket, inbound) => end,
            end = self.tell(ticket, out) => end,
            () = out.gone() => Err(None),
            () = self.shared.streams.draining() => self.send_away(out).await,
        }
    }

    /// An agent that is too old or too new to be understood is sent home, but not without its way back: goals at rest mean
    /// the same in every version.
    async fn turn_away(
        &self,
        standing: Standing,
        facts: AgentFacts,
        unsupported: Unsupported,
        out: &Out,
    ) -> Result<Status, Option<Status>> {
        let region = &standing.region.clone();
        tracing::error!(%region, %unsupported, "an agent is turned away");
        let sessions = self.shared.engine.sessions();
        // First, so that nothing that moves forward is ever on its way to it.
        sessions.quarantine(region, self.shared.clock.now());
        let greeted = self.shared.engine.greet(standing, facts).await;
        let ticket = greeted.map_err(|error| Some(status::refused(&error)))?;
        let waiting = Waiting { vetoes: BTreeMap::new(), ..ticket.outbox.waiting() };
        sessions.close(&ticket);
        sessions.believe(region);
        send(out, Told::Welcome(self.welcome(&ticket))).await?;
        self.tell_waiting(waiting, out).await?;
        Ok(status::reasoned(Code::FailedPrecondition, "AGENT_VERSION", unsupported.to_string()))
    }

    fn welcome(&self, ticket: &SessionTicket) -> wire::Welcome {
        wire::Welcome {
            session_number: ticket.number,
            server_version: VERSION.to_string(),
            // Three may be lost before the agent counts as lost.
            report_interval: Some(span_to_wire(Span::from_millis(SILENCE_MAX.millis() / 3))),
        }
    }

    /// Vetoes before goals; what fits into one message goes in one.
    async fn tell_waiting(&self, waiting: Waiting, out: &Out) -> Result<(), Option<Status>> {
        let Waiting { goals, vetoes } = waiting;
        let mut lists: Vec<_> = vetoes.iter().map(|(service, list)| vetoes_to_wire(service, list)).collect();
        while lists.len() > LISTS_MAX {
            let vetoes = lists.split_off(lists.len() - LISTS_MAX);
            send(out, Told::Goals(wire::Goals { goals: Vec::new(), vetoes })).await?;
        }
        let mut chunks = goals.chunks(GOALS_MAX);
        let first = chunks.next().unwrap_or_default();
        let messages = std::iter::once((first, lists)).chain(chunks.map(|goals| (goals, Vec::new())));
        for (goals, vetoes) in messages.filter(|(goals, vetoes)| !goals.is_empty() || !vetoes.is_empty()) {
            let goals = goals.iter().map(Into::into).collect();
            send(out, Told::Goals(wire::Goals { goals, vetoes })).await?;
        }
        Ok(())
    }

    async fn listen(&self, ticket: &SessionTicket, inbound: &mut Inbound) -> Result<(), Option<Status>> {
        loop {
            let said = match inbound.message().await {
                Ok(Some(wire::SessionRequest { message })) => message,
                Ok(None) => return Err(None),
                Err(word) if word.code() == Code::OutOfRange || word.code() == Code::Internal => {
                    return Err(Some(translated(word)));
                }
                Err(_) => return Err(None),
            };
            match said {
                Some(Said::Report(wire::Report { lanes })) => {
                    self.shared.metrics.links.reports.inc();
                    let lanes = self.readable(&ticket.region, lanes);
                    self.take(ticket, lanes).await?;
                }
                Some(Said::Hello(_)) => {
                    let message = "a session has one hello, and it comes first";
                    return Err(Some(status::reasoned(Code::InvalidArgument, "HELLO_AGAIN", message)));
                }
                // Something of a newer agent: what it means is not ours to guess.
                None => {
                    let message = "a message without content, or of a kind that this server does not know";
                    return Err(Some(status::reasoned(Code::InvalidArgument, "UNKNOWN_MESSAGE", message)));
                }
            }
        }
    }

    async fn tell(&self, ticket: &SessionTicket, out: &Out) -> Result<(), Option<Status>> {
        while let Some(waiting) = ticket.outbox.take().await {
            self.tell_waiting(waiting, out).await?;
        }
        if self.shared.streams.is_draining() {
            return self.send_away(out).await;
        }
        Err(Some(superseded(&ticket.region)))
    }

    /// Hands what was seen to the table of sessions. What claims an epoch that is not known here is believed only if the
    /// store knows it; where that can't be found out now, the next report finds it out.
    async fn take(&self, ticket: &SessionTicket, lanes: Vec<Seen>) -> Result<(), Option<Status>> {
        let sessions = self.shared.engine.sessions();
        let said: BTreeSet<ServiceId> = lanes.iter().map(|(service, _)| service.clone()).collect();
        let (mut speaks, mut unknown) = sessions.report(ticket, lanes, self.shared.clock.now());
        if sessions.is_quarantined(&ticket.region) {
            // What was doubted before needs no second look.
            unknown.retain(|(service, _)| said.contains(service));
        }
        if !unknown.is_empty() {
            for (service, _) in unknown.iter().take(UNKNOWN_READ_MAX) {
                let lane = Lane { service: service.clone(), region: ticket.region.clone() };
                if let Err(error) = self.shared.engine.read_goal(&lane).await {
                    tracing::warn!(%error, %lane, "the newest goal of a lane can't be read");
                }
            }
            (speaks, unknown) = sessions.report(ticket, Vec::new(), self.shared.clock.now());
        }
        if !unknown.is_empty() {
            self.doubt(&ticket.region, claims(&unknown)).await;
        } else if sessions.is_quarantined(&ticket.region) {
            self.hear_of_confirmation(&ticket.region).await;
        }
        if speaks || self.shared.streams.is_draining() { Ok(()) } else { Err(Some(superseded(&ticket.region))) }
    }

    /// The lanes that can be read. One that can't be is told of and left out.
    fn readable(&self, region: &RegionId, lanes: Vec<wire::LaneReport>) -> Vec<Seen> {
        let read = |lane| match lane_from_wire(lane) {
            Ok(seen) => Some(seen),
            Err(error) => {
                self.shared.metrics.links.lanes_invalid.inc();
                tracing::warn!(%region, %error, "a lane in a report can't be read and is left out");
                None
            }
        };
        lanes.into_iter().take(LANES_MAX).filter_map(read).collect()
    }

    async fn send_away(&self, out: &Out) -> Result<(), Option<Status>> {
        let after = Span::from_millis(rand::random_range(0..RECONNECT_SPREAD_MILLIS));
        send(out, Told::Drain(wire::Drain { reconnect_after: Some(span_to_wire(after)) })).await?;
        Ok(())
    }
}

/// A lane as its agent sees it.
pub(super) type Seen = (ServiceId, Observed);

fn superseded(region: &RegionId) -> Status {
    let message = format!("a newer session speaks for region {region}");
    status::reasoned(Code::Aborted, "SESSION_SUPERSEDED", message)
}

async fn send(out: &Out, told: Told) -> Result<(), Option<Status>> {
    out.send(wire::SessionResponse { message: Some(told) }).await.map_err(|cut| match cut {
        Cut::Gone => None,
        Cut::Slow => Some(too_slow()),
    })
}
