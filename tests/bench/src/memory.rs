//! P5 and P7: memory of the shipped programs at rest, and of a server for each agent. The floors are programs that only
//! hold the connection: a bare server, and one stub agent.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use meridian_client::ContactView;
use meridian_core::id::RegionId;
use meridian_harness::fleet::SERVICE;
use meridian_harness::process::end_all_in;
use meridian_harness::{ArtifactFolder, Program, Running, ground, program, wait_until};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::fleet;
use crate::machine::resident_when_stable;
use crate::pki::{Authority, IssuedFiles, Subject};
use crate::row::Row;
use crate::stub::{Stub, Stubs};

/// How long an agent may take to connect on a busy machine.
const CONNECT_MAX: Duration = Duration::from_secs(30);
const REGION: &str = "r0000";

/// Agents in P5.
const AGENTS: usize = 1000;

/// Measures and prints the row of a server's memory for each agent.
pub async fn measure_agents() -> anyhow::Result<()> {
    let folder = ground::folder()?;
    let tls = folder.path().join("tls");
    let authority = Authority::create(&tls)?;
    let (bare, address) = bare(&tls).await?;
    let (floor, stub) = per_agent(bare.id().context("the bare server has ended")?, address, &tls).await?;
    stub.quit().await?;
    let (server, listens) = server(&authority, folder.path()).await?;
    let (ours, stub) = per_agent(server.pid(), listens, &tls).await?;
    let what =
        format!("RSS of meridian-server for each of {AGENTS} idle agents, mTLS; floor: a server that only greets");
    Row { id: "P5", floor, ours, unit: "kB", target: "50kB".to_owned(), what }.print();
    stub.quit().await
}

/// What a server grows by for each agent, in kB.
async fn per_agent(pid: u32, address: SocketAddr, tls: &Path) -> anyhow::Result<(f64, Stub)> {
    let (empty, _) = resident_when_stable(pid).await?;
    let stub = Stub::start(address, tls, Stubs::each(AGENTS)).await?;
    let (full, _) = resident_when_stable(pid).await?;
    #[expect(clippy::cast_precision_loss, reason = "a thousand")]
    let each = (full - empty) * 1000.0 / AGENTS as f64;
    Ok((each, stub))
}

/// A server on an embedded store, once it listens.
async fn server(authority: &Authority, folder: &Path) -> anyhow::Result<(Running, SocketAddr)> {
    let data = folder.join("data").display().to_string();
    let store = ["--store".to_owned(), "embedded".to_owned(), "--data".to_owned(), data];
    let (server, listens) = fleet::serve(authority, folder, &store)?;
    wait_until("the server to listen", CONNECT_MAX, || async { tokio::net::TcpStream::connect(listens).await.ok() })
        .await?;
    Ok((server, listens))
}

/// Measures and prints both rows.
pub async fn measure() -> anyhow::Result<()> {
    let folder = ground::folder()?;
    let measured = programs(folder.path()).await;
    // The agent's data plane outlives it by design.
    end_all_in(folder.path(), Duration::from_secs(6));
    measured
}

async fn programs(folder: &Path) -> anyhow::Result<()> {
    let tls = folder.join("tls");
    let authority = Authority::create(&tls)?;
    let (bare, address) = bare(&tls).await?;
    let (floor, _) = resident_when_stable(bare.id().context("the bare server has ended")?).await?;
    let (server, listens) = server(&authority, folder).await?;
    let (ours, own) = resident_when_stable(server.pid()).await?;
    let what = format!(
        "RSS of meridian-server at rest, embedded store, mTLS, no agent ({own:.1}MB of it its own); floor: a server that \
         only greets"
    );
    Row { id: "P7", floor, ours, unit: "MB", target: "15MB".to_owned(), what }.print();

    let stub = Stub::start(address, &tls, Stubs::each(1)).await?;
    let (floor, _) = resident_when_stable(stub.pid()?).await?;
    let agent = agent(&authority, folder, &listens.to_string())?;
    connected(&authority, listens).await?;
    let (ours, own) = resident_when_stable(agent.pid()).await?;
    let what = format!(
        "RSS of meridian-agent at rest, mTLS, one lane ({own:.1}MB of it its own); floor: a client that only holds a session"
    );
    Row { id: "P7", floor, ours, unit: "MB", target: "9MB".to_owned(), what }.print();
    stub.quit().await
}

/// The bare server as a process; it ends with its stdin.
async fn bare(tls: &Path) -> anyhow::Result<(Child, SocketAddr)> {
    let mut child = Command::new(std::env::current_exe()?)
        .args([Path::new("bare"), Path::new("--tls"), tls])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let out = child.stdout.take().context("a pipe from the bare server")?;
    let line = BufReader::new(out).lines().next_line().await?.context("the bare server has ended")?;
    let address = line.strip_prefix("listening ").context("the bare server says where it listens")?.parse()?;
    Ok((child, address))
}

fn agent(authority: &Authority, folder: &Path, server: &str) -> anyhow::Result<Running> {
    let region = RegionId::new(REGION)?;
    let IssuedFiles { cert, key } = authority.issue_files(Subject::Region(&region), "agent")?;
    let artifacts = ArtifactFolder::create(folder.join("artifacts"))?;
    let workload = serde_json::json!({
        "driver": "process", "dir": folder.join("w"), "artifacts": artifacts.path(),
        "command": [program("skyoptima")?, "--listen", "{address}", "--artifact", "{artifact}"],
    });
    let traffic = serde_json::json!({
        "driver": "proxy", "dir": folder.join("t"), "listen": ground::free_address()?,
        "binary": program("meridian-proxy")?,
    });
    // JSON is YAML.
    let config = serde_json::json!({
        "region": REGION, "servers": [server], "state_dir": folder.join("state"),
        "tls": {"ca": authority.cert_file(), "cert": cert, "key": key},
        "lanes": [{"service": SERVICE, "workload": workload, "traffic": traffic}],
    });
    let file = folder.join("agent.yaml");
    std::fs::write(&file, serde_json::to_vec(&config)?)?;
    let log = folder.join("agent.log");
    Program::new(program("meridian-agent")?, log).args([Path::new("--config"), &file]).start()
}

async fn connected(authority: &Authority, server: SocketAddr) -> anyhow::Result<()> {
    let client = fleet::client(authority, server).await?;
    wait_until("the agent to connect", CONNECT_MAX, || async {
        let regions = client.regions().await.ok()?;
        regions.iter().any(|region| region.contact == ContactView::Live).then_some(())
    })
    .await
}
