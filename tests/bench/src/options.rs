//! What the benchmark may be told.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Measures the figures of docs/benchmarks.md, each beside its floor of the same run.
#[derive(Debug, Parser)]
#[command(name = "meridian-bench")]
pub struct Options {
    /// What to measure; nothing said: everything.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// One figure, or a process that a figure needs beside itself.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// A region's step through the control plane.
    P1,
    /// A rollback of 100 and 1 000 regions.
    P2,
    /// A breach in one of 100 regions.
    P3,
    /// Memory of idle programs.
    P7,
    /// Failed requests over 1 000 switches per traffic driver, and their time (P10).
    P9,
    /// The same run as P9.
    P10,
    /// Stub agents: real connections, no work. Told by lines on stdin.
    Agents {
        /// The server.
        #[arg(long)]
        server: SocketAddr,
        /// A folder with an authority.
        #[arg(long)]
        tls: PathBuf,
        /// How many.
        #[arg(long)]
        count: usize,
    },
    /// A server that only greets agents: the floor under a server's memory.
    Bare {
        /// A folder with an authority.
        #[arg(long)]
        tls: PathBuf,
    },
}
