//! The program twice: as the keeper, who lays the ground and clears it whatever happens, and as the one who works on it.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::ground::{Ground, Keeper, missing, sweep};
use crate::options::{Command, Options, StormOptions};
use crate::site::Size;
use crate::storm::{Plan, run};

/// The last part of the driver's address.
const OPS: u8 = 2;

/// Does what the command line says.
///
/// # Errors
/// If nothing could be found out; what was found out is the exit code.
pub fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match options.on.as_deref() {
        Some([run, folder]) => runtime.block_on(work(&Ground::of(run), Path::new(folder), options.command)),
        Some(_) | None => runtime.block_on(keep()),
    }
}

/// Lays the ground, lets a process of its own work on it, and clears it.
async fn keep() -> anyhow::Result<ExitCode> {
    if let Some(why) = missing() {
        println!("robustness skipped: {why}");
        return Ok(ExitCode::SUCCESS);
    }
    sweep();
    let mut keeper = Keeper::take()?;
    let ground = Ground::lay(keeper.run())?;
    let node = ground.node("ops", OPS)?;
    let own = std::env::current_exe()?;
    let mut command = tokio::process::Command::from(node.command(&own)?);
    command.args(std::env::args_os().skip(1)).arg("--on").arg(keeper.run()).arg(&keeper.folder).kill_on_drop(true);
    let mut worker = command.spawn().context("starting on the ground")?;
    let status = tokio::select! {
        status = worker.wait() => status?,
        () = interrupted()? => {
            worker.kill().await?;
            anyhow::bail!("interrupted");
        }
    };
    if status.success() {
        return Ok(ExitCode::SUCCESS);
    }
    keeper.keeps_folder = true;
    println!("logs are kept in {}", keeper.folder.display());
    Ok(ExitCode::FAILURE)
}

/// Ends when somebody wants the program to end.
fn interrupted() -> std::io::Result<impl Future<Output = ()>> {
    let (mut by_key, mut by_order) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = by_key.recv() => {}
            _ = by_order.recv() => {}
        }
    })
}

async fn work(ground: &Ground, folder: &Path, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Storm(options) => storm(ground, folder, options).await,
        Command::Demo(options) => crate::demo::tell(ground, folder, &options).await,
    }
}

async fn storm(ground: &Ground, folder: &Path, options: StormOptions) -> anyhow::Result<ExitCode> {
    let StormOptions { minutes, append, servers, seed } = options;
    let seed = seed.unwrap_or_else(rand::random);
    let size = Size { etcds: 3, servers, regions: 5 };
    let mut totals = run(ground, folder, Plan { minutes, size, seed }).await?;
    if let Some(path) = append {
        totals.append(&path)?;
        println!("all pieces:\n{}\n", totals.matrix.table());
    }
    for (class, component) in totals.matrix.empty() {
        println!("never done: {} {}", class.as_str(), component.as_str());
    }
    println!("{totals}");
    Ok(if totals.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
