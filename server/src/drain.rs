//! Going away in order: say so, give up what is owned so that others go on at once, take nothing new in, send agents to
//! another server, let what is under way end, and cut what does not end in time. A port alone would wait for open streams for ever.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::engine::Engine;
use crate::grpc::{self, Streams};

/// How long the whole may take.
pub const DRAIN_MAX: Duration = Duration::from_secs(5);
/// How long connections are waited for, so that the rest has time too.
pub const CONNECTIONS_MAX: Duration = Duration::from_secs(3);

/// What goes away, in its order.
pub(crate) struct Drain {
    pub health: HealthReporter,
    pub streams: Streams,
    pub engine: Engine,
    /// Closes the port.
    pub port_closing: CancellationToken,
    pub port: JoinHandle<()>,
    /// Ends everything else.
    pub stop: CancellationToken,
    pub rest: Vec<JoinHandle<()>>,
}

impl Drain {
    /// Goes away; at most [`DRAIN_MAX`].
    pub async fn run(self) {
        let Self { health, streams, engine, port_closing, mut port, stop, mut rest } = self;
        let whole = async {
            grpc::set_health(&health, ServingStatus::NotServing).await;
            engine.ownership().retire().await;
            streams.drain();
            port_closing.cancel();
            // The port cuts what does not end within its own time, and with it the streams that nobody reads.
            if let Err(error) = (&mut port).await {
                tracing::error!(%error, "the port did not end in order");
            }
            engine.sessions().close_all();
            streams.ended().await;
            stop.cancel();
            for task in &mut rest {
                if let Err(error) = task.await {
                    tracing::error!(%error, "a task did not end in order");
                }
            }
        };
        if tokio::time::timeout(DRAIN_MAX, whole).await.is_err() {
            tracing::warn!("not everything ended in time; the rest is cut");
            port.abort();
            rest.iter().for_each(JoinHandle::abort);
        }
    }
}
