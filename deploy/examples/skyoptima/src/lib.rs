//! Skyoptima, the sample service that the demo rolls out: its behaviour is decided by its artifact file.
//! It does not know that Meridian exists: no slot, split or region is named here.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod artifact;
mod drain;
mod fault;
mod route;
mod service;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

pub use artifact::{Artifact, ArtifactError};

/// The command line.
#[derive(Debug, Parser)]
#[command(version, about = "The sample service that Meridian's demo rolls out")]
pub struct Args {
    /// Where to listen; port 0 lets the system choose, the real address is printed.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// The artifact: a JSON file that says which version this is and how it behaves.
    #[arg(long)]
    pub artifact: PathBuf,
}

/// Why the service could not run.
#[derive(Debug, Error)]
pub enum RunError {
    /// The artifact cannot be read or asks for something impossible.
    #[error("cannot use the artifact")]
    Artifact(#[source] ArtifactError),
    /// The listening address cannot be taken.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The runtime or its signal handlers could not be set up.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
}

/// Runs the service until SIGTERM or SIGINT and returns after its connections have been drained.
///
/// # Errors
/// Fails before the first request: the artifact, the address or the runtime. Once listening it ends well.
pub fn run(args: Args) -> Result<(), RunError> {
    let artifact = Artifact::read(&args.artifact).map_err(RunError::Artifact)?;
    // One thread is plenty for a sample and keeps a region with many of them small.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunError::Runtime)?;
    runtime.block_on(listen(args.listen, artifact))
}

async fn listen(address: SocketAddr, artifact: Artifact) -> Result<(), RunError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Runtime)?;
    let failed = |source| RunError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;

    // Whoever started us may have closed its end of the pipe: that must not end the service.
    let mut out = io::stdout();
    let _ = writeln!(out, "listening {bound}").and_then(|()| out.flush());

    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    drain::serve(listener, Arc::new(service::Service::new(artifact)), stop).await;
    Ok(())
}
