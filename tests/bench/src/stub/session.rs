//! One stub agent: a connection of its own with a certificate of its own, hello, then an acknowledgement for every goal
//! in the moment it comes. It runs whatever service it is told to run; those beside the first one are its crowd.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use meridian_core::id::{RegionId, ServiceId};
use meridian_core::observation::Observed;
use meridian_proto::convert::{Hello, goal_from_wire, report_to_wire};
use meridian_proto::r#gen::agent::v1::agent_service_client::AgentServiceClient;
use meridian_proto::r#gen::agent::v1::session_request::Message as Request;
use meridian_proto::r#gen::agent::v1::session_response::Message as Response;
use meridian_proto::r#gen::agent::v1::{self as wire, SessionRequest, SessionResponse};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::{ClientTlsConfig, Endpoint};

use super::ledger::{Ledger, Times};
use super::{Breach, lane, say};
use crate::clock;

/// Often enough that no server takes the stub for lost, seldom enough that a thousand are quiet.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_millis(1500);
/// A server that greets a thousand at once takes its time.
const CONNECT_MAX: Duration = Duration::from_secs(30);
/// Reports on their way.
const OUTBOX: usize = 4;
/// The same as an agent's.
const WINDOW_BYTES: u32 = 64 * 1024;

/// One stub agent before it has connected.
pub struct Session {
    /// Whose agent it is.
    pub region: RegionId,
    /// The service whose epochs are noted one by one.
    pub service: ServiceId,
    /// Where the server is.
    pub server: SocketAddr,
    /// Who it is and whom it believes.
    pub tls: ClientTlsConfig,
    /// How many lanes that service has.
    pub lanes: usize,
    /// What they noted.
    pub ledger: Arc<Ledger>,
    /// Who is to report a breach.
    pub breach: watch::Receiver<Breach>,
}

/// The lanes of a region as its agent says them.
type Lanes = BTreeMap<ServiceId, Observed>;

/// A stub agent that was welcomed.
pub struct Welcomed {
    session: Session,
    outbox: mpsc::Sender<SessionRequest>,
    incoming: Streaming<SessionResponse>,
}

impl Session {
    /// Connects and is welcomed.
    pub async fn connect(self) -> anyhow::Result<Welcomed> {
        let endpoint = Endpoint::from_shared(format!("https://{}", self.server))?
            .connect_timeout(CONNECT_MAX)
            .tcp_nodelay(true)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .tls_config(self.tls.clone())?;
        let channel = endpoint.connect().await.with_context(|| format!("{} connecting", self.region))?;
        let (outbox, outgoing) = mpsc::channel(OUTBOX);
        let hello = Hello {
            region: self.region.clone(),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            capabilities: ["weights", "cohorts"].map(str::to_owned).into(),
            lanes: [].into(),
            services: [self.service.clone()].into(),
        };
        outbox.send(SessionRequest { message: Some(Request::Hello((&hello).into())) }).await?;
        let mut client = AgentServiceClient::new(channel);
        let mut incoming = client.session(ReceiverStream::new(outgoing)).await?.into_inner();
        let welcome = incoming.message().await?.and_then(|response| response.message);
        anyhow::ensure!(matches!(welcome, Some(Response::Welcome(_))), "{} was not welcomed", self.region);
        Ok(Welcomed { session: self, outbox, incoming })
    }
}

impl Welcomed {
    /// Acknowledges until the server ends the session, which is an error here.
    pub async fn hold(mut self) -> anyhow::Result<()> {
        let mut lanes = Lanes::new();
        let mut alive = interval(SIGN_OF_LIFE_EVERY);
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                message = self.incoming.message() => {
                    let at = clock::micros();
                    match message?.and_then(|response| response.message) {
                        Some(Response::Goals(goals)) => self.acknowledge(&mut lanes, goals, at).await?,
                        Some(Response::Welcome(_)) => {}
                        Some(Response::Drain(_)) | None => anyhow::bail!("the server ended the session"),
                    }
                }
                changed = self.session.breach.changed() => {
                    changed.context("the stubs end")?;
                    let breach = self.session.breach.borrow_and_update().clone();
                    self.breach(&mut lanes, &breach).await?;
                }
                _ = alive.tick() => self.send(wire::Report::default()).await?,
            }
        }
    }

    async fn acknowledge(&mut self, lanes: &mut Lanes, goals: wire::Goals, at: u64) -> anyhow::Result<()> {
        let ledger = self.session.ledger.clone();
        for goal in goals.goals {
            let goal = goal_from_wire(&self.session.region, goal)?;
            let service = &goal.lane.service;
            let observed = lanes.entry(service.clone()).or_default();
            lane::obey(observed, &goal);
            self.send(report_to_wire([(service, &*observed)])).await?;
            if *service == self.session.service {
                let Times { count, first_goal, last_ack } = ledger.note(goal.epoch, at, clock::micros());
                if count == self.session.lanes {
                    say(format_args!("all {} {first_goal} {last_ack}", goal.epoch));
                }
            } else if let Some((first, last)) = ledger.note_crowd(&goal, clock::micros()) {
                say(format_args!("back {first} {last}"));
            }
        }
        Ok(())
    }

    async fn breach(&self, lanes: &mut Lanes, breach: &Breach) -> anyhow::Result<()> {
        let (first, is_crowd) = (&self.session.service, *breach == Breach::Crowd);
        let concerned = |service: &ServiceId| match breach {
            Breach::Nobody => false,
            Breach::Region(region) => *region == self.session.region && service == first,
            Breach::Crowd => service != first,
        };
        let measured = lanes.iter_mut().filter(|(service, _)| concerned(service));
        let breached: Vec<_> =
            measured.filter_map(|(service, seen)| lane::breach(seen).then_some((service, &*seen))).collect();
        if breached.is_empty() {
            return Ok(());
        }
        let at = clock::micros();
        if is_crowd {
            self.session.ledger.breached(at);
        }
        self.send(report_to_wire(breached)).await?;
        if !is_crowd {
            say(format_args!("breach {at}"));
        }
        Ok(())
    }

    async fn send(&self, report: wire::Report) -> anyhow::Result<()> {
        let request = SessionRequest { message: Some(Request::Report(report)) };
        self.outbox.send(request).await.context("the connection is gone")
    }
}
