//! A connection that has become something else (a WebSocket, say): bytes both ways until both sides are done. It knows
//! no protocol.

use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::time::timeout;
use tracing::debug;

/// How long the client may take to receive the answer that begins the tunnel.
const BEGIN_WITHIN: Duration = Duration::from_secs(10);

/// Runs a tunnel to its end; `kept` is held until then. A tunnel has no limit of its own: it ends with either side, or
/// with the process.
pub(super) async fn run<K: Send>(client: OnUpgrade, slot: OnUpgrade, kept: K) {
    let both = async { tokio::try_join!(client, slot) };
    match timeout(BEGIN_WITHIN, both).await {
        Ok(Ok((client, slot))) => {
            let (mut client, mut slot) = (TokioIo::new(client), TokioIo::new(slot));
            if let Err(error) = copy_bidirectional(&mut client, &mut slot).await {
                debug!(%error, "a tunnel broke");
            }
        }
        Ok(Err(error)) => debug!(%error, "a tunnel did not begin"),
        Err(_) => debug!("a tunnel did not begin in time"),
    }
    drop(kept);
}
