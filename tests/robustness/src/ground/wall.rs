//! Walls on a node's link, by nftables: whole, one way, with holes, or one that answers with a reset. Each stands in a table
//! of its own, so that several can stand at once. It does not know who is behind.

use std::io::Write;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;

use super::{Node, ip, tool};

/// Numbers the tables.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// What a wall lets through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WallKind {
    /// Nothing.
    Whole,
    /// What goes out.
    Inbound,
    /// What comes in.
    Outbound,
    /// All but this percentage of what comes in.
    Holes(u8),
    /// Nothing, and who comes in over TCP is told to hang up.
    Reset,
}

/// A wall that stands until it is torn down.
#[derive(Debug)]
pub struct Wall {
    node: Node,
    table: String,
}

impl Wall {
    /// Builds one on a node's link: against one peer, or against everybody.
    ///
    /// # Errors
    /// If the kernel refuses the rules.
    pub fn build(node: &Node, kind: WallKind, peer: Option<Ipv4Addr>) -> anyhow::Result<Self> {
        let table = format!("fault{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let nft = tool("nft").context("`nft` is on this machine")?;
        let ip = tool("ip").context("`ip` is on this machine")?;
        let mut command = Command::new(ip);
        command.args(["netns", "exec", &node.namespace]).arg(nft).args(["-f", "-"]);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut input = child.stdin.take().context("the input is piped")?;
        input.write_all(rules(&table, kind, peer).as_bytes())?;
        drop(input);
        let output = child.wait_with_output()?;
        anyhow::ensure!(output.status.success(), "nft: {}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(Self { node: node.clone(), table })
    }

    /// Tears it down.
    ///
    /// # Errors
    /// If it is not there.
    pub fn tear_down(self) -> anyhow::Result<()> {
        let nft = tool("nft").context("`nft` is on this machine")?;
        let nft = nft.to_str().context("its path is text")?;
        ip(&["netns", "exec", &self.node.namespace, nft, "delete", "table", "inet", &self.table])
    }
}

/// The rules of a wall.
fn rules(table: &str, kind: WallKind, peer: Option<Ipv4Addr>) -> String {
    let from = peer.map_or_else(String::new, |peer| format!("ip saddr {peer} "));
    let to = peer.map_or_else(String::new, |peer| format!("ip daddr {peer} "));
    let inbound = format!("chain in {{ type filter hook input priority 0; iifname \"eth0\" {from}");
    let outbound = format!("chain out {{ type filter hook output priority 0; oifname \"eth0\" {to}");
    let chains = match kind {
        WallKind::Whole => format!("{inbound}drop; }}\n{outbound}drop; }}"),
        WallKind::Inbound => format!("{inbound}drop; }}"),
        WallKind::Outbound => format!("{outbound}drop; }}"),
        WallKind::Holes(percent) => format!("{inbound}numgen random mod 100 < {percent} drop; }}"),
        WallKind::Reset => format!("{inbound}meta l4proto tcp reject with tcp reset; }}"),
    };
    format!("table inet {table} {{\n{chains}\n}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_the_link_and_the_peer() {
        let one_way = rules("t", WallKind::Inbound, Some(Ipv4Addr::new(10, 77, 0, 5)));
        assert_eq!(
            one_way,
            "table inet t {\nchain in { type filter hook input priority 0; iifname \"eth0\" ip saddr 10.77.0.5 drop; }\n}\n"
        );
        let whole = rules("t", WallKind::Whole, None);
        assert!(whole.contains("hook input") && whole.contains("hook output") && !whole.contains("addr"), "{whole}");
        assert!(rules("t", WallKind::Holes(30), None).contains("numgen random mod 100 < 30 drop"));
    }
}
