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
    /// A breach in one of 100 and of 1 000 regions.
    P3,
    /// 1 000 rollouts that go back at once. The same run as P11 and P12.
    P4,
    /// Memory of a server for each idle agent.
    P5,
    /// Memory of idle programs.
    P7,
    /// Failed requests over 1 000 switches per traffic driver, and their time (P10).
    P9,
    /// The same run as P9.
    P10,
    /// A step's cost after 100 000 decisions. The same run as P4.
    P11,
    /// 1 000 rollouts that go forward at once. The same run as P4.
    P12,
    /// A whole plan in virtual time.
    P13,
    /// Rollbacks in an outage, and how soon another server goes on.
    R1,
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
        /// In how many regions the first service has a lane.
        #[arg(long)]
        lanes: usize,
    },
    /// A server that only greets agents: the floor under a server's memory.
    Bare {
        /// A folder with an authority.
        #[arg(long)]
        tls: PathBuf,
    },
}
