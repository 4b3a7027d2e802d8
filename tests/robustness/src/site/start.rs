//! Command lines and files of what runs on a site. It starts nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use meridian_harness::{ArtifactFolder, program};

use super::{ETCD_PORT, FRONT, GRPC_PORT, Member, SERVICE, small_disk};
use crate::ground::{Node, tool};

/// Members of etcd speak to each other here.
const PEER_PORT: u16 = 2380;
/// Servers tell their health here.
const HTTP_PORT: u16 = 7402;
/// Room for two of etcd's log files of 64 MB each, a third in the making, and its data.
const ETCD_MEGABYTES: u32 = 256;
/// Room for a journal and a data plane's files, and not for much more.
const AGENT_MEGABYTES: u32 = 24;

pub(super) fn etcds(nodes: &[Node], folder: &Path) -> anyhow::Result<Vec<Member>> {
    let peer = |node: &Node| format!("http://{}:{PEER_PORT}", node.address);
    let named = |(index, node): (usize, &Node)| format!("e{}={}", index + 1, peer(node));
    let cluster = nodes.iter().enumerate().map(named).collect::<Vec<_>>().join(",");
    let program = etcd()?;
    let member = |(index, node): (usize, &Node)| {
        let name = format!("e{}", index + 1);
        let disk = folder.join(&name).join("disk");
        small_disk(&disk, ETCD_MEGABYTES)?;
        let (clients, peers) = (format!("http://{}:{ETCD_PORT}", node.address), peer(node));
        let data = disk.join("data").display().to_string();
        let words = [
            ("--name", name.as_str()),
            ("--data-dir", data.as_str()),
            ("--listen-client-urls", &clients),
            ("--advertise-client-urls", &clients),
            ("--listen-peer-urls", &peers),
            ("--initial-advertise-peer-urls", &peers),
            ("--initial-cluster", &cluster),
            ("--logger", "zap"),
            ("--log-level", "warn"),
            // Off by default in 3.4, where a member that comes back would force an election.
            ("--pre-vote", "true"),
        ];
        let args = words.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let log = folder.join(&name).join("log");
        Ok(Member::new(name, node.clone(), Some(disk), program.clone(), args, log))
    };
    nodes.iter().enumerate().map(member).collect()
}

pub(super) fn servers(nodes: &[Node], etcds: &[Node], folder: &Path) -> anyhow::Result<Vec<Member>> {
    let etcd = etcds.iter().map(|node| format!("http://{}:{ETCD_PORT}", node.address)).collect::<Vec<_>>().join(",");
    let program = program("meridian-server")?;
    let member = |(index, node): (usize, &Node)| {
        let name = format!("s{}", index + 1);
        let own = folder.join(&name);
        std::fs::create_dir_all(&own)?;
        let (listen, http) = (format!("{}:{GRPC_PORT}", node.address), format!("{}:{HTTP_PORT}", node.address));
        let words = ["serve", "--plaintext", "--store", "etcd", "--etcd", &etcd, "--listen", &listen, "--http", &http];
        let args = words.map(str::to_owned).to_vec();
        Ok(Member::new(name, node.clone(), None, program.clone(), args, own.join("log")))
    };
    nodes.iter().enumerate().map(member).collect()
}

pub(super) fn agents(
    nodes: &[Node],
    servers: &[Node],
    folder: &Path,
    artifacts: &ArtifactFolder,
) -> anyhow::Result<BTreeMap<String, Member>> {
    let servers: Vec<String> = servers.iter().map(|node| format!("{}:{GRPC_PORT}", node.address)).collect();
    let (agent, slot, proxy) = (program("meridian-agent")?, program("skyoptima")?, program("meridian-proxy")?);
    let mut members = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        let name = format!("r{}", index + 1);
        let own = folder.join(&name);
        let disk = own.join("disk");
        small_disk(&disk, AGENT_MEGABYTES)?;
        let workload = serde_json::json!({
            "driver": "process", "dir": disk.join("w"), "artifacts": artifacts.path(),
            "command": [slot, "--listen", "{address}", "--artifact", "{artifact}"],
        });
        let traffic = serde_json::json!({"driver": "proxy", "dir": disk.join("t"), "listen": FRONT, "binary": proxy});
        // JSON is YAML.
        let config = serde_json::json!({
            "region": name, "servers": servers, "plaintext": true, "state_dir": disk.join("state"),
            "lanes": [{"service": SERVICE, "workload": workload, "traffic": traffic}],
        });
        let path = own.join("agent.yaml");
        std::fs::write(&path, serde_json::to_vec_pretty(&config)?)?;
        let words = ["--log-format".to_owned(), "json".to_owned(), "--config".to_owned(), path.display().to_string()];
        let member =
            Member::new(name.clone(), node.clone(), Some(disk), agent.clone(), words.to_vec(), own.join("log"));
        members.insert(name, member);
    }
    Ok(members)
}

/// The etcd that `cargo xtask tools` installed, the one named by `ETCD_BIN`, or the system's.
fn etcd() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("ETCD_BIN") {
        return Ok(path.into());
    }
    let own = std::env::current_exe()?;
    let ours = own.ancestors().map(|folder| folder.join(".tools/bin/etcd")).find(|path| path.exists());
    ours.or_else(|| tool("etcd")).context("etcd is not installed; run `cargo xtask tools etcd`")
}
