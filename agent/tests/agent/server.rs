//! A server that only speaks the link: it notes hellos and reports, and sends what a test tells it to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;

use futures::Stream;
use meridian_core::agent::VetoList;
use meridian_core::goal::Goal;
use meridian_core::id::ServiceId;
use meridian_core::observation::Observed;
use meridian_proto::convert::{Hello, report_from_wire, vetoes_to_wire};
use meridian_proto::r#gen::agent::v1::agent_service_server::{AgentService, AgentServiceServer};
use meridian_proto::r#gen::agent::v1::session_request::Message as Request;
use meridian_proto::r#gen::agent::v1::session_response::Message as Response;
use meridian_proto::r#gen::agent::v1::{self as wire, SessionRequest, SessionResponse};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Status, Streaming};

use crate::bench::{PATIENCE, epoch, release, shop};

/// A running server.
pub struct FakeServer {
    pub address: SocketAddr,
    sessions: mpsc::Receiver<Session>,
    task: JoinHandle<()>,
}

/// An agent's session, from the server's side.
pub struct Session {
    pub hello: Hello,
    /// Reports that came, empty ones too.
    pub reports: watch::Receiver<Reports>,
    responses: mpsc::Sender<Result<SessionResponse, Status>>,
}

/// What an agent has said.
#[derive(Clone, Debug, Default)]
pub struct Reports {
    pub count: usize,
    pub lanes: BTreeMap<ServiceId, Observed>,
}

struct Service {
    sessions: mpsc::Sender<Session>,
}

impl FakeServer {
    pub async fn start() -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), None).await
    }

    pub async fn start_at(address: SocketAddr, tls: Option<ServerTlsConfig>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, sessions) = mpsc::channel(16);
        let mut server = Server::builder();
        if let Some(tls) = tls {
            server = server.tls_config(tls).unwrap();
        }
        let routes = server.add_service(AgentServiceServer::new(Service { sessions: sender }));
        let task = tokio::spawn(async move {
            routes.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
        Self { address, sessions, task }
    }

    /// The next session that says hello.
    pub async fn session(&mut self) -> Session {
        timeout(PATIENCE, self.sessions.recv()).await.expect("no agent came").unwrap()
    }

    /// Listens no more. Sessions go on until they are dropped.
    pub async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

impl Session {
    pub async fn send(&self, goals: &[Goal]) {
        self.send_raw(goals.iter().map(wire::Goal::from).collect()).await;
    }

    pub async fn send_raw(&self, goals: Vec<wire::Goal>) {
        self.say(Response::Goals(wire::Goals { goals, vetoes: Vec::new() })).await;
    }

    /// Tells that these releases are vetoed, and no others, since an epoch.
    pub async fn veto(&self, counter: u64, versions: &[&str]) {
        let digests = versions.iter().map(|version| release(version).digest).collect();
        let vetoes = vec![vetoes_to_wire(&shop(), &VetoList { at: epoch(counter), digests })];
        self.say(Response::Goals(wire::Goals { goals: Vec::new(), vetoes })).await;
    }

    pub async fn say(&self, message: Response) {
        self.responses.send(Ok(SessionResponse { message: Some(message) })).await.unwrap();
    }

    /// Waits for a report on our lane of which this holds.
    pub async fn until(&mut self, what: &str, mut holds: impl FnMut(&Observed) -> bool) -> Observed {
        let found =
            timeout(PATIENCE, self.reports.wait_for(|reports| reports.lanes.get(&shop()).is_some_and(&mut holds)));
        let found = found.await.map(|found| found.expect("the session ended").lanes[&shop()].clone());
        found.unwrap_or_else(|_| panic!("never: {what}; last: {:?}", self.reports.borrow().lanes))
    }

    /// Waits until the goal is confirmed.
    pub async fn done(&mut self, goal: &Goal) -> Observed {
        let what = format!("done {}", goal.epoch);
        self.until(&what, |seen| seen.done.is_some_and(|done| done.epoch == goal.epoch && done.hash == goal.hash()))
            .await
    }

    /// Waits until the agent has ended the session.
    pub async fn ended(mut self) {
        while self.reports.changed().await.is_ok() {}
    }
}

#[tonic::async_trait]
impl AgentService for Service {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<SessionResponse, Status>> + Send>>;

    async fn session(
        &self,
        request: tonic::Request<Streaming<SessionRequest>>,
    ) -> Result<tonic::Response<Self::SessionStream>, Status> {
        let (responses, outgoing) = mpsc::channel(64);
        let (sessions, incoming) = (self.sessions.clone(), request.into_inner());
        // The answer is given at once: a client that waits for it before it speaks must not wait for ever.
        tokio::spawn(hear(incoming, responses, sessions));
        Ok(tonic::Response::new(Box::pin(ReceiverStream::new(outgoing))))
    }
}

async fn hear(
    mut incoming: Streaming<SessionRequest>,
    responses: mpsc::Sender<Result<SessionResponse, Status>>,
    sessions: mpsc::Sender<Session>,
) {
    let Ok(Some(SessionRequest { message: Some(Request::Hello(hello)) })) = incoming.message().await else {
        let _ = responses.send(Err(Status::invalid_argument("hello first"))).await;
        return;
    };
    let hello = Hello::try_from(hello).expect("a hello that is one");
    let report_interval = Some(prost_types::Duration { seconds: 3, nanos: 0 });
    let welcome = wire::Welcome { session_number: 1, server_version: "fake".to_owned(), report_interval };
    let welcome = SessionResponse { message: Some(Response::Welcome(welcome)) };
    if responses.send(Ok(welcome)).await.is_err() {
        return;
    }
    let (heard, reports) = watch::channel(Reports { count: 0, lanes: hello.lanes.clone() });
    // Held by the test alone: when it drops the session, the stream ends.
    let given = sessions.send(Session { hello, reports, responses }).await;
    if given.is_err() {
        return;
    }
    while let Ok(Some(SessionRequest { message: Some(message) })) = incoming.message().await {
        let Request::Report(report) = message else { panic!("a second hello") };
        let lanes = report_from_wire(report).expect("a report that is one");
        heard.send_modify(|reports| {
            reports.count += 1;
            reports.lanes.extend(lanes);
        });
    }
}
