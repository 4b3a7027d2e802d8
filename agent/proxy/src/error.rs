//! Why the proxy cannot start, or not take a routing. It knows nothing about requests: their failures are answers.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the process cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No runtime, or no way to be told to stop.
    #[error("cannot set up the process: {0}")]
    Process(#[source] std::io::Error),
    /// The data port is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The control socket cannot be made.
    #[error("cannot make the control socket {}: {source}", path.display())]
    Control {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another process answers on the control socket.
    #[error("the control socket {} is in use by another process; stop that one or choose another path", .0.display())]
    ControlInUse(PathBuf),
    /// The state file cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
}

/// What is wrong with the state file.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Making or reading it failed.
    #[error("cannot open the state file {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Writing or flushing failed: the routing is not kept and must not take effect.
    #[error("cannot write the state file {}: {source}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is there, but holds no routing that could be served. Guessing would be worse than stopping.
    #[error(
        "the state file {} is corrupt: {reason}; restore it, or delete it to start without a routing",
        path.display()
    )]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
}
