//! The least that a server of agents can be: greets, pushes what it is given, throws reports away. The floor under a
//! push to every agent, and under a server's memory.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meridian_core::id::RegionId;
use meridian_proto::r#gen::agent::v1::agent_service_server::{AgentService, AgentServiceServer};
use meridian_proto::r#gen::agent::v1::session_request::Message as Said;
use meridian_proto::r#gen::agent::v1::session_response::Message as Told;
use meridian_proto::r#gen::agent::v1::{Goals, SessionRequest, SessionResponse, Welcome};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use crate::pki::{Authority, Subject};

/// Messages on their way to one agent.
const ROOM: usize = 4;

type Out = mpsc::Sender<Result<SessionResponse, Status>>;
type Outs = Arc<Mutex<BTreeMap<RegionId, Out>>>;

/// The server while it runs. Dropping it ends it.
pub struct Bare {
    /// Where it listens.
    pub address: SocketAddr,
    outs: Outs,
    task: JoinHandle<()>,
}

impl Bare {
    /// Starts it on a free port of loopback.
    pub async fn start(authority: &Authority) -> anyhow::Result<Self> {
        let tls = authority.server_terms(&authority.issue(Subject::Server)?);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let outs = Outs::default();
        let service = AgentServiceServer::new(Floor { outs: outs.clone() });
        let serving = Server::builder().tcp_nodelay(true).tls_config(tls)?.add_service(service);
        let task = tokio::spawn(async move {
            if let Err(error) = serving.serve_with_incoming(TcpListenerStream::new(listener)).await {
                eprintln!("the bare server has ended: {error}");
            }
        });
        Ok(Self { address, outs, task })
    }

    /// Pushes goals, each to its region.
    pub fn push(&self, goals: Vec<(RegionId, Goals)>) -> anyhow::Result<()> {
        let outs = locked(&self.outs);
        for (region, goals) in goals {
            let out = outs.get(&region).ok_or_else(|| anyhow::anyhow!("{region} is not connected"))?;
            out.try_send(Ok(told(Told::Goals(goals))))?;
        }
        Ok(())
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves until stdin ends, as a process of its own.
pub async fn run(tls: &Path) -> anyhow::Result<()> {
    let bare = Bare::start(&Authority::open(tls)?).await?;
    println!("listening {}", bare.address);
    tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await?;
    Ok(())
}

struct Floor {
    outs: Outs,
}

#[tonic::async_trait]
impl AgentService for Floor {
    type SessionStream = ReceiverStream<Result<SessionResponse, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let (out, stream) = mpsc::channel(ROOM);
        let (outs, mut inbound) = (self.outs.clone(), request.into_inner());
        // Ends with the connection that it reads.
        tokio::spawn(async move {
            while let Ok(Some(SessionRequest { message })) = inbound.message().await {
                let Some(Said::Hello(hello)) = message else {
                    continue;
                };
                let Ok(region) = RegionId::new(hello.region) else {
                    return;
                };
                locked(&outs).insert(region, out.clone());
                let _gone = out.send(Ok(told(Told::Welcome(Welcome::default())))).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

const fn told(message: Told) -> SessionResponse {
    SessionResponse { message: Some(message) }
}

fn locked(outs: &Outs) -> MutexGuard<'_, BTreeMap<RegionId, Out>> {
    // Whole after every statement.
    outs.lock().unwrap_or_else(PoisonError::into_inner)
}
