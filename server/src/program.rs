//! The program round the server: its commands, its one line on standard output, its end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use crate::app::{Running, open, start};
use crate::args::{Args, CaCommand, Command, ServeArgs};
use crate::backup;
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, StoreChoice, Transport};
use crate::telemetry::logging;
use crate::tls::authority;

/// Threads that run tasks: decisions of one rollout are made one after another, so more would mostly wait.
const WORKERS: usize = 2;
/// What may still be running when everything has been told to end.
const LEFT_MAX: Duration = Duration::from_millis(200);

/// The program.
///
/// # Errors
/// Whatever kept it from doing what it was asked for.
pub fn main(args: Args) -> anyhow::Result<()> {
    let Args { command, serve } = args;
    match command {
        Some(Command::Ca(command)) => make_certificates(command),
        Some(Command::Backup { store, out }) => at_once(back_up(store.lasting()?, out)),
        Some(Command::Restore { store, from, actor, above }) => at_once(restore(store.lasting()?, from, actor, above)),
        Some(Command::Serve(serve)) => self::serve(serve),
        None => self::serve(serve),
    }
}

fn make_certificates(command: CaCommand) -> anyhow::Result<()> {
    match command {
        CaCommand::Init { dir } => {
            authority::init(&dir)?;
            println!("{}", dir.display());
        }
        CaCommand::Issue { dir, subject, trust_domain, out } => {
            let issued = authority::issue(&dir, &subject.subject(), &trust_domain, &out)?;
            let show = |what: &str, path: &Path| println!("{what} {}", path.display());
            show("cert", &issued.cert);
            show("key", &issued.key);
            show("ca", &issued.ca);
        }
    }
    Ok(())
}

/// Does one thing and ends.
fn at_once(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(WORKERS).enable_all().build().context("the runtime can't be built")?.block_on(work)
}

async fn back_up(choice: StoreChoice, out: PathBuf) -> anyhow::Result<()> {
    let store = open(choice).await?;
    let taken = backup::take(store.as_ref(), &out, SystemClock.now()).await?;
    println!("backed up {} records at revision {}: {} {}", taken.entries, taken.revision, out.display(), taken.digest);
    Ok(())
}

async fn restore(choice: StoreChoice, from: PathBuf, actor: String, above: u64) -> anyhow::Result<()> {
    let store = open(choice).await?;
    let restored = backup::restore(store, &from, &actor, above, SystemClock.now()).await?;
    let backup::Restored { entries, generation, rollouts, before } = restored;
    if before {
        println!("restored before: this backup of {entries} records goes on in generation {generation}");
        return Ok(());
    }
    println!("restored {entries} records; epochs go on in generation {generation}");
    for rollout in rollouts {
        println!("goes on: {rollout}");
    }
    Ok(())
}

fn serve(args: ServeArgs) -> anyhow::Result<()> {
    logging::begin(args.log_format).map_err(|error| anyhow::anyhow!("{error}")).context("logs can't be written")?;
    let config = args.config()?;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(WORKERS).enable_all().build().context("the runtime can't be built")?;
    let done = runtime.block_on(serve_until_told(config));
    // What is left was told to end and did not.
    runtime.shutdown_timeout(LEFT_MAX);
    done
}

async fn serve_until_told(config: Config) -> anyhow::Result<()> {
    if matches!(config.transport, Transport::Plaintext) && !config.listen.ip().is_loopback() {
        tracing::warn!(listen = %config.listen, "plaintext on an address that others can reach: anybody may give orders");
    }
    let running = start(config).await?;
    println!("listening grpc={} http={}", running.grpc_addr, running.http_addr);
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let Running { grpc_addr: _, http_addr: _, stopping, mut supervised } = running;
    tokio::select! {
        _ = terminate.recv() => tracing::info!("told to go away"),
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        ended = &mut supervised => {
            ended.context("the server did not end in order")?;
            anyhow::bail!("a part of the server has ended by itself; the log says which");
        }
    }
    stopping.cancel();
    supervised.await.context("the server did not end in order")
}
